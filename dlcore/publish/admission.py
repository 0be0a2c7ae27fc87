"""Decides whether a package may be entered into a catalog."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from dlcore.errors import ConfigError
from dlcore.manifest import decode_catalog, encode_catalog
from dlcore.model import Catalog, CatalogEntry


def refuse_older(current: bytes | None, package_id: str, version: int, *, source: str) -> None:
    """Refuse a version that is older than the catalog's.

    Args:
        current: The catalog document; None if there is none yet.
        package_id: Id of the package.
        version: The version to be published.
        source: Where the catalog is, for messages.

    Raises:
        ConfigError: The catalog states a later version; the caller's fault.
        ManifestError: The catalog is malformed.
    """
    check_not_older(_read(current, source).packages.get(package_id), package_id, version, source)


def check_not_older(known: CatalogEntry | None, package_id: str, version: int, source: str) -> None:
    """As `refuse_older`, for a catalog that was read already.

    Args:
        known: What the catalog states of the package; None if it does not.
        package_id: Id of the package.
        version: The version to be published.
        source: Where the catalog is, for messages.

    Raises:
        ConfigError: The catalog states a later version; the caller's fault.
    """
    if known is not None and version < known.version:
        raise ConfigError(
            f"{source}: {package_id} is already at version {known.version}, later than {version}",
            remedy="Publish a later version, or replace the newer one on purpose (--replace).",
        )


def with_entry(
    current: bytes | None, package_id: str, entry: CatalogEntry, *, replace: bool, source: str
) -> bytes | None:
    """Put a package into a catalog document.

    Args:
        current: The catalog document; None if there is none yet.
        package_id: Id of the package.
        entry: The catalog's new statement about it.
        replace: Whether the entry may replace a later version, or other content of the same
            version.
        source: Where the catalog is, for messages.

    Returns:
        The new document; None if the catalog already holds this entry.

    Raises:
        ConfigError: The entry would replace one that it may not replace; the caller's fault.
        ManifestError: The catalog is malformed.
    """
    catalog = _read(current, source)
    known = catalog.packages.get(package_id)
    if known == entry:
        return None
    if not replace:
        check_replaceable(known, package_id, entry, source)
    packages = catalog.packages | {package_id: entry}
    return encode_catalog(msgspec.structs.replace(catalog, packages=packages))


def check_replaceable(
    known: CatalogEntry | None, package_id: str, entry: CatalogEntry, source: str
) -> None:
    """Refuse an entry that may only be replaced on purpose.

    Args:
        known: What the catalog states of the package; None if it does not.
        package_id: Id of the package.
        entry: The catalog's new statement about it.
        source: Where the catalog is, for messages.

    Raises:
        ConfigError: The entry is of an older version, or of the same with other content.
    """
    check_not_older(known, package_id, entry.version, source)
    if known is not None and known != entry and known.version == entry.version:
        raise ConfigError(
            f"{source}: {package_id} version {entry.version} already has other content",
            remedy="Publish it as a later version, or replace the old content (--replace).",
        )


def with_entries(
    current: bytes | None, entries: Mapping[str, CatalogEntry], *, replace: bool, source: str
) -> tuple[bytes | None, dict[str, ConfigError]]:
    """Put several packages into a catalog document, apart from those that are refused.

    Args:
        current: The catalog document; None if there is none yet.
        entries: The catalog's new statements, by package id.
        replace: Whether entries may replace later versions, or other content of the same version.
        source: Where the catalog is, for messages.

    Returns:
        The new document, None if nothing changes; and why packages are refused.

    Raises:
        ManifestError: The catalog is malformed.
    """
    catalog = _read(current, source)
    packages, refused = dict(catalog.packages), dict[str, ConfigError]()
    for package_id, entry in entries.items():
        try:
            if not replace:
                check_replaceable(packages.get(package_id), package_id, entry, source)
            packages[package_id] = entry
        except ConfigError as error:
            refused[package_id] = error
    if packages == catalog.packages:
        return None, refused
    return encode_catalog(msgspec.structs.replace(catalog, packages=packages)), refused


def without_entries(
    current: bytes | None, entries: Mapping[str, CatalogEntry], *, source: str
) -> tuple[bytes | None, list[str]]:
    """Take packages out of a catalog document.

    Args:
        current: The catalog document; None if there is none yet.
        entries: What the catalog stated of them. A package whose entry has changed stays.
        source: Where the catalog is, for messages.

    Returns:
        The new document, None if nothing changes; and the ids of what was taken out.

    Raises:
        ManifestError: The catalog is malformed.
    """
    catalog = _read(current, source)
    out = [own for own, entry in entries.items() if catalog.packages.get(own) == entry]
    if not out:
        return None, out
    packages = {own: entry for own, entry in catalog.packages.items() if own not in set(out)}
    return encode_catalog(msgspec.structs.replace(catalog, packages=packages)), out


def _read(current: bytes | None, source: str) -> Catalog:
    return Catalog(1, {}) if current is None else decode_catalog(current, source=source)
