"""Publishes into a folder of a local or mounted disk.

Guarantees: a key appears by one rename, after its content was synced; the catalog changes under
a lock. Other publishers may work on the same folder. A killed one leaves a temporary file, which
a later one removes after a day.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Iterable
from pathlib import Path

from dlcore.disk.lock import FileLock
from dlcore.disk.system import sync_folder
from dlcore.errors import LockedError
from dlcore.model import CATALOG_KEY
from dlcore.publish.destination import Change
from dlcore.publish.disk import disk_faults

LOCK_NAME = ".catalog.lock"
LOCK_TIMEOUT_S = 60.0
STALE_S = 86_400.0

_TEMPORARY = ".tmp"


class FolderDestination:
    """A `Destination` that is a folder; it is created when something is written."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def name(self) -> str:
        """The folder's path."""
        return str(self.root)

    @property
    def writers(self) -> int:
        """One per core: writing includes hashing."""
        return os.cpu_count() or 1

    def length_of(self, key: str) -> int | None:
        """Length of a file; None if there is none."""
        path = self.root / key
        with disk_faults(path):
            return path.stat().st_size if path.is_file() else None

    def write(self, key: str, windows: Iterable[memoryview], length_bytes: int) -> None:
        """Write a file beside its place, sync it, and rename it there."""
        path = self.root / key
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}{_TEMPORARY}")
        with disk_faults(path):
            _make_folder(path.parent)
            try:
                _write_synced(temporary, windows)
                temporary.replace(path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise

    def settle(self) -> None:
        """Sync the folders, and so the names in them."""
        with disk_faults(self.root):
            _make_folder(self.root)
            for folder in (*self.root.iterdir(), self.root):
                if folder.is_dir():
                    sync_folder(folder)

    def read_catalog(self) -> bytes | None:
        """The catalog document, or None if there is none yet."""
        path = self.root / CATALOG_KEY
        with disk_faults(path):
            return path.read_bytes() if path.exists() else None

    def change_catalog(self, change: Change) -> None:
        """Replace the catalog under a lock; see `Destination.change_catalog`."""
        lock = self.root / LOCK_NAME
        with disk_faults(lock), contextlib.ExitStack() as held:
            _make_folder(self.root)
            try:
                held.enter_context(FileLock(lock, LOCK_TIMEOUT_S))
            except LockedError as error:
                raise LockedError(
                    f"{lock}: held by another publisher for {LOCK_TIMEOUT_S:.0f} s",
                    path=lock,
                    remedy="Wait for it to end, then publish again.",
                ) from error
            self._remove_stale()
            document = change(self.read_catalog())
            if document is not None:
                self.write(CATALOG_KEY, [memoryview(document)], len(document))
                self.settle()

    def _remove_stale(self) -> None:
        for path in self.root.glob(f"*/.*{_TEMPORARY}"):
            with contextlib.suppress(FileNotFoundError):  # its writer was alive after all
                if time.time() - path.stat().st_mtime > STALE_S:
                    path.unlink()


def _write_synced(path: Path, windows: Iterable[memoryview]) -> None:
    # Not `tempfile`: published files have the rights that the umask gives, so servers may read.
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags, 0o666), "wb", buffering=0) as file:
        for window in windows:
            while window:
                window = window[file.write(window) :]
        os.fsync(file.fileno())


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)
