"""The native manifest document, read and written.

Guarantees: a manifest that `decode` returns obeys every rule of ``docs/formats.md``; any other
document raises `ManifestError`. The same manifest always gives the same bytes.

This module does not check whether a document is the expected one. The caller compares its digest.
"""

from __future__ import annotations

import contextlib

import msgspec

from dlcore.errors import ManifestError
from dlcore.manifest.geometry import check, check_schema
from dlcore.manifest.refusal import refusing
from dlcore.manifest.strictjson import parse
from dlcore.model import Manifest

MAX_MANIFEST_BYTES = 64 << 20  # 1 TiB of content in blocks of 1 MiB takes 43 MiB


def decode(data: bytes, *, source: str) -> Manifest:
    """Read a manifest.

    Args:
        data: The document.
        source: Where it came from, for messages; without secrets.

    Raises:
        ManifestError: The document is malformed or hostile; its author's fault.
    """
    with refusing(source, "manifest"):
        try:
            manifest = parse(data, Manifest, max_bytes=MAX_MANIFEST_BYTES)
        except ValueError:
            _refuse_later_schema(data)
            raise
        check(manifest)
        return manifest


def encode(manifest: Manifest) -> bytes:
    """Write a manifest.

    Raises:
        ManifestError: `decode` would refuse it; the caller's fault.
    """
    check(manifest)
    data = msgspec.json.encode(manifest)
    if len(data) > MAX_MANIFEST_BYTES:
        raise ManifestError(
            f"the manifest of {manifest.package_id} would be {len(data)} bytes long,"
            f" but at most {MAX_MANIFEST_BYTES} bytes are accepted",
            remedy="Use longer blocks, or split the package.",
        )
    return data


class _Head(msgspec.Struct, frozen=True):
    schema: int


def _refuse_later_schema(data: bytes) -> None:
    """Say so if a document has members that are unknown because its schema is a later one."""
    with contextlib.suppress(ValueError, RecursionError):
        check_schema(msgspec.json.decode(data, type=_Head).schema)
