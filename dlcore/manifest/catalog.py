"""The catalog document, read and written: which version of each package is current.

Guarantees: as in `document`. Reading is strict; the same catalog always gives the same bytes.
"""

from __future__ import annotations

import re

import msgspec

from dlcore.errors import ManifestError
from dlcore.manifest.document import MAX_MANIFEST_BYTES
from dlcore.manifest.geometry import MAX_CONTENT_BYTES, MAX_NUMBER, check_package_id
from dlcore.manifest.refusal import refusing
from dlcore.manifest.strictjson import parse
from dlcore.model import Catalog, CatalogEntry

MAX_CATALOG_BYTES = 16 << 20  # about 80,000 packages

_REMEDY = (
    "Put a copy of it in its place at the site. If there is none: move the damaged one away there,"
    " and publish every package again; objects that are there already are kept. Where the site is"
    " signed, the next publishing with its keys writes it again."
)
_DIGEST = re.compile(r"[0-9a-f]{64}")
_CONTENT_HASH = re.compile(r"[0-9A-F]{64}")


def decode_catalog(data: bytes, *, source: str) -> Catalog:
    """Read a catalog.

    Args:
        data: The document.
        source: Where it came from, for messages; without secrets.

    Raises:
        ManifestError: The document is malformed or hostile; its author's fault.
    """
    with refusing(source, "catalog", _REMEDY):
        catalog = parse(data, Catalog, max_bytes=MAX_CATALOG_BYTES)
        _check(catalog)
        return catalog


def encode_catalog(catalog: Catalog) -> bytes:
    """Write a catalog, packages sorted by id.

    Raises:
        ManifestError: `decode_catalog` would refuse it.
    """
    _check(catalog)
    return msgspec.json.encode(catalog, order="deterministic")


def _check(catalog: Catalog) -> None:
    if catalog.schema != 1:
        raise ManifestError(
            f"schema {catalog.schema} is not supported", remedy="Use a newer version of dlcore."
        )
    for package_id, entry in catalog.packages.items():
        check_package_id(package_id)
        _check_entry(entry, f"package {package_id}")


def _check_entry(entry: CatalogEntry, place: str) -> None:
    if not 1 <= entry.version <= MAX_NUMBER:
        raise ManifestError(f"{place}: version {entry.version} is out of range")
    if not _DIGEST.fullmatch(entry.manifest):
        raise ManifestError(f"{place}: manifest is not a SHA-256 digest in lower-case hex")
    if not 1 <= entry.manifest_bytes <= MAX_MANIFEST_BYTES:
        raise ManifestError(f"{place}: manifest_bytes {entry.manifest_bytes} is out of range")
    if entry.content_hash and not _CONTENT_HASH.fullmatch(entry.content_hash):
        raise ManifestError(f"{place}: content_hash is not a SHA-256 digest in upper-case hex")
    if not 0 <= entry.content_bytes <= MAX_CONTENT_BYTES:
        raise ManifestError(f"{place}: content_bytes {entry.content_bytes} is out of range")
