"""The names of packages' folders in a store: ``ABC00012.1-<16 digits>``.

The digits are the first ones of the SHA-256 of the manifest, hex.
"""

from __future__ import annotations

import re

from dlcore.errors import ManifestError
from dlcore.printable import quoted

_PACKAGE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def package_key(package_id: str, version: int, manifest_digest: str) -> str:
    """Name of a package's folder.

    Raises:
        ManifestError: The id cannot be the name of a folder.
    """
    if not _PACKAGE_ID.fullmatch(package_id):
        raise ManifestError(f"not a package id: {quoted(package_id)}")
    return f"{package_id}.{version}-{manifest_digest[:16].lower()}"


def package_id_of(key: str) -> str:
    """The id of the package that a folder is named for."""
    return key.rpartition("-")[0].rpartition(".")[0]
