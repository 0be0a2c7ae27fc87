"""Decides whether a package may be entered into a catalog."""

from __future__ import annotations

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
    known = _read(current, source).packages.get(package_id)
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
    if known is not None and not replace:
        refuse_older(current, package_id, entry.version, source=source)
        if known.version == entry.version:
            raise ConfigError(
                f"{source}: {package_id} version {entry.version} already has other content",
                remedy="Publish it as a later version, or replace the old content (--replace).",
            )
    packages = catalog.packages | {package_id: entry}
    return encode_catalog(msgspec.structs.replace(catalog, packages=packages))


def _read(current: bytes | None, source: str) -> Catalog:
    return Catalog(1, {}) if current is None else decode_catalog(current, source=source)
