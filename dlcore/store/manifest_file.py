"""The manifest's document in a package's folder: read only if its digest is the right one."""

from __future__ import annotations

import hashlib
from pathlib import Path

from dlcore.store.files import Files, read_document

MANIFEST = "manifest.json"


def read_manifest(files: Files, folder: Path, digest: str) -> bytes | None:
    """Read the document from a package's folder; None if it is missing or damaged.

    Args:
        files: The disk.
        folder: The package's folder, finished or not.
        digest: The document's SHA-256, hex.

    Raises:
        OSError: The disk failed.
    """
    document = read_document(files, folder / MANIFEST)
    if document is None or hashlib.sha256(document).hexdigest() != digest.lower():
        return None
    return document
