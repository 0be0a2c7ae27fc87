"""Writes the signed documents of a site, in the order in which readers may see them.

Guarantees: a version or a digest is in the name of every document but the timestamp, and nothing
that has been named is written again. The timestamp is the caller's to write, as the last one.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from types import MappingProxyType

from dlcore.errors import ConfigError
from dlcore.manifest import decode_catalog, encode_catalog
from dlcore.model import CATALOG_KEY, TIMESTAMP_KEY, Catalog
from dlcore.publish.destination import Destination
from dlcore.trust import Role, metadata_key, signed_catalog_key
from dlcore.trust.patch_lists import PatchTargets
from dlcore.trust.signing import Signing, Versions

log = logging.getLogger("dlcore.publish")

MAX_LEFT_VERSIONS = 1000  # by publishers that were interrupted, in a row


def sign_first(target: Destination, root: bytes, signing: Signing) -> None:
    """Sign a site that is not signed yet, with the catalog that it has.

    Args:
        target: The destination. Whoever asks for this vouches for its ``catalog.json``; an empty
            catalog is written if there is none.
        root: The first root document, signed.
        signing: Signs as that root says.

    Raises:
        ConfigError: The site is signed already.
        ManifestError: Its catalog is malformed.
    """

    def sign(current: bytes | None) -> bytes:
        if current is not None:
            raise ConfigError(
                f"{target.name} is signed already",
                remedy="Publish with its keys (--sign-with), or replace them with dlcore trust"
                " rotate.",
            )
        found = target.read_whole(CATALOG_KEY)
        catalog = encode_catalog(Catalog(1, {})) if found is None else found
        decode_catalog(catalog, source=f"{target.name}/{CATALOG_KEY}")
        target.write(metadata_key("root", 1), [memoryview(root)], len(root))
        return write_signed(target, signing, catalog, Versions())

    target.change(TIMESTAMP_KEY, sign)
    target.change(
        CATALOG_KEY, lambda found: encode_catalog(Catalog(1, {})) if found is None else None
    )


def write_signed(
    target: Destination,
    signing: Signing,
    catalog: bytes,
    versions: Versions,
    patch_lists: PatchTargets = MappingProxyType({}),
) -> bytes:
    """Write the signed documents of a catalog, apart from the timestamp.

    Args:
        target: The destination, inside its `Destination.change` of the timestamp.
        signing: Signs them.
        catalog: The catalog document.
        versions: Of the documents that are there; each version is used once.
        patch_lists: The patch lists that are signed with it.

    Returns:
        The timestamp; once it is written, readers see all of it.
    """
    key = signed_catalog_key(hashlib.sha256(catalog).hexdigest())
    target.write(key, [memoryview(catalog)], len(catalog))
    version, targets = _write_next(
        target,
        "targets",
        versions.targets,
        lambda version: signing.targets(catalog, version, patch_lists),
    )
    return write_snapshot(target, signing, targets, versions._replace(targets=version))


def write_snapshot(
    target: Destination, signing: Signing, targets: bytes, versions: Versions
) -> bytes:
    """Write the snapshot of the targets that are there; returns the timestamp."""
    version, snapshot = _write_next(
        target,
        "snapshot",
        versions.snapshot,
        lambda version: signing.snapshot(targets, versions.targets, version),
    )
    target.sync()
    log.info("%s: signed as targets %d, snapshot %d", target.name, versions.targets, version)
    return signing.timestamp(snapshot, version, versions.timestamp + 1)


def _write_next(
    target: Destination, role: Role, version: int, sign: Callable[[int], bytes]
) -> tuple[int, bytes]:
    """Write the next version; one that an interrupted publisher has left is passed over."""
    for following in range(version + 1, version + 1 + MAX_LEFT_VERSIONS):
        document = sign(following)
        if target.create(metadata_key(role, following), document):
            return following, document
    raise ConfigError(
        f"{target.name}: {MAX_LEFT_VERSIONS} versions of {role}.json are there that nothing names",
        remedy="Remove them, then publish again.",
    )
