"""Reads and writes the documents that describe content. Does no I/O.

Native manifests and catalogs are read and written. Metalink 4, Delivery Optimization's piece hash
files, the INI files of a content library and lists of digests are only read.

Guarantees: a document either obeys all rules of ``docs/formats.md``, or raises `ManifestError`.

To add a format: write ``decode_<format>`` in a file of its own; build a `Manifest`; call
`geometry.check` on it; let `read_any` recognize the document; add a fuzz target.
"""

from __future__ import annotations

from dlcore.manifest.catalog import MAX_CATALOG_BYTES, decode_catalog, encode_catalog
from dlcore.manifest.checksum_list import MAX_CHECKSUM_LIST_BYTES, parse_checksum_list
from dlcore.manifest.content_hash import (
    FolderDigests,
    content_hash,
    has_content_hash,
    is_content_hash,
)
from dlcore.manifest.content_library import (
    MAX_INI_BYTES,
    ContentFile,
    decode_content_file,
    decode_content_ids,
    decode_latest_version,
    decode_stated_hash,
    manifest_of_library,
    versions_in,
)
from dlcore.manifest.described import Described, read_any
from dlcore.manifest.difference import Change, FileChange, content_identity, difference
from dlcore.manifest.document import MAX_MANIFEST_BYTES, decode, encode
from dlcore.manifest.geometry import block_bytes_for, check_package_id, is_block_length
from dlcore.manifest.geometry import check as check_geometry
from dlcore.manifest.identity import digest_of, object_name
from dlcore.manifest.metalink import decode_metalink
from dlcore.manifest.names import check_path, check_together
from dlcore.manifest.patterns import Patterns
from dlcore.manifest.phf import decode_phf
from dlcore.manifest.programs import check_programs, with_programs
from dlcore.manifest.refusal import refusing
from dlcore.manifest.selection import Selection, select
from dlcore.manifest.strictjson import parse as parse_strictly

__all__ = [
    "MAX_CATALOG_BYTES",
    "MAX_CHECKSUM_LIST_BYTES",
    "MAX_INI_BYTES",
    "MAX_MANIFEST_BYTES",
    "Change",
    "ContentFile",
    "Described",
    "FileChange",
    "FolderDigests",
    "Patterns",
    "Selection",
    "block_bytes_for",
    "check_geometry",
    "check_package_id",
    "check_path",
    "check_programs",
    "check_together",
    "content_hash",
    "content_identity",
    "decode",
    "decode_catalog",
    "decode_content_file",
    "decode_content_ids",
    "decode_latest_version",
    "decode_metalink",
    "decode_phf",
    "decode_stated_hash",
    "difference",
    "digest_of",
    "encode",
    "encode_catalog",
    "has_content_hash",
    "is_block_length",
    "is_content_hash",
    "manifest_of_library",
    "object_name",
    "parse_checksum_list",
    "parse_strictly",
    "read_any",
    "refusing",
    "select",
    "versions_in",
    "with_programs",
]
