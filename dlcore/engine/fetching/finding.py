"""Finds what is wanted: a package of a catalog, a file at a URL, or what a manifest describes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from dlcore import manifest as documents
from dlcore.digests import Digest
from dlcore.engine.documents.content_library import StatedHash
from dlcore.engine.documents.manifests import load_described
from dlcore.engine.events import DigestFromServer, Event
from dlcore.engine.fetching.file_at_url import (
    check_digest_is_known,
    digest_of,
    manifest_of_file,
    name_of,
)
from dlcore.engine.fetching.metalinked import MetalinkFound, read_metalink
from dlcore.engine.fetching.plain_urls import PlainUrls, Server
from dlcore.engine.fetching.site import OpenedSite
from dlcore.engine.fetching.truth import Origin, Truth
from dlcore.engine.fetching.unknown_length import Measured, Stream, measure
from dlcore.engine.fetching.wanted import Wanted, check_is_readable, digest_of_user, is_file
from dlcore.errors import ConfigError, NotFoundError
from dlcore.model import EndpointSettings, Manifest
from dlcore.package_ids import (
    HOW_TO_WRITE_A_PACKAGE_ID,
    LOCAL_ID,
    content_version,
    package_id,
    published_id,
)
from dlcore.printable import quoted
from dlcore.transfer import Probed, SpooledFile


class FoundContent(NamedTuple):
    """What is to be fetched, and from where.

    Attributes:
        manifest: What it is.
        document: The manifest's bytes.
        urls: Where its objects are, the best first, by their names; None: at the site.
        without_ranges: Those of the URLs whose server is known to send no parts.
        is_file_at_url: Whether it is a single file that was named by its URL.
        led_to: Those of the URLs that only its server named, and the URL at which it did.
        spooled: Has it, in place of the URLs; None if it is still to be received.
        modified_ns: When its server says that it was modified; None if it does not say.
        origin: What vouches for it.
        content_id: What it is called if it is a content without a package id; else empty.
    """

    manifest: Manifest
    document: bytes
    urls: dict[str, list[str]] | None
    without_ranges: frozenset[str] = frozenset()
    is_file_at_url: bool = False
    led_to: Mapping[str, str] = MappingProxyType({})
    spooled: SpooledFile | None = None
    modified_ns: int | None = None
    origin: Origin = Origin()
    content_id: str = ""

    @property
    def label(self) -> str:
        """What a package or a content is called."""
        return self.content_id or self.manifest.package_id

    @property
    def beside(self) -> bool:
        """Whether it has no package id; a single file may then be put beside others."""
        return self.urls is not None


async def find(
    wanted: Wanted,
    site: OpenedSite,
    urls: PlainUrls,
    tell: Callable[[Event], None],
    folder: Path,
    probed: Probed | None = None,
) -> FoundContent:
    """Find out what is wanted.

    Args:
        wanted: What the user says.
        site: Has the packages and native manifests.
        urls: Asks about plain URLs.
        tell: Hears which digest a server says.
        folder: Gets the file, if it is a single one.
        probed: What the server of a file at a URL says; None if it was not asked yet.

    Raises:
        ConfigError: It cannot be fetched as asked, or can only be meant as an id and is not one.
        NotFoundError: There is no such thing.
        IntegrityError: Nothing has the content hash that a deployment states.
        TrustError: The signatures do not prove that the catalog is the publisher's latest.
        TransferError: An endpoint had to be asked for it, and that failed.
        ManifestError: What describes it is malformed.
    """
    check_is_readable(wanted)
    digest = digest_of_user(wanted)
    if not _is_at_a_library(wanted, site):
        site.check_has_no_hash(wanted.shown, is_package=bool(content_named(wanted)))
    if wanted.is_url:
        found = await _find_url(wanted, digest, urls, tell, folder, probed)
        if found.spooled:
            site.close_at_end(found.spooled)
        return found
    if is_file(wanted.what):
        return _find_described(wanted)
    wanted_id = package_id(wanted.what)
    if stated := await site.stated(wanted_id or ""):
        manifest, document = stated
        return FoundContent(
            manifest,
            document,
            None,
            origin=Origin(Truth.CONTENT_LIBRARY, StatedHash.EQUAL),
        )
    if _is_at_a_library(wanted, site):
        manifest, stated_hash = await site.describe(wanted_id or wanted.what)
        return FoundContent(
            manifest,
            documents.encode(manifest),
            None,
            origin=Origin(Truth.CONTENT_LIBRARY, stated_hash),
            content_id="" if wanted_id else wanted.what,
        )
    if at_site := published_id(wanted.what):
        package_index = await site.package_index()
        manifest, document = await package_index.manifest(at_site)
        check_version(manifest, wanted.what)
        return FoundContent(manifest, document, urls=None)
    may_be_file = bool(set(wanted.what) & set("./\\"))
    kind = NotFoundError if may_be_file else ConfigError
    raise kind(
        f"{quoted(wanted.shown)} is neither a package id, nor a URL that dlcore reads,"
        " nor a file that exists",
        remedy=HOW_TO_WRITE_A_PACKAGE_ID,
    )


def content_named(wanted: Wanted) -> str:
    """The package or the content that is wanted, by its id; empty if it is something else.

    Raises:
        ConfigError: A digest is named, with which nothing would be compared.
    """
    if not wanted.is_package:
        return ""
    digest_of_user(wanted)
    is_content = content_version(wanted.what) is not None
    return package_id(wanted.what) or (wanted.what if is_content else "")


def check_version(manifest: Manifest, asked: str) -> None:
    """Refuse another version of an application's content than its id says.

    Args:
        manifest: What the site has.
        asked: The id, perhaps with a version: ``Content_<guid>.2``.

    Raises:
        NotFoundError: It is another one.
    """
    if "." in asked and content_version(asked) != manifest.version:
        raise NotFoundError(
            f"the site has {manifest.package_id} in version {manifest.version},"
            f" not {quoted(asked)}",
            remedy="Ask for that version, or leave the version out.",
        )


def _is_at_a_library(wanted: Wanted, site: OpenedSite) -> bool:
    """Whether a content library says what is wanted."""
    return bool(content_named(wanted) and site.has_libraries)


async def _find_url(
    wanted: Wanted,
    digest: Digest | None,
    urls: PlainUrls,
    tell: Callable[[Event], None],
    folder: Path,
    probed: Probed | None,
) -> FoundContent:
    """A single file, of which the user or its own server vouches for the digest."""
    check_digest_is_known(wanted.what, digest)
    probed = probed or await urls.probe(wanted.what)
    name = wanted.name or name_of(probed)
    told = await read_metalink(wanted.what, probed, name, urls)
    manifest, measured = await _manifest_at_url(wanted, digest, probed, told, urls, folder / name)
    if digest is None:
        said = probed.sha256 or b"".join(item.sha256 for item in manifest.objects)
        tell(DigestFromServer(Server.of(wanted.what).name, said.hex()))
    named = dict.fromkeys([wanted.what, *_urls(wanted.mirrors), *told.mirrors])
    return FoundContent(
        manifest,
        documents.encode(manifest),
        {item.name: list(named) for item in manifest.objects},
        frozenset[str]() if probed.accepts_ranges else frozenset({wanted.what}),
        is_file_at_url=True,
        led_to=_led_to(wanted, told),
        spooled=measured.spooled,
        modified_ns=probed.modified_ns,
        origin=Origin(Truth.DIGEST),
    )


async def _manifest_at_url(
    wanted: Wanted,
    digest: Digest | None,
    probed: Probed,
    told: MetalinkFound,
    urls: PlainUrls,
    target: Path,
) -> tuple[Manifest, Measured]:
    """What the file must be: by the user, else by its server, else by its server's Metalink."""
    if told.manifest and not (digest or probed.sha256):
        measured = Measured(told.manifest.content_bytes)
        urls.check_length(target.name, measured.length_bytes)
        return told.manifest, measured
    has_mirrors = bool(wanted.mirrors)
    decisive = digest_of(probed, digest, has_mirrors=has_mirrors, problem=told.problem)
    measured = Measured(probed.length_bytes or 0)
    if probed.length_bytes is None:
        measured = await measure(Stream(wanted.what, decisive, target), urls)
    urls.check_length(target.name, measured.length_bytes)
    return manifest_of_file(target.name, measured.length_bytes, decisive), measured


def _led_to(wanted: Wanted, told: MetalinkFound) -> dict[str, str]:
    """The mirrors that only the server named, and where it did."""
    named = {wanted.what, *_urls(wanted.mirrors)}
    return {url: wanted.what for url in told.mirrors if url not in named}


def _find_described(wanted: Wanted) -> FoundContent:
    """What a manifest file describes."""
    path = Path(wanted.what)
    described, document = load_described(path)
    manifest = described.manifest
    if manifest.package_id != LOCAL_ID:
        return FoundContent(manifest, document, None)
    told = described.urls or [()] * len(manifest.objects)
    urls = {item.name: list(own) for item, own in zip(manifest.objects, told, strict=True)}
    if len(manifest.objects) == 1:
        urls[manifest.objects[0].name] += _urls(wanted.mirrors)
    elif wanted.mirrors:
        raise ConfigError(
            f"{path} describes {len(manifest.objects)} files, and a URL can be of only one",
            remedy="Leave --from out, or add the URLs to the manifest.",
        )
    if urls and not any(urls.values()):
        raise ConfigError(
            "the manifest names no URL",
            remedy="Say where the file is: a URL with --from.",
        )
    return FoundContent(manifest, documents.encode(manifest), urls)


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
