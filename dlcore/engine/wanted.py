"""What a fetch is for: a package of a catalog, a file at a URL, or what a manifest describes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

from dlcore import manifest as documents
from dlcore.deployment import is_protected
from dlcore.engine.catalog import read_catalog
from dlcore.engine.download.asking import Asking
from dlcore.engine.download.library import Library
from dlcore.engine.events import DigestFromServer, Event
from dlcore.engine.file_at_url import check_digest_is_known, digest_of, name_of
from dlcore.engine.manifests import load_described
from dlcore.engine.sources import Access, Source, open_mirrors, open_sources, settings_of
from dlcore.engine.trusted import TrustedRoot
from dlcore.errors import ConfigError, Fault, IntegrityError, NotFoundError, TransferError
from dlcore.long_path import long_path
from dlcore.model import EndpointSettings, File, Manifest, Object
from dlcore.package_ids import HOW_TO_WRITE_A_PACKAGE_ID, LOCAL_ID, package_id
from dlcore.printable import quoted
from dlcore.transfer import probe_url


class Wanted(NamedTuple):
    """What is wanted, as the user says it.

    Attributes:
        what: A package id, a URL, or the path of a manifest.
        endpoints: Where from.
        sha256: Digest of the file at a URL, hex; else empty.
        catalog: The trusted catalog; None for the first endpoint's.
        catalog_sha256: Digest that the catalog must have, hex; empty for any.
        trust_root: Root document that must vouch for the catalog; None if it need not be signed.
    """

    what: str
    endpoints: Sequence[str | EndpointSettings]
    sha256: str
    catalog: Path | None
    catalog_sha256: str
    trust_root: Path | None = None


class Server(NamedTuple):
    """A server that is asked before it is an endpoint."""

    name: str


class Found(NamedTuple):
    """What is to be fetched, and from where.

    Attributes:
        manifest: What it is.
        document: The manifest's bytes.
        sources: The endpoints that may have it.
        beside: Whether it is a single file that may be put beside what is in the folder.
    """

    manifest: Manifest
    document: bytes
    sources: list[Source]
    beside: bool


async def find(
    wanted: Wanted, access: Access, stack: AsyncExitStack, tell: Callable[[Event], None]
) -> Found:
    """Find out what is wanted and open its endpoints.

    Args:
        wanted: What the user says.
        access: What opens endpoints.
        stack: Closes them.
        tell: Hears of endpoints that ask for time.

    Raises:
        ConfigError: It cannot be fetched as asked.
        NotFoundError: There is no such thing.
        TrustError: The signatures do not prove that the catalog is the publisher's latest.
        TransferError: An endpoint had to be asked for it, and that failed.
        ManifestError: What describes it is malformed.
    """
    _check_digests(wanted)
    is_package = not (_is_url(wanted.what) or _is_file(wanted.what))
    if wanted.trust_root and not is_package:
        raise ConfigError(
            f"a root vouches for packages of a catalog, but {wanted.what} is not a package id",
            remedy="Leave --trust-root (trust_root) out, or fetch the package by its id.",
        )
    if _is_url(wanted.what):
        return await _find_url(wanted, access, stack, tell)
    if _is_file(wanted.what):
        return _find_described(wanted, access, stack)
    if wanted_id := package_id(wanted.what):
        return await _find_package(wanted_id, wanted, access, stack, tell)
    raise NotFoundError(
        f"{quoted(wanted.what)} is neither a package id, nor an http(s) URL,"
        " nor a file that exists",
        remedy=HOW_TO_WRITE_A_PACKAGE_ID,
    )


def _check_digests(wanted: Wanted) -> None:
    """Refuse what cannot be a digest, and a digest that nothing would be compared with."""
    for name, value in (("SHA-256", wanted.sha256), ("catalog's SHA-256", wanted.catalog_sha256)):
        if value and not re.fullmatch(r"[0-9A-Fa-f]{64}", value):
            raise ConfigError(
                f"the {name} does not have 64 hexadecimal digits",
                remedy="Give it as sha256sum prints it.",
            )
    if wanted.sha256 and not _is_url(wanted.what):
        raise ConfigError(
            f"a SHA-256 was given for a file at a URL, but {wanted.what} is not a URL",
            remedy="Leave --sha256 (sha256) out: the manifest has the digests. To pin a catalog,"
            " give --catalog-sha256 (catalog_sha256).",
        )


def _is_url(what: str) -> bool:
    return what.lower().startswith(("http://", "https://"))


def _is_file(path: str) -> bool:
    return long_path(Path(path)).is_file()


async def _find_url(
    wanted: Wanted, access: Access, stack: AsyncExitStack, tell: Callable[[Event], None]
) -> Found:
    """A single file, of which the user or its own server vouches for the digest."""
    check_digest_is_known(wanted.what, wanted.sha256)
    server = Server(wanted.what.partition("://")[2].partition("/")[0].rpartition("@")[2])
    try:
        probed = await Asking(tell).ask(
            server, lambda: probe_url(wanted.what, ca_file=access.ca_file)
        )
    except TransferError as error:
        if error.fault is not Fault.NOT_FOUND:
            raise
        raise NotFoundError(error.message, remedy="Check the URL.") from None
    has_mirrors = bool(wanted.endpoints)
    sha256 = digest_of(probed, wanted.sha256.lower(), has_mirrors=has_mirrors)
    if not wanted.sha256:
        tell(DigestFromServer(server.name, sha256))
    manifest = _manifest_of_file(name_of(probed), probed.length_bytes, sha256)
    urls = [[wanted.what, *_urls(wanted.endpoints)]] if probed.length_bytes else []
    sources = open_mirrors(urls, manifest, access, stack, first_sends_ranges=probed.accepts_ranges)
    return Found(manifest, documents.encode(manifest), sources, beside=True)


def _manifest_of_file(name: str, length_bytes: int, sha256: str) -> Manifest:
    """The manifest of a file of which only the digest of the whole is known."""
    objects: tuple[Object, ...] = ()
    file = File(name, 0)
    if length_bytes:
        objects = (Object(sha256, length_bytes, sha256=bytes.fromhex(sha256)),)
        file = File(name, length_bytes, 0)
    elif sha256 != documents.digest_of(b""):
        raise IntegrityError(
            f"{name} is empty at its URL, but its SHA-256 is not that of an empty file",
            path=name,
            remedy="Check the URL and the digest.",
        )
    return Manifest(
        schema=1,
        package_id=LOCAL_ID,
        version=1,
        block_bytes=documents.block_bytes_for(length_bytes),
        objects=objects,
        files=(file,),
    )


def _find_described(wanted: Wanted, access: Access, stack: AsyncExitStack) -> Found:
    """What a manifest file describes."""
    path = Path(wanted.what)
    described, document = load_described(path)
    manifest = described.manifest
    if manifest.package_id != LOCAL_ID:
        sources = open_sources(wanted.endpoints, access, stack)
        return Found(manifest, document, sources, beside=False)
    urls = [list(own) for own in described.urls] or [[] for _ in manifest.objects]
    if len(manifest.objects) == 1:
        urls[0] += _urls(wanted.endpoints)
    elif wanted.endpoints:
        raise ConfigError(
            f"{path} describes {len(manifest.objects)} files, and a URL can be of only one",
            remedy="Leave --from (endpoints) out, or add the URLs to the manifest.",
        )
    sources = open_mirrors(urls, manifest, access, stack)
    return Found(manifest, documents.encode(manifest), sources, beside=True)


def _urls(endpoints: Sequence[str | EndpointSettings]) -> list[str]:
    """More URLs of a single file.

    Raises:
        ConfigError: An endpoint is given by its settings, not by a URL.
    """
    urls = [item for item in endpoints if isinstance(item, str)]
    if len(urls) < len(endpoints):
        raise ConfigError(
            "a file at a URL is fetched from URLs only",
            remedy="Name its other URLs as texts in place of endpoint settings.",
        )
    return urls


async def _find_package(
    wanted_id: str,
    wanted: Wanted,
    access: Access,
    stack: AsyncExitStack,
    tell: Callable[[Event], None],
) -> Found:
    """A package of a catalog."""
    sources = open_sources(wanted.endpoints, access, stack)
    endpoints = [endpoint for endpoint, _ in sources]
    vouched = wanted.catalog or wanted.catalog_sha256 or wanted.trust_root
    if not vouched and not is_protected(settings_of(wanted.endpoints[0], 0, access)):
        raise ConfigError(
            f"the catalog at {endpoints[0].name} is read without TLS, so anyone could alter it",
            remedy="Use https, or give --trust-root, --catalog or --catalog-sha256 (trust_root,"
            " catalog, catalog_sha256).",
        )
    root = wanted.trust_root
    read = await read_catalog(
        path=wanted.catalog,
        endpoint=None if wanted.catalog else endpoints[0],
        sha256=wanted.catalog_sha256,
        trust=TrustedRoot(root, None) if root else None,
        tell=tell,
    )
    beside = wanted.catalog.parent if wanted.catalog else None
    library = Library(read.catalog, endpoints, None, beside, tell=tell)
    manifest, document = await library.manifest(wanted_id)
    return Found(manifest, document, sources, beside=False)
