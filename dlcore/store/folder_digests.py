"""Hashes all files of a folder, with all cores, and changes nothing.

Guarantees: a digest is that of bytes that were read to the end of the file. Nothing but plain files
and folders is read: a link could lead anywhere.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

from dlcore.disk.faults import translated
from dlcore.disk.links import is_file, is_folder
from dlcore.errors import NotFoundError, UnexpectedContentError
from dlcore.long_path import long_path
from dlcore.manifest import FolderDigests
from dlcore.native import block_digests
from dlcore.printable import quoted
from dlcore.store.checking import EXTENT_BYTES, in_parallel
from dlcore.store.files import Files, read_fully

Progress = Callable[[int, int], None]


def folder_digests(folder: Path, *, progress: Progress | None = None) -> FolderDigests:
    """Hash everything in a folder.

    Args:
        folder: The folder.
        progress: Called with the bytes read so far and those of all files, from any thread, one
            call at a time.

    Raises:
        NotFoundError: The folder does not exist.
        UnexpectedContentError: A link or a special file is in it.
        StorageError: Something cannot be read; the message names it.
    """
    root = long_path(folder)
    if not root.is_dir():
        raise NotFoundError(f"no such folder: {folder}", remedy="Check the path.")
    with translated("verify", root, lambda: 0, lambda: 0):
        return _Hashing(root, progress).run()


class _Hashing:
    """One folder's hashing."""

    def __init__(self, root: Path, progress: Progress | None) -> None:
        self._root = root
        self._progress = progress
        self._files = Files()
        self._lock = threading.Lock()
        self._found: dict[str, bytes] = {}
        self._done_bytes = 0
        self._total_bytes = 0

    def run(self) -> FolderDigests:
        paths, folders = self._listed()
        in_parallel(paths, self._hash, EXTENT_BYTES)
        return FolderDigests(self._found, tuple(folders))

    def _listed(self) -> tuple[list[str], list[str]]:
        files: list[str] = []
        folders: list[str] = []
        waiting = [""]
        while waiting:
            parent = waiting.pop()
            for name, status in self._files.entries(self._root / parent):
                path = f"{parent}/{name}" if parent else name
                if is_folder(status):
                    folders.append(path)
                    waiting.append(path)
                    continue
                self._check_is_plain(path, status)
                files.append(path)
                self._total_bytes += status.st_size
        return files, folders

    def _check_is_plain(self, path: str, status: os.stat_result) -> None:
        if not is_file(status):
            raise UnexpectedContentError(
                f"{quoted(path)} is a link or a special file, which no package has",
                path=path,
                remedy="Replace it with a plain file or folder, or remove it.",
            )

    def _hash(self, path: str, buffer: memoryview) -> None:
        fd = self._files.open_to_read(self._root / path)
        try:
            digest = self._digest(fd, buffer)
        finally:
            self._files.close(fd)
        with self._lock:
            self._found[path] = digest

    def _digest(self, fd: int, buffer: memoryview) -> bytes:
        count = self._read(fd, buffer, 0)
        if 0 < count < len(buffer):
            return block_digests(buffer[:count], len(buffer))
        digest, offset = hashlib.sha256(), 0
        while count:
            digest.update(buffer[:count])
            offset += count
            count = self._read(fd, buffer, offset)
        return digest.digest()

    def _read(self, fd: int, buffer: memoryview, offset: int) -> int:
        count = read_fully(self._files, fd, buffer, offset)
        with self._lock:
            self._done_bytes += count
            if self._progress:
                self._progress(self._done_bytes, self._total_bytes)
        return count
