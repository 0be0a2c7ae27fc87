"""Removes a folder of the store so that a crash leaves all of it in its place, or none."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from dlcore.store.files import Files, delete

_log = logging.getLogger(__name__)


class Removal:
    """Takes a folder out of its place by one rename, then deletes it.

    Args:
        files: The disk.
        folder: Where removed folders are until they are deleted; on the same disk.
        lock: Held meanwhile, because files that packages share lose a name.
    """

    def __init__(
        self, files: Files, folder: Path, lock: AbstractContextManager[object] | None = None
    ) -> None:
        self._files = files
        self._folder = folder
        self._lock = lock or nullcontext()

    def remove(self, path: Path) -> None:
        """Remove a folder; it leaves its place at once.

        Raises:
            OSError: The disk failed. What is left is deleted by `finish`.
        """
        with self._lock:
            removed = self._free_name(path.name)
            self._files.move(path, removed)
            self._files.sync_folder(path.parent)
            self._delete(removed)

    def finish(self) -> None:
        """Delete what interrupted removals left, but for what may not be deleted.

        Raises:
            OSError: The disk failed.
        """
        for name in self._files.names(self._folder):
            self._delete(self._folder / name)

    def _free_name(self, name: str) -> Path:
        """Where a folder goes; what an earlier failure left there is deleted, if it may be."""
        number, free = 0, self._folder / name
        self._delete(free)
        while self._files.status(free) is not None:
            number += 1
            free = self._folder / f"{name}.{number}"
        return free

    def _delete(self, removed: Path) -> None:
        """Delete what is out of its place; what may not be deleted takes room and does no harm."""
        try:
            delete(self._files, removed)
        except PermissionError as error:
            _log.warning("%s cannot be deleted: %s", error.filename or removed, error.strerror)
