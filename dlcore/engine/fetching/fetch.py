"""Fetches a package or a file, outside any task sequence: `dlcore.fetch`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from msgspec.structs import replace

from dlcore.deployment import Deployment
from dlcore.engine.download.retry import Retry
from dlcore.engine.events import Event
from dlcore.engine.fetching.access import Access
from dlcore.engine.fetching.call import FetchItem
from dlcore.engine.fetching.early_bytes import EarlyBytes
from dlcore.engine.fetching.ending import ending_told
from dlcore.engine.fetching.fetch_into import Fetched, fetch_into
from dlcore.engine.fetching.joint_download import JointDownload
from dlcore.engine.fetching.new_folders import removed_if_empty
from dlcore.engine.fetching.options import FetchOptions
from dlcore.engine.fetching.preparing import prepare
from dlcore.engine.fetching.selecting import with_origin
from dlcore.engine.fetching.site import NamedSite
from dlcore.engine.listeners.log import LoggedBus
from dlcore.model import EndpointSettings


async def fetch(
    what: str | Path,
    *,
    to: Path,
    endpoints: Sequence[str | EndpointSettings] = (),
    sha256: str = "",
    checksum: str = "",
    name: str = "",
    catalog: Path | None = None,
    catalog_sha256: str = "",
    trust_root: Path | None = None,
    access: Access | None = None,
    retry: Retry | None = None,
    cap_bytes_per_s: float = 0.0,
    wait_s: float = 0.0,
    deliveries: Path | None = None,
    on_event: Callable[[Event], None] | None = None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    remote_time: bool = False,
    seeds: Sequence[Path] = (),
    content_hash: str = "",
    deployment: Deployment | None = None,
) -> Fetched:
    """Fetch a package by its id, a file by its URL, or what a manifest describes.

    Every block is verified before it counts. If it is broken off, the same call goes on where it
    was; what is there already is verified and not fetched again.

    Args:
        what: A package id, a content id of a content library, a URL (``http(s)://``, ``az://``,
            ``s3://``, ``gs://``, ``file://``), or the path of a manifest: native, Metalink 4 or
            Delivery Optimization piece hashes.
        to: Folder that becomes the package, complete or not at all. A single file, by its URL or a
            foreign manifest, is put into it beside what is there. If the folder holds the package
            damaged or in another version, what matches is kept and the rest is fetched. A name in
            it that is not the package's is refused.
        endpoints: Where from; all are used at once. Settings, or texts: a published folder,
            ``http(s)://...``, ``az://...``, ``s3://...``, ``gs://...``, ``file://...``,
            ``cmg+https://...``, ``cloud-dp+https://...``, ``blob+https://...``,
            ``dp+http://...`` or ``content-library+FOLDER``, one for each drive of the library. If
            the first is a content library, and no catalog is named, its INI files say what the
            package is. For a URL or a foreign manifest: more URLs of the same file.
        sha256: SHA-256 of the file at a URL, hex. For a URL only, and needed there unless its
            server says it (``Repr-Digest``) over https or on this machine.
        checksum: Another digest of that file, in place of its SHA-256: ``sha-512=...``, hex; also
            SHA-1, SHA-224, SHA-384 and BLAKE2b. The file is verified by it as given.
        name: What the file at a URL is called in ``to``; empty for its name at the server.
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
        on_event: Called with each event, in the event loop; must not block. What it raises is
            logged, and the fetch goes on.
        include: Patterns of the only files of the package to fetch, such as ``*.inf`` or
            ``drivers/**``; none for all. The folder is then not the package, but a part of it
            whose files are verified; a later call without patterns completes it.
        exclude: Patterns of files that are not fetched, although they are included.
        remote_time: Whether the file at a URL gets the time of modification that its server says,
            which nothing verifies. A file that is there already keeps its own.
        seeds: Folders whose files are taken over in place of fetching them, if they are right:
            older deliveries, say. They need not be known by their names.
        content_hash: ConfigMgr's package content hash that the package must have, hex; empty for
            any. For a package from a ``content-library``, or from a ``dp``: there it is all that
            vouches for the package, unless the content library can be read at the same place, so
            that all files are received before one of them is known to be right.
        deployment: The settings of a deployment, in place of endpoints, catalog and root, for a
            package. Its boundary groups and its bandwidth schedule hold; its cap, time limits and
            seeds are used where none are given.

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
    options = FetchOptions(
        to=to,
        site=NamedSite(endpoints, catalog, catalog_sha256, trust_root, content_hash=content_hash),
        access=access or Access(),
        retry=retry,
        cap_bytes_per_s=cap_bytes_per_s,
        wait_s=wait_s,
        deliveries=deliveries,
        include=include,
        exclude=exclude,
        remote_time=remote_time,
        seeds=seeds,
        deployment=deployment,
    )
    return await fetch_item(FetchItem(str(what), sha256, checksum, name), options, on_event)


async def fetch_item(
    item: FetchItem, options: FetchOptions, on_event: Callable[[Event], None] | None = None
) -> Fetched:
    """Fetch one thing.

    Args:
        item: What to fetch. Its place is what a file at a URL is called.
        options: How, as the user says it.
        on_event: As of `fetch`.

    Raises:
        DlcoreError: As `fetch`.
    """
    bus = LoggedBus(on_event)
    early = EarlyBytes()
    call = options.call(bus.emit, early)
    async with AsyncExitStack() as stack:
        stack.enter_context(contextlib.closing(bus))
        count = stack.enter_context(ending_told(bus, early))
        begun = await prepare(item, call, bus, stack)
        for event in begun.origin.events(begun.name, call.site.content_hash):
            bus.emit(event)
        wanted = {begun.name: begun.sources}
        joint = JointDownload.of_call(call, wanted, bus, begun.patch_digests)
        count.include(joint)
        stack.push_async_callback(joint.aclose)
        with removed_if_empty([begun.goal.path.parent]):
            fetched = await fetch_into(
                begun.goal,
                begun.package,
                joint,
                begun.name,
                wait_s=call.wait_s,
                arrived=begun.origin.arrived,
            )
        fetched = with_origin(fetched, begun.selection, begun.origin, early.wasted_bytes)
        return replace(fetched, boundary=call.rules.groups if call.rules else None)
