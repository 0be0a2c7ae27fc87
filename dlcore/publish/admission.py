"""Whether a package may take its place in a catalog."""

from __future__ import annotations

import msgspec

from dlcore.errors import ConfigError
from dlcore.manifest import decode_catalog, encode_catalog
from dlcore.model import Catalog, CatalogEntry


def refuse_older(current: bytes | None, package_id: str, version: int, *, source: str) -> None:
    """Refuse a version below the catalog's.

    Raises:
        ConfigError: The catalog names a later version.
        ManifestError: The catalog is malformed.
    """
    known = _read(current, source).packages.get(package_id)
    if known is not None and version < known.version:
        raise ConfigError(
            f"{source}: {package_id} is at version {known.version}, later than {version}",
            remedy="Publish a later version, or replace it on purpose.",
        )


def with_entry(
    current: bytes | None, package_id: str, entry: CatalogEntry, *, replace: bool, source: str
) -> bytes | None:
    """Put a package into a catalog document.

    Args:
        current: The document as it is; None if there is none yet.
        package_id: Which package.
        entry: What the catalog is to say of it.
        replace: Whether it may take the place of a later version, or of other content of the
            same version.
        source: Where the catalog is, for messages.

    Returns:
        The new document; None if the catalog says so already.

    Raises:
        ConfigError: The entry would replace what it must not.
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
                f"{source}: {package_id} version {entry.version} has other content already",
                remedy="Publish the new content as a later version, or replace it on purpose.",
            )
    packages = catalog.packages | {package_id: entry}
    return encode_catalog(msgspec.structs.replace(catalog, packages=packages))


def _read(current: bytes | None, source: str) -> Catalog:
    return Catalog(1, {}) if current is None else decode_catalog(current, source=source)
