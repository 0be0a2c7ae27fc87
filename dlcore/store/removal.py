"""Removes a folder of the store so that a crash leaves all of it in its place, or none."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from dlcore.store.files import Files, delete


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
        removed = self._folder / path.name
        with self._lock:
            delete(self._files, removed)  # what an earlier failure left
            self._files.move(path, removed)
            self._files.sync_folder(path.parent)
            delete(self._files, removed)

    def finish(self) -> None:
        """Delete what interrupted removals left.

        Raises:
            OSError: The disk failed.
        """
        for name in self._files.names(self._folder):
            delete(self._files, self._folder / name)
