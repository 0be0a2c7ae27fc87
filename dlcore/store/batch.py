"""New small files that become durable together, by one call in place of one for each.

Guarantees: after `Batch.sync` every byte that was written is on the disk, or an error was raised;
then none of the files must be believed. A failed sync is never tried again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from dlcore.store.files import Files, write_fully

MAX_SYNCED_ALONE: Final = 8
"""Files. Each sync of one waits for the disk; one of the file system also for what others wrote."""


class Batch:
    """Some new files in one folder; a context manager, which closes them.

    Args:
        files: The disk.
        folder: The folder, which exists.

    Raises:
        OSError: The folder cannot be opened.
    """

    def __init__(self, files: Files, folder: Path) -> None:
        self._files = files
        self._watch = files.watch(folder)  # before the first write, or it misses the write's error
        self._open: list[int] = []
        self._is_closed_unsynced = False

    def __enter__(self) -> Batch:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.ExitStack() as stack:
            for fd in self._open:
                stack.callback(self._files.close, fd)
            if self._watch is not None:
                stack.callback(self._files.close, self._watch)
            self._open, self._watch = [], None

    def write(self, path: Path, data: bytes, finish: Callable[[int], None]) -> None:
        """Write a file.

        Args:
            path: In the folder; a file that is there is overwritten.
            data: Its bytes.
            finish: Called with the open file when they are written.

        Raises:
            OSError: The disk failed.
        """
        fd = self._files.open(path, create=True)
        self._open.append(fd)
        self._files.truncate(fd, len(data))
        write_fully(self._files, fd, memoryview(data), 0)
        finish(fd)
        if not self._files.syncs_at_once:
            self._files.sync(fd)
            self._files.close(self._open.pop())
        elif self._is_closed_unsynced or len(self._open) > MAX_SYNCED_ALONE:
            self._is_closed_unsynced = True
            while self._open:
                self._files.close(self._open.pop())

    def sync(self) -> None:
        """Make all of them durable; their names are not.

        Raises:
            OSError: The disk failed.
        """
        if self._is_closed_unsynced:
            assert self._watch is not None, "the system syncs a file system at once"
            self._files.sync_filesystem(self._watch)
        for fd in self._open:
            self._files.sync(fd)
