"""The hash of a package by which Windows' own engine judges what the hook delivered.

One SHA-256 over the names and the digests of all files, folder by folder. Microsoft documents
neither the algorithm nor the variable that tells the hash; both are observed. So a value in another
form is not compared, and an engineer can switch the comparison off.

Source: `Get-CMDirectoryHash` of Bryan Berns, as published in ``chrichards/Learning-Purposes``.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from dlcore.long_path import long_path

_SHA256 = re.compile(r"(?<![0-9A-F])[0-9A-F]{64}(?![0-9A-F])", re.IGNORECASE)


def told_hash(value: str) -> str:
    """The SHA-256 in a variable's value, in upper case; empty if it has none, or several."""
    found = _SHA256.findall(value)
    return found[0].upper() if len(found) == 1 else ""


def package_hash(folder: Path) -> str:
    """The hash of a folder's content, in upper-case hex.

    Raises:
        OSError: It cannot be read.
    """
    total = hashlib.sha256()
    _add(total, long_path(folder), "")
    return total.hexdigest().upper()


def _add(total: hashlib._Hash, folder: Path, inside: str) -> None:
    """Add a folder: names of its folders, names of its files, digests of its files, its folders.

    Args:
        total: The running hash.
        folder: The folder.
        inside: Its path below the root, with a backslash behind it; empty for the root.
    """
    entries = sorted(folder.iterdir(), key=lambda path: path.name.lower())
    folders = [path for path in entries if path.is_dir()]
    files = [path for path in entries if not path.is_dir()]
    for path in (*folders, *files):
        total.update(f"{inside}{path.name}".lower().encode("utf-16-le"))
    for path in files:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        total.update(digest.upper().encode("utf-16-le"))
    for path in folders:
        _add(total, path, f"{inside}{path.name}\\")
