"""Content that has arrived and that nothing vouches for yet: only the hash of all of it is known.

Its files lie flat in a folder of the state directory, under names made of their paths, so that no
name of a server gets to the disk. They are content of no package before someone has hashed all of
them and compared the whole.

Guarantees: nothing here is ever taken for verified. Which pieces have arrived is a hint: it saves
fetching them again, and what was hinted wrongly fails the comparison of the whole.

Threads: calls for different pieces may overlap.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from dlcore.store.files import Files, delete, read_document, read_fully, write_fully
from dlcore.store.tree import ensure_folder

UNPROVEN = "unproven"  # its folder in the state directory
PIECE_BYTES = 1 << 20

_HINTS = "arrived"
_HINT = re.compile(rb"([0-9a-f]{64}) ([0-9]{1,15})", re.ASCII)

Translated = Callable[[str], AbstractContextManager[None]]


class Piece(NamedTuple):
    """A piece of a file: up to `PIECE_BYTES` of it.

    Attributes:
        path: Of the file.
        length_bytes: Of the file.
        number: Of the piece, from 0.
    """

    path: str
    length_bytes: int
    number: int

    @property
    def span(self) -> tuple[int, int]:
        """Bytes ``[start, end)`` of the piece in its file."""
        start = self.number * PIECE_BYTES
        return start, min(start + PIECE_BYTES, self.length_bytes)


def pieces_of(path: str, length_bytes: int) -> list[Piece]:
    """The pieces of a file; none of an empty one."""
    count = -(-length_bytes // PIECE_BYTES)
    return [Piece(path, length_bytes, number) for number in range(count)]


class Unproven:
    """The folder of one state directory. Made by `Store.unproven`.

    Args:
        files: The disk.
        folder: The folder; may exist.
        translated: Makes the disk's errors errors for the user.
    """

    def __init__(self, files: Files, folder: Path, translated: Translated) -> None:
        self._files = files
        self._folder = folder
        self._translated = translated
        self._lock = threading.Lock()
        self._arrived: set[tuple[str, int]] = set()
        self._hints_fd: int | None = None
        self._hints_bytes = 0

    def prepare(self) -> None:
        """Make the folder, and find out what an earlier process has left there.

        Raises:
            StorageError: The disk failed.
        """
        with self._translated("make a folder for what arrives"):
            ensure_folder(self._files, self._folder)
            hints = self._folder / _HINTS
            lines = (read_document(self._files, hints) or b"").split(b"\n")[:-1]  # a torn last one
            found = [_HINT.fullmatch(line) for line in lines]
            self._arrived = {(match[1].decode(), int(match[2])) for match in found if match}
            self._hints_bytes = sum(len(line) + 1 for line in lines)
            self._hints_fd = self._files.open(hints, create=True)
            self._files.truncate(self._hints_fd, self._hints_bytes)

    @property
    def is_empty(self) -> bool:
        """Whether nothing has arrived, or it was deleted."""
        return not self._arrived

    @property
    def arrived_bytes(self) -> int:
        """About how much has arrived: as if each piece had its full length."""
        return len(self._arrived) * PIECE_BYTES

    def path_of(self, path: str, length_bytes: int) -> Path:
        """Where a file is, by its path in the content and its length."""
        return self._folder / _name(path, length_bytes)

    def has(self, piece: Piece) -> bool:
        """Whether a piece seems to be on disk."""
        return (_name(piece.path, piece.length_bytes), piece.number) in self._arrived

    def write(self, piece: Piece, data: memoryview) -> None:
        """Write a piece, all of it.

        Raises:
            StorageError: The disk failed, or is full.
        """
        name = _name(piece.path, piece.length_bytes)
        with self._translated("write what arrives"):
            fd = self._files.open(self._folder / name, create=True)
            try:
                write_fully(self._files, fd, data, piece.span[0])
            finally:
                self._files.close(fd)
            with self._lock:
                if self._hints_fd is not None:
                    line = f"{name} {piece.number}\n".encode()
                    write_fully(self._files, self._hints_fd, memoryview(line), self._hints_bytes)
                    self._hints_bytes += len(line)
                self._arrived.add((name, piece.number))

    def digest(self, path: str, length_bytes: int) -> bytes:
        """SHA-256 of what is on disk of a file, read now.

        A file that is longer or shorter than ``length_bytes``, or was taken away, has the digest of
        what there is.

        Raises:
            StorageError: It cannot be read.
        """
        if not length_bytes:
            return hashlib.sha256().digest()
        found, buffer, offset = hashlib.sha256(), memoryview(bytearray(PIECE_BYTES)), 0
        with self._translated("read what has arrived"):
            try:
                fd = self._files.open_to_read(self.path_of(path, length_bytes))
            except FileNotFoundError:
                return found.digest()
            try:
                while count := read_fully(self._files, fd, buffer, offset):
                    found.update(buffer[:count])
                    offset += count
            finally:
                self._files.close(fd)
        return found.digest()

    def forget(self) -> None:
        """Delete all of it. Nothing else may be called after that.

        Raises:
            StorageError: The disk refused.
        """
        self.close()
        self._arrived.clear()
        with self._translated("delete what has arrived"):
            delete(self._files, self._folder)

    def close(self) -> None:
        """Close its files; what has arrived stays. Idempotent."""
        with self._lock:
            fd, self._hints_fd = self._hints_fd, None
            if fd is not None:
                self._files.close(fd)


def _name(path: str, length_bytes: int) -> str:
    return hashlib.sha256(f"{length_bytes} {path}".encode("utf-8", "surrogatepass")).hexdigest()
