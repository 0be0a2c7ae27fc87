"""Fetches a package or a file, outside any task sequence: `dlcore.fetch`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from dlcore.engine.access import Access, NamedServers
from dlcore.engine.deliveries import Deliveries, users_deliveries
from dlcore.engine.delivering import Package
from dlcore.engine.download.inquiry import InquiryPolicy
from dlcore.engine.download.packages import Retry
from dlcore.engine.event_log import LoggedBus
from dlcore.engine.events import Event
from dlcore.engine.fetch_into import Fetched, fetch_into, target_of
from dlcore.engine.joint_download import JointDownload
from dlcore.engine.site import NamedSite, Site
from dlcore.engine.sources import Source, open_mirrors
from dlcore.engine.wanted import Found, Wanted, check_sha256, find
from dlcore.errors import ConfigError
from dlcore.model import EndpointSettings
from dlcore.schedule import Terms
from dlcore.transfer import Keyring


async def fetch(
    what: str | Path,
    *,
    to: Path,
    endpoints: Sequence[str | EndpointSettings] = (),
    sha256: str = "",
    catalog: Path | None = None,
    catalog_sha256: str = "",
    trust_root: Path | None = None,
    access: Access | None = None,
    retry: Retry | None = None,
    cap_bytes_per_s: float = 0.0,
    wait_s: float = 0.0,
    deliveries: Path | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> Fetched:
    """Fetch a package by its id, a file by its URL, or what a manifest describes.

    Every block is verified before it counts. If it is broken off, the same call goes on where it
    was; what is there already is verified and not fetched again.

    Args:
        what: A package id, an ``http(s)://`` URL, or the path of a manifest: native, Metalink 4 or
            Delivery Optimization piece hashes.
        to: Folder that becomes the package, complete or not at all. A single file, by its URL or a
            foreign manifest, is put into it beside what is there. If the folder holds the package
            damaged or in another version, what matches is kept and the rest is fetched. A name in
            it that is not the package's is refused.
        endpoints: Where from; all are used at once. Settings, or texts: a published folder,
            ``http(s)://...``, ``cmg+https://...``, ``cloud-dp+https://...``, ``blob+https://...``
            or ``dp+http://...``. For a URL or a foreign manifest: more URLs of the same file.
        sha256: SHA-256 of the file at a URL, hex. For a URL only, and needed there unless its
            server says it (``Repr-Digest``) over https or on this machine.
        catalog: Trusted catalog; by default that of the first endpoint, read over TLS.
        catalog_sha256: SHA-256 that the catalog must have, hex.
        trust_root: Root document that must vouch for the catalog by TUF's signatures; then the
            catalog may also be read without TLS. None if it need not be signed.
        access: What opens endpoints that are named by a text.
        retry: What to do when no endpoint is left that serves the content.
        cap_bytes_per_s: Read at most this much from all endpoints together, 1024 or more; 0.0 for
            no cap.
        wait_s: How long to wait while another process fetches into the same folder.
        deliveries: Folder of the records of what was delivered where; by default the user's own
            (``dlcore/deliveries`` in the state folder of the platform).
        on_event: Called with each event, in the event loop; must not block.

    Returns:
        Where it is, and what it took.

    Raises:
        ConfigError: It cannot be fetched as asked, or the folder holds something that is not
            dlcore's.
        NotFoundError: There is no such package, file or object.
        TrustError: The signatures do not prove that the catalog is the publisher's latest.
        ManifestError: What describes it is malformed.
        TransferError: The catalog, or the length of the file, cannot be asked for.
        ExhaustedError: No endpoint is left to serve some blocks; what was verified is kept.
        IntegrityError: Every endpoint served some block wrong, or the catalog does not have its
            digest.
        LockedError: Another process fetches into the same folder.
        StorageError: The local disk failed, or is full; what was verified is kept.
    """
    bus = LoggedBus(on_event)
    access = access or Access()
    servers = NamedServers(access, (str(what), *endpoints))
    mirrors = [servers.bare(item) if isinstance(item, str) else item for item in endpoints]
    wanted = Wanted(servers.bare(str(what)), sha256, mirrors=mirrors)
    named = NamedSite(endpoints, catalog, catalog_sha256, trust_root)
    check_sha256("catalog's SHA-256", catalog_sha256)
    _check_root(wanted, trust_root)
    policy = InquiryPolicy.lasting(retry.total_s if retry else None)
    async with AsyncExitStack() as stack:
        stack.enter_context(contextlib.closing(bus))
        site = Site(named, access, stack, bus.emit, servers, policy)
        found = await find(wanted, site, servers.keyring, bus.emit, to)
        sources = (
            site.sources()
            if found.urls is None
            else _mirrors(found, access, stack, servers.keyring)
        )
        package = Package(found.manifest, found.document)
        records = Deliveries(deliveries or users_deliveries())
        goal = target_of(to, found.manifest, records, beside=found.beside)
        name = found.manifest.package_id
        joint = JointDownload({name: sources}, bus, retry, cap_bytes_per_s)
        stack.push_async_callback(joint.aclose)
        return await fetch_into(goal, package, joint, name, wait_s=wait_s)


def _check_root(wanted: Wanted, trust_root: Path | None) -> None:
    if trust_root and not wanted.is_package:
        raise ConfigError(
            f"a root vouches for packages of a catalog, but {wanted.what} is not a package id",
            remedy="Leave --trust-root (trust_root) out, or fetch the package by its id.",
        )


def _mirrors(found: Found, access: Access, stack: AsyncExitStack, keyring: Keyring) -> list[Source]:
    if found.spooled:
        return [(found.spooled, Terms())]
    urls = found.urls or {}
    mirrors = open_mirrors(urls, access, stack, keyring, without_ranges=found.without_ranges)
    return [mirror.source for mirror in mirrors]
