"""A bounded set of open files: a package has thousands of files, a process few descriptors.

Guarantees: a file in use is not closed; at most ``max_open`` files that are not in use stay open;
after `close` none is open and none can be opened. Thread-safe: opening a file may take long, and
other files can be taken in the meantime.
"""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator

from dlcore.errors import InternalError

MAX_OPEN = 64  # arbitrary: far below the usual limit of 1024, far above the files in use at once


class _Open:
    """An open file and the number of its users now; ``fd`` is None while it is being opened."""

    __slots__ = ("fd", "users")

    def __init__(self) -> None:
        self.fd: int | None = None
        self.users = 0


class Descriptors:
    """Files by number, opened when needed, closed when others are needed more.

    Args:
        open_file: Opens the file of a number.
        close_file: Closes what ``open_file`` returned.
        max_open: How many files to keep open that are not in use.
    """

    def __init__(
        self,
        open_file: Callable[[int], int],
        close_file: Callable[[int], None],
        max_open: int = MAX_OPEN,
    ) -> None:
        self._open_file = open_file
        self._close_file = close_file
        self._max_open = max_open
        self._open: dict[int, _Open] = {}
        self._unused: OrderedDict[int, _Open] = OrderedDict()  # of `_open`, longest unused first
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._closed_files: set[int] = set()
        self._fault: OSError | None = None
        self._ended = False

    @contextlib.contextmanager
    def use(self, file: int) -> Iterator[int]:
        """The descriptor of a file, which stays open inside the ``with``."""
        fd = self.take(file)
        try:
            yield fd
        finally:
            self.give_back(file)

    def take(self, file: int) -> int:
        """The descriptor of a file, which stays open until `give_back` has undone every `take`."""
        with self._lock:
            entry = self._found(file)
            entry.users += 1
            if entry.fd is not None:
                return entry.fd
        try:
            fd = self._open_file(file)
        except BaseException:
            with self._lock:
                del self._open[file]
                self._changed.notify_all()
            raise
        with self._lock:
            entry.fd = fd
            self._changed.notify_all()
        return fd

    def give_back(self, file: int) -> None:
        """Undo one `take`."""
        with self._lock:
            entry = self._open[file]
            entry.users -= 1
            if not entry.users:
                self._unused[file] = entry
                self._changed.notify_all()

    def take_closed(self) -> set[int]:
        """Numbers of the files that were closed since the last call.

        Raises:
            OSError: Closing one failed at some time: what was written to it may be lost.
        """
        with self._lock:
            self._raise_fault()
            closed, self._closed_files = self._closed_files, set()
            return closed

    def close(self) -> None:
        """Wait until no file is in use, and close them all. Idempotent.

        Raises:
            OSError: As for `take_closed`. All files are closed nevertheless.
        """
        with self._lock:
            self._ended = True
            self._changed.wait_for(lambda: len(self._unused) == len(self._open))
            self._close_beyond(0)
            self._raise_fault()

    def _found(self, file: int) -> _Open:
        """The open file, if need be after another thread opened it; or a new entry to be opened."""
        while True:
            if self._ended:
                raise InternalError("a package was used after it was closed")
            entry = self._open.get(file)
            if entry is None:
                self._close_beyond(self._max_open - 1)
                return self._open.setdefault(file, _Open())
            if entry.fd is not None:
                self._unused.pop(file, None)
                return entry
            self._changed.wait()

    def _close_beyond(self, max_open: int) -> None:
        while self._unused and len(self._open) > max_open:
            file, entry = self._unused.popitem(last=False)
            del self._open[file]
            self._closed_files.add(file)
            assert entry.fd is not None, "a file without users is open"
            try:
                self._close_file(entry.fd)
            except OSError as error:  # concerns that file, not the one that is needed now
                self._fault = error

    def _raise_fault(self) -> None:
        if self._fault is not None:
            raise self._fault
