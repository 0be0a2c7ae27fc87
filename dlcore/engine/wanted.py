"""What a fetch is for: a package of a catalog, a file at a URL, or what a manifest describes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from dlcore import manifest as documents
from dlcore.engine.events import DigestFromServer, Event
from dlcore.engine.file_at_url import check_digest_is_known, digest_of, name_of
from dlcore.engine.manifests import load_described
from dlcore.engine.site import Site
from dlcore.engine.unknown_length import Measured, Stream, measure
from dlcore.errors import ConfigError, Fault, IntegrityError, NotFoundError, TransferError
from dlcore.long_path import long_path
from dlcore.model import EndpointSettings, File, Manifest, Object
from dlcore.package_ids import HOW_TO_WRITE_A_PACKAGE_ID, LOCAL_ID, package_id
from dlcore.printable import quoted
from dlcore.transfer import Keyring, SpooledFile, probe_url


class Wanted(NamedTuple):
    """What is wanted, as the user says it.

    Attributes:
        what: A package id, a URL, or the path of a manifest.
        sha256: Digest of the file at a URL, hex; else empty.
        mirrors: More URLs of a single file; not used for packages.
    """

    what: str
    sha256: str = ""
    mirrors: Sequence[str | EndpointSettings] = ()

    @property
    def is_url(self) -> bool:
        """Whether it is a file at a URL."""
        return self.what.lower().startswith(("http://", "https://"))

    @property
    def is_package(self) -> bool:
        """Whether it can only be a package of a catalog."""
        return not (self.is_url or _is_file(self.what))


class Server(NamedTuple):
    """A server that is asked before it is an endpoint."""

    name: str

    @classmethod
    def of(cls, url: str) -> Server:
        """The server of a URL."""
        return cls(url.partition("://")[2].partition("/")[0].rpartition("@")[2])


class Found(NamedTuple):
    """What is to be fetched, and from where.

    Attributes:
        manifest: What it is.
        document: The manifest's bytes.
        urls: Where its objects are, the best first, by their names; None: at the site.
        without_ranges: Those of the URLs whose server is known to send no parts.
        spooled: Has it, in place of the URLs; None if it is still to be received.
    """

    manifest: Manifest
    document: bytes
    urls: dict[str, list[str]] | None
    without_ranges: frozenset[str] = frozenset()
    spooled: SpooledFile | None = None

    @property
    def beside(self) -> bool:
        """Whether it has no package id; a single file may then be put beside others."""
        return self.urls is not None


async def find(
    wanted: Wanted, site: Site, keyring: Keyring, tell: Callable[[Event], None], folder: Path
) -> Found:
    """Find out what is wanted.

    Args:
        wanted: What the user says.
        site: Has the packages and native manifests.
        keyring: Which server is shown what.
        tell: Hears of endpoints that ask for time.
        folder: Gets what is fetched.

    Raises:
        ConfigError: It cannot be fetched as asked.
        NotFoundError: There is no such thing.
        TrustError: The signatures do not prove that the catalog is the publisher's latest.
        TransferError: An endpoint had to be asked for it, and that failed.
        ManifestError: What describes it is malformed.
    """
    _check_digest(wanted)
    if wanted.is_url:
        return await _find_url(wanted, site, keyring, tell, folder)
    if _is_file(wanted.what):
        return _find_described(wanted)
    if wanted_id := package_id(wanted.what):
        library = await site.library()
        return Found(*await library.manifest(wanted_id), urls=None)
    raise NotFoundError(
        f"{quoted(wanted.what)} is neither a package id, nor an http(s) URL,"
        " nor a file that exists",
        remedy=HOW_TO_WRITE_A_PACKAGE_ID,
    )


def check_sha256(name: str, value: str) -> None:
    """Refuse what cannot be a SHA-256.

    Args:
        name: What it is called in the message.
        value: As the user wrote it; empty if it is not given.

    Raises:
        ConfigError: It does not have 64 hexadecimal digits.
    """
    if value and not re.fullmatch(r"[0-9A-Fa-f]{64}", value):
        raise ConfigError(
            f"the {name} does not have 64 hexadecimal digits",
            remedy="Give it as sha256sum prints it.",
        )


def _check_digest(wanted: Wanted) -> None:
    """Refuse what cannot be a digest, and a digest that nothing would be compared with."""
    check_sha256("SHA-256", wanted.sha256)
    if wanted.sha256 and not wanted.is_url:
        raise ConfigError(
            f"a SHA-256 was given for a file at a URL, but {wanted.what} is not a URL",
            remedy="Leave --sha256 (sha256) out: the manifest has the digests. To pin a catalog,"
            " give --catalog-sha256 (catalog_sha256).",
        )


def _is_file(path: str) -> bool:
    return long_path(Path(path)).is_file()


async def _find_url(
    wanted: Wanted,
    site: Site,
    keyring: Keyring,
    tell: Callable[[Event], None],
    folder: Path,
) -> Found:
    """A single file, of which the user or its own server vouches for the digest."""
    check_digest_is_known(wanted.what, wanted.sha256)
    server = Server.of(wanted.what)
    try:
        probed = await site.asking.ask(server, lambda: probe_url(wanted.what, keyring=keyring))
    except TransferError as error:
        if error.fault is not Fault.NOT_FOUND:
            raise
        raise NotFoundError(error.message, remedy="Check the URL.") from None
    has_mirrors = bool(wanted.mirrors)
    sha256 = digest_of(probed, wanted.sha256.lower(), has_mirrors=has_mirrors)
    if not wanted.sha256:
        tell(DigestFromServer(server.name, sha256))
    name, measured = name_of(probed), Measured(probed.length_bytes or 0)
    stream = Stream(wanted.what, sha256, folder / name, site.max_file_bytes)
    if probed.length_bytes is None:
        measured = await measure(stream, server, site.asking, keyring)
    if measured.spooled:
        site.close_at_end(measured.spooled)
    stream.check_length(measured.length_bytes)
    manifest = _manifest_of_file(name, measured.length_bytes, sha256)
    urls = {item.name: [wanted.what, *_urls(wanted.mirrors)] for item in manifest.objects}
    without_ranges = frozenset[str]() if probed.accepts_ranges else frozenset({wanted.what})
    document = documents.encode(manifest)
    return Found(manifest, document, urls, without_ranges, measured.spooled)


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


def _find_described(wanted: Wanted) -> Found:
    """What a manifest file describes."""
    path = Path(wanted.what)
    described, document = load_described(path)
    manifest = described.manifest
    if manifest.package_id != LOCAL_ID:
        return Found(manifest, document, None)
    told = described.urls or [()] * len(manifest.objects)
    urls = {item.name: list(own) for item, own in zip(manifest.objects, told, strict=True)}
    if len(manifest.objects) == 1:
        urls[manifest.objects[0].name] += _urls(wanted.mirrors)
    elif wanted.mirrors:
        raise ConfigError(
            f"{path} describes {len(manifest.objects)} files, and a URL can be of only one",
            remedy="Leave --from (endpoints) out, or add the URLs to the manifest.",
        )
    if urls and not any(urls.values()):
        raise ConfigError(
            "the manifest names no URL",
            remedy="Say where the file is: a URL with --from or in the argument endpoints.",
        )
    return Found(manifest, documents.encode(manifest), urls)


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
