"""What ``dlcore fetch`` is to fetch: a package of a catalog, a file at a URL, or a manifest's."""

from __future__ import annotations

import re
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

from dlcore import manifest as documents
from dlcore.cli.sources import Access, open_mirrors, open_sources
from dlcore.engine.download.library import Library, read_catalog
from dlcore.engine.events import EventBus
from dlcore.errors import ConfigError, IntegrityError, NotFoundError
from dlcore.model import DEFAULT_BLOCK_BYTES, File, Manifest, Object
from dlcore.transfer import Endpoint, probe_url

_OTHER_URL = "Check the URL and the digest."
LOCAL_ID = "LOCAL000"  # the package id of content that has none


class Asked(NamedTuple):
    """What is wanted, as the command line says it."""

    what: str
    sources: tuple[str, ...]
    sha256: str
    catalog: Path | None
    catalog_sha256: str


class Found(NamedTuple):
    """What is to be fetched, and from whom.

    Attributes:
        manifest: What it is.
        document: The manifest's bytes.
        endpoints: Who has it.
        beside: A file like any other, that may be put beside what is in the folder.
    """

    manifest: Manifest
    document: bytes
    endpoints: list[Endpoint]
    beside: bool


async def find(asked: Asked, access: Access, stack: AsyncExitStack, bus: EventBus) -> Found:
    """Find out what is wanted and open its endpoints.

    Args:
        asked: What the command line says.
        access: What opens endpoints.
        stack: Closes them.
        bus: Hears of those that ask for time.

    Raises:
        ConfigError: It cannot be fetched as asked.
        NotFoundError: There is no such thing.
        TransferError: It had to be asked for, and that failed.
        ManifestError: What describes it is malformed.
    """
    _check_digests(asked)
    if _is_url(asked.what):
        return await _find_url(asked, access, stack)
    if _is_file(asked.what):
        return _find_described(asked, access, stack)
    if re.fullmatch(r"[A-Za-z0-9]{8}", asked.what):
        return await _find_package(asked, access, stack, bus)
    raise NotFoundError(
        f"{asked.what!r} is no package id, no http(s) URL, and no file that exists",
        remedy="A package id has eight letters and digits, such as ABC00012.",
    )


def _check_digests(asked: Asked) -> None:
    """Refuse digests that cannot be one, or that nothing would be compared with."""
    for option, value in (("--sha256", asked.sha256), ("--catalog-sha256", asked.catalog_sha256)):
        if value and not re.fullmatch(r"[0-9A-Fa-f]{64}", value):
            raise ConfigError(
                f"{option} is no SHA-256", remedy="Give 64 hexadecimal digits, as sha256sum prints."
            )
    if asked.sha256 and not _is_url(asked.what):
        raise ConfigError(
            f"--sha256 is the digest of a file at a URL, which {asked.what} is not",
            remedy="Leave it out: the manifest has the digests. --catalog-sha256 pins a catalog.",
        )


def _is_url(what: str) -> bool:
    return what.lower().startswith(("http://", "https://"))


def _is_file(path: str) -> bool:
    return Path(path).is_file()


async def _find_url(asked: Asked, access: Access, stack: AsyncExitStack) -> Found:
    """A single file, of which the user vouches for the digest."""
    if not asked.sha256:
        raise ConfigError(
            "a file at a URL is fetched only with its digest, so that it can be verified",
            remedy="Give --sha256 with 64 hexadecimal digits, or a manifest.",
        )
    probed = await probe_url(asked.what, ca_file=access.ca_file)
    name = _safe_name(probed.name)
    sha256 = asked.sha256.lower()
    if not probed.length_bytes and sha256 != documents.digest_of(b""):
        raise IntegrityError(
            f"{name} is empty there, which its SHA-256 says it is not", path=name, remedy=_OTHER_URL
        )
    content = Object(sha256, probed.length_bytes, sha256=bytes.fromhex(sha256))
    manifest = Manifest(
        schema=1,
        package_id=LOCAL_ID,
        version=1,
        block_bytes=DEFAULT_BLOCK_BYTES,
        objects=(content,) if probed.length_bytes else (),
        files=(File(name, probed.length_bytes, 0 if probed.length_bytes else -1),),
    )
    urls = [[asked.what, *asked.sources]] if probed.length_bytes else []
    endpoints = open_mirrors(urls, manifest, access, stack)
    return Found(manifest, documents.encode(manifest), endpoints, beside=True)


def _safe_name(name: str) -> str:
    """The file name that a URL ends in, if it can be one everywhere."""
    documents.check_path(name or "content")
    return name or "content"


def _find_described(asked: Asked, access: Access, stack: AsyncExitStack) -> Found:
    """What a manifest file describes."""
    path = Path(asked.what)
    document = path.read_bytes()
    described = documents.read_any(document, source=str(path), package_id=LOCAL_ID, path=path.stem)
    manifest = described.manifest
    if manifest.package_id != LOCAL_ID:
        endpoints = open_sources(asked.sources, access, stack)
        return Found(manifest, document, endpoints, beside=False)
    urls = [list(own) for own in described.urls] or [[] for _ in manifest.objects]
    if len(manifest.objects) == 1:
        urls[0] += asked.sources
    elif asked.sources:
        raise ConfigError(
            f"{path} tells of {len(manifest.objects)} files, so --from cannot say whose URL it is",
            remedy="Leave --from out, or add the URLs to the manifest.",
        )
    endpoints = open_mirrors(urls, manifest, access, stack)
    return Found(manifest, documents.encode(manifest), endpoints, beside=True)


async def _find_package(
    asked: Asked, access: Access, stack: AsyncExitStack, bus: EventBus
) -> Found:
    """A package of a catalog."""
    endpoints = open_sources(asked.sources, access, stack)
    first = asked.sources[0]
    is_open = re.match("[^:]*http://", first, re.IGNORECASE)
    if is_open and not (asked.catalog or asked.catalog_sha256):
        raise ConfigError(
            f"the catalog at {first} is read without TLS, so anyone could alter it",
            remedy="Use https, or give --catalog or --catalog-sha256.",
        )
    catalog = await read_catalog(
        path=asked.catalog,
        endpoint=None if asked.catalog else endpoints[0],
        sha256=asked.catalog_sha256,
        tell=bus.emit,
    )
    beside = asked.catalog.parent if asked.catalog else None
    library = Library(catalog, endpoints, None, beside, tell=bus.emit)
    manifest, document = await library.manifest(asked.what.upper())
    return Found(manifest, document, endpoints, beside=False)
