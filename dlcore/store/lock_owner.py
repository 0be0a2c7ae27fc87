"""The file beside a lock that says who holds it: information for people."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from dlcore.disk.private_folder import PrivateFolder, open_file
from dlcore.errors import OwnershipError

MAX_OWNER_BYTES: Final = 4096
"""Of what says who holds a lock; about 150 are usual."""

T = TypeVar("T", bound=msgspec.Struct)


class OwnerFile:
    """Who holds a lock, in words.

    Args:
        lock: The lock file.
        folder: The private folder that it is in.
    """

    def __init__(self, lock: Path, folder: PrivateFolder) -> None:
        self._path = lock.with_name(f"{lock.name}.owner")
        self._folder = folder

    def write(self, owner: msgspec.Struct) -> None:
        """Say who holds the lock, if the disk allows it: a full one must not stop a command."""
        with contextlib.suppress(OSError, OwnershipError):
            self.write_all(owner)

    def write_all(self, owner: msgspec.Struct) -> None:
        """Say who holds the lock, or fail.

        Raises:
            OwnershipError: There is something of another user's that cannot be removed.
            OSError: The disk failed, or is full.
        """
        self.remove()  # left by a process that was killed, or planted
        with os.fdopen(self._open(os.O_WRONLY | os.O_EXCL, create=True), "wb") as file:
            file.write(msgspec.json.encode(owner))

    def read(self, kind: type[T]) -> T | None:
        """What the lock's holder has said; None if it cannot be read."""
        try:
            with os.fdopen(self._open(os.O_RDONLY), "rb") as file:
                return msgspec.json.decode(file.read(MAX_OWNER_BYTES), type=kind)
        except (OSError, OwnershipError, msgspec.DecodeError, UnicodeError, RecursionError):
            return None

    def remove(self) -> None:
        """Delete the file if possible: it is only information."""
        with contextlib.suppress(OSError), self._folder.place(self._path) as (name, folder):
            os.unlink(name, dir_fd=folder)

    def _open(self, flags: int, *, create: bool = False) -> int:
        return open_file(self._path, self._folder.place(self._path), flags, create=create)
