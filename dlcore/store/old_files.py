"""Files of older versions on this machine, that new ones can be made of.

Nothing that is found is believed for long: what is made of it is compared with the new manifest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from dlcore.errors import ManifestError
from dlcore.long_path import long_path
from dlcore.model import Manifest
from dlcore.store.files import Files, read_fully
from dlcore.store.tree import path_of

READ_BYTES = 1 << 20  # enough to amortise a call


class OldFiles(Protocol):
    """Finds files by their content."""

    def find(self, sha256: bytes, length_bytes: int, path: str) -> Path | None:
        """A file that had this digest a moment ago; None if there is none.

        Args:
            sha256: Of all of it.
            length_bytes: Its length.
            path: Where it was in its own version: a hint where to look.
        """
        ...

    def in_place(self, manifest: Manifest) -> list[Path | None]:
        """For each file of a package one that may have the same content, not looked at yet."""
        ...


class OldFolders:
    """Older versions of a package in folders, each with the layout of the package.

    Args:
        folders: The best first.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = [long_path(folder) for folder in folders]
        self._files = Files()
        self._digests: dict[Path, bytes] = {}

    def find(self, sha256: bytes, length_bytes: int, path: str) -> Path | None:
        """See `OldFiles.find`: only the file with that path in each of the folders is looked at."""
        for folder in self._folders:
            candidate = self._with_length(folder, path, length_bytes)
            if candidate and self._digest(candidate, length_bytes) == sha256:
                return candidate
        return None

    def in_place(self, manifest: Manifest) -> list[Path | None]:
        """See `OldFiles.in_place`: the file with the same path and length."""
        return [self._same_place(file.path, file.length_bytes) for file in manifest.files]

    def _same_place(self, path: str, length_bytes: int) -> Path | None:
        found = (self._with_length(folder, path, length_bytes) for folder in self._folders)
        return next((each for each in found if each), None)

    def _with_length(self, folder: Path, path: str, length_bytes: int) -> Path | None:
        try:
            candidate = path_of(folder, path)
            is_right = candidate.stat(follow_symlinks=False).st_size == length_bytes
        except (OSError, ManifestError):
            return None
        return candidate if is_right else None

    def _digest(self, path: Path, length_bytes: int) -> bytes:
        if path not in self._digests:
            try:
                self._digests[path] = _sha256(self._files, path, length_bytes)
            except OSError:
                self._digests[path] = b""
        return self._digests[path]


def read_old_file(path: Path, length_bytes: int) -> bytes:
    """All of an old file; no more than that many bytes, and no link.

    Raises:
        OSError: It cannot be read.
    """
    files = Files()
    fd = files.open_to_read(path)
    try:
        data = bytearray(length_bytes)
        return bytes(data[: read_fully(files, fd, memoryview(data), 0)])
    finally:
        files.close(fd)


def _sha256(files: Files, path: Path, length_bytes: int) -> bytes:
    digest, buffer = hashlib.sha256(), memoryview(bytearray(READ_BYTES))
    fd = files.open_to_read(path)
    try:
        for at in range(0, length_bytes, READ_BYTES):
            digest.update(buffer[: read_fully(files, fd, buffer, at)])
    finally:
        files.close(fd)
    return digest.digest()
