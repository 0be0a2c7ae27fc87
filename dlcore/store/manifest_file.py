"""The manifest's document in a package's folder: read only if its digest is the right one."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

from dlcore.errors import ManifestError, OwnershipError
from dlcore.manifest import decode
from dlcore.model import Manifest
from dlcore.store.files import Files, read_document

MANIFEST = "manifest.json"
_KEY_DIGITS = 16  # of the manifest's digest, at the end of a package's key
_log = logging.getLogger(__name__)


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


def manifest_in(files: Files, folder: Path) -> Manifest | None:
    """The manifest in a package's folder; None if it is missing, damaged, or not the folder's.

    Args:
        files: The disk.
        folder: The package's folder, whose name is its key.
    """
    try:
        document = read_document(files, folder / MANIFEST)
        digest = hashlib.sha256(document or b"").hexdigest()
        if document is None or not digest.startswith(folder.name[-_KEY_DIGITS:]):
            return None
        return decode(document, source=str(folder / MANIFEST))
    except (OSError, OwnershipError, ManifestError) as error:
        _log.debug("the manifest in %s cannot be used: %s", folder, error)
        return None
