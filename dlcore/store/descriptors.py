"""A bounded set of open files: packages have thousands of files, processes few descriptors.

Guarantees: a file in use is not closed; at most ``most`` are open besides those in use; after
`close` none is open and none can be opened. Thread-safe.
"""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator

from dlcore.errors import InternalError

MOST_OPEN = 64  # arbitrary: far below the usual limit of 1024, far above the files in use at once


class _Open:
    """An open file and how many use it now."""

    __slots__ = ("fd", "users")

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.users = 0


class Descriptors:
    """Files by number, opened when needed, closed when others are needed more.

    Args:
        open_file: Opens the file of a number.
        close_file: Closes what ``open_file`` returned.
        most: How many to keep open.
    """

    def __init__(
        self,
        open_file: Callable[[int], int],
        close_file: Callable[[int], None],
        most: int = MOST_OPEN,
    ) -> None:
        self._open_file = open_file
        self._close_file = close_file
        self._most = most
        self._open: OrderedDict[int, _Open] = OrderedDict()
        self._idle = threading.Condition()
        self._closed_files: set[int] = set()
        self._fault: OSError | None = None
        self._ended = False

    @contextlib.contextmanager
    def use(self, file: int) -> Iterator[int]:
        """The descriptor of a file, sure to stay open inside the ``with``."""
        entry = self._take(file)
        try:
            yield entry.fd
        finally:
            with self._idle:
                entry.users -= 1
                self._idle.notify_all()

    def take_closed(self) -> set[int]:
        """Numbers of the files that were closed since the last call.

        Raises:
            OSError: Closing one failed at any time before: what was written to it may be lost.
        """
        with self._idle:
            self._raise_fault()
            closed, self._closed_files = self._closed_files, set()
            return closed

    def close(self) -> None:
        """Close all, once nobody uses them. Idempotent.

        Raises:
            OSError: As for `take_closed`. All are closed all the same.
        """
        with self._idle:
            self._ended = True
            self._idle.wait_for(lambda: not any(e.users for e in self._open.values()))
            self._close_beyond(0)
            self._raise_fault()

    def _take(self, file: int) -> _Open:
        with self._idle:
            if self._ended:
                raise InternalError("a package was used after it was closed")
            entry = self._open.get(file)
            if entry is None:
                self._close_beyond(self._most - 1)
                entry = self._open[file] = _Open(self._open_file(file))
            self._open.move_to_end(file)
            entry.users += 1
            return entry

    def _close_beyond(self, most: int) -> None:
        idle = [file for file, entry in self._open.items() if not entry.users]
        for file in idle[: max(0, len(self._open) - most)]:
            self._closed_files.add(file)
            try:
                self._close_file(self._open.pop(file).fd)
            except OSError as error:  # it concerns that file, not whoever needs another one now
                self._fault = error

    def _raise_fault(self) -> None:
        if self._fault is not None:
            raise self._fault
