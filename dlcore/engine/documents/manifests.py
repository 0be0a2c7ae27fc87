"""Reads manifest files."""

from __future__ import annotations

from pathlib import Path

from dlcore import manifest as documents
from dlcore.errors import NotFoundError, StorageError
from dlcore.long_path import long_path
from dlcore.manifest import Described
from dlcore.model import Manifest
from dlcore.package_ids import LOCAL_ID
from dlcore.plain_files import read_plain


def load_manifest(path: Path) -> Manifest:
    """Read what a package consists of from a file.

    Args:
        path: A native manifest, a Metalink 4 or a Delivery Optimization piece hash file. The
            caller vouches for it: its digests are what content is compared with.

    Returns:
        The manifest. Content of a foreign format has the package id ``LOCAL000``.

    Raises:
        NotFoundError: There is no such file.
        StorageError: It cannot be read.
        ManifestError: It is malformed.
    """
    return load_described(path)[0].manifest


def load_described(path: Path) -> tuple[Described, bytes]:
    """As `load_manifest`, with the URLs that a foreign format names, and the file's bytes."""
    try:
        document = read_plain(long_path(path))
    except FileNotFoundError:
        from dlcore.transfer import redact_named  # late: HTTP takes long to import

        shown = redact_named(str(path))
        raise NotFoundError(f"{shown} does not exist", remedy="Check the path.") from None
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}", path=path) from error
    described = documents.read_any(document, source=str(path), package_id=LOCAL_ID, path=path.stem)
    return described, document
