"""Which packages and versions a site holds: the current ones, and earlier ones that it has kept.

The catalog vouches for the current ones. Nothing vouches for earlier ones but the name of their
manifest, which is its digest. An earlier one that does not match it, or cannot be read any more, is
left out, and the log says so.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

import msgspec

from dlcore.errors import ConfigError, IntegrityError, ManifestError, NotFoundError
from dlcore.manifest import MAX_MANIFEST_BYTES, decode, decode_catalog, digest_of
from dlcore.model import CATALOG_KEY, CatalogEntry, Manifest, manifest_key
from dlcore.publish.destination import Site
from dlcore.publish.documents import read_document
from dlcore.publish.history import Standing, digest_in, read_history
from dlcore.publish.opening import open_site
from dlcore.publish.site import read_catalog
from dlcore.spelling import IDS, hint

_log = logging.getLogger(__name__)


class PackageVersion(msgspec.Struct, frozen=True):
    """A version of a package that a site holds.

    Attributes:
        package_id: ``ABC00012``.
        version: Source version.
        content_bytes: Length of all files together.
        manifest: SHA-256 of the manifest document, hex.
        is_current: Whether the catalog names it.
    """

    package_id: str
    version: int
    content_bytes: int
    manifest: str
    is_current: bool


def list_site(
    where: str, *, with_earlier: bool = False, ca_file: str = ""
) -> tuple[PackageVersion, ...]:
    """What a site holds, by package id and version.

    Args:
        where: A folder, or a URL with the scheme ``http``, ``https``, ``az``, ``s3`` or ``gs``.
        with_earlier: Whether to list earlier versions too; then each manifest is read.
        ca_file: PEM file of authorities to trust besides the system's; empty for none.

    Raises:
        ConfigError: The URL cannot be used; or the site is a web server, which does not list
            earlier versions.
        NotFoundError: There is no catalog.
        ManifestError: The catalog is malformed.
        StorageError: The disk failed.
        TransferError: The site failed.
    """
    site = open_site(where, ca_file=ca_file)
    current = _current(site)
    found = [_listed(package_id, entry) for package_id, entry in current.items()]
    if with_earlier:
        found += [each for each, _ in _earlier(site, current)]
    return tuple(sorted(found, key=lambda each: (each.package_id, each.version, each.manifest)))


def read_version(where: str, package_id: str, wanted: str, *, ca_file: str = "") -> Manifest:
    """The manifest of one version of a package.

    Args:
        where: As of `list_site`.
        package_id: The package.
        wanted: The version as a number, or the SHA-256 of its manifest in hex; empty for the
            current version.
        ca_file: As of `list_site`.

    Raises:
        NotFoundError: There is no such package or version.
        IntegrityError: The manifest of the current version is damaged.
        ConfigError: As `list_site`; or several manifests have this version.
        ManifestError: The catalog or the manifest is malformed.
        StorageError: The disk failed.
        TransferError: The site failed.
    """
    return version_at(open_site(where, ca_file=ca_file), package_id, wanted)


def version_at(site: Site, package_id: str, wanted: str) -> Manifest:
    """As `read_version`, of a site that is open."""
    current = _current(site)
    entry = current.get(package_id)
    if entry and wanted.lower() in {"", str(entry.version), entry.manifest}:
        return _manifest(site, manifest_key(entry.manifest))
    if not entry and not wanted:
        raise _missing_error(site, package_id, wanted, current)
    versions = [(each, m) for each, m in _earlier(site, current) if each.package_id == package_id]
    matching = [m for each, m in versions if wanted.lower() in {str(each.version), each.manifest}]
    if not matching:
        raise _missing_error(site, package_id, wanted, current)
    if len(matching) > 1:
        raise ConfigError(
            f"{site.name}: {package_id} was published {len(matching)} times as version {wanted}",
            remedy="Name the digest of one manifest, as dlcore list --earlier --json shows it.",
        )
    return matching[0]


def _current(site: Site) -> dict[str, CatalogEntry]:
    return decode_catalog(read_catalog(site), source=f"{site.name}/{CATALOG_KEY}").packages


def _earlier(
    site: Site, current: dict[str, CatalogEntry]
) -> Iterator[tuple[PackageVersion, Manifest]]:
    """Versions whose manifests the site has and the catalog does not name.

    A manifest that the catalog never named is left out: its publisher was killed or refused.
    """
    keys = site.keys("manifests")
    if keys is None:
        raise ConfigError(
            f"{site.name} is a web server, which does not list earlier versions",
            remedy="Name the folder or the object store in which the site is.",
        )
    named = {manifest_key(entry.manifest) for entry in current.values()}
    history = read_history(site)
    for key in keys:
        if history and history.standing(digest_in(key)) is Standing.UNPUBLISHED:
            continue
        if key not in named:
            try:
                manifest = _manifest(site, key)
            except (IntegrityError, ManifestError) as error:
                _log.warning("an earlier version is left out: %s", error)
                continue
            version = PackageVersion(
                package_id=manifest.package_id,
                version=manifest.version,
                content_bytes=manifest.content_bytes,
                manifest=digest_in(key),
                is_current=False,
            )
            yield version, manifest


def _manifest(site: Site, key: str) -> Manifest:
    document = read_document(site, key, MAX_MANIFEST_BYTES)
    if document is None or digest_of(document) != digest_in(key):
        raise IntegrityError(
            f"{site.name}/{key} is {'missing' if document is None else 'damaged'}",
            path=key,
            remedy="Publish the package again.",
        )
    return decode(document, source=f"{site.name}/{key}")


def _listed(package_id: str, entry: CatalogEntry) -> PackageVersion:
    return PackageVersion(
        package_id, entry.version, entry.content_bytes, entry.manifest, is_current=True
    )


def _missing_error(
    site: Site, package_id: str, wanted: str, current: dict[str, CatalogEntry]
) -> NotFoundError:
    version = f" version {wanted}" if wanted and package_id in current else ""
    near = "" if package_id in current else hint(package_id, current, alike=IDS)
    return NotFoundError(
        f"{site.name} has no package {package_id}{version}{near}",
        remedy="See what it holds with dlcore list SITE --earlier.",
    )
