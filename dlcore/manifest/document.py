"""The native manifest document, in and out.

Guarantees: what `decode` returns obeys every rule of ``docs/formats.md``, whoever wrote it, and
nothing but `ManifestError` comes out of it otherwise. The same manifest gives the same bytes.
Whether a document is the right one is its digest's business, not this module's.
"""

from __future__ import annotations

import msgspec

from dlcore.errors import ManifestError
from dlcore.manifest.geometry import check
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
        manifest = parse(data, Manifest, limit_bytes=MAX_MANIFEST_BYTES)
        check(manifest)
        return manifest


def encode(manifest: Manifest) -> bytes:
    """Write a manifest; the same one always gives the same bytes.

    Raises:
        ManifestError: `decode` would refuse it.
    """
    check(manifest)
    data = msgspec.json.encode(manifest)
    if len(data) > MAX_MANIFEST_BYTES:
        raise ManifestError(
            f"the manifest of {manifest.package_id} would be {len(data)} bytes long,"
            f" where at most {MAX_MANIFEST_BYTES} are accepted",
            remedy="Use longer blocks, or split the package.",
        )
    return data
