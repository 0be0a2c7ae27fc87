"""The records of runs in a state directory: what happened when, kept after a run has ended.

``runs/0.ndjson`` is the record of the latest run, ``1.ndjson`` that of the run before it, and so
on. A record is lines of events (`event_lines`). They are appended, also by the processes that go on
with the run; a line that a crash tore is closed by the next one, and left out by readers.

Nothing depends on a record but what people are shown. So it is synced only when its process closes
it, and a run goes on without it if the disk refuses.
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Final

from dlcore.disk.faults import guarded
from dlcore.disk.private_folder import PrivateFolder
from dlcore.engine.events import RunBegan
from dlcore.engine.listeners.bus import EventBus
from dlcore.engine.listeners.lines import StampedEvent, encode_line
from dlcore.engine.listeners.thinning import RecordPolicy, Thinning
from dlcore.engine.listeners.writer import EventWriter
from dlcore.errors import NotFoundError, StorageError
from dlcore.long_path import rooted
from dlcore.store.files import Files, read_document, write_fully
from dlcore.store.tree import ensure_folder
from dlcore.waiting import in_thread

FOLDER: Final = "runs"
LATEST: Final = 0
_NAME = re.compile(r"(\d{1,3})\.ndjson")
_log = logging.getLogger(__name__)


class RunRecords:
    """Writes the records of the runs on a state directory.

    Args:
        state: The state directory, whose run this process holds.
        kept_runs: Number of earlier runs whose records are kept.
    """

    def __init__(self, state: Path, kept_runs: int) -> None:
        self._state = rooted(state)
        self._opened = PrivateFolder(self._state)
        self._files = Files(self._opened)
        self._kept_runs = kept_runs
        self._fd: int | None = None
        self._end = 0

    def write(self, events: Sequence[StampedEvent]) -> None:
        """Record events. What happens before the first run begins belongs to none.

        Raises:
            StorageError: The disk failed.
        """
        lines = b""
        with guarded("record the run", self._state):
            for stamped in events:
                if isinstance(stamped.event, RunBegan):
                    self._append(lines)
                    self._open(is_new=not stamped.event.restarts)
                    lines = b"\n" if self._end else b""  # closes a line that a crash tore
                lines += encode_line(stamped)
            self._append(lines)

    def close(self) -> None:
        """Make what was written durable, and close the state directory. Idempotent.

        Raises:
            StorageError: The disk failed.
        """
        try:
            with guarded("record the run", self._state):
                self._close()
        finally:
            self._opened.forget()

    def _append(self, lines: bytes) -> None:
        if self._fd is not None:
            write_fully(self._files, self._fd, memoryview(lines), self._end)
            self._end += len(lines)

    def _open(self, *, is_new: bool) -> None:
        self._close()
        folder = self._state / FOLDER
        ensure_folder(self._files, folder)
        if is_new:
            self._move_up(folder)
        self._fd = self._files.open(folder / _name(LATEST), create=True)
        self._end = self._files.size(self._fd)

    def _close(self) -> None:
        if self._fd is not None:
            fd, self._fd = self._fd, None
            try:
                self._files.sync(fd)
            finally:
                self._files.close(fd)

    def _move_up(self, folder: Path) -> None:
        for number in sorted(_numbers(self._files.names(folder)), reverse=True):
            path = folder / _name(number)
            if number >= self._kept_runs:
                self._files.remove(path)
            else:
                self._files.move(path, folder / _name(number + 1))


@contextlib.asynccontextmanager
async def recorded(state: Path, bus: EventBus, policy: RecordPolicy) -> AsyncIterator[None]:
    """Record the runs of a state directory, whose run this process holds, while the body runs."""
    records = RunRecords(state, policy.kept_runs)
    writer = EventWriter(bus, records.write, Thinning(policy).choose)
    try:
        yield
    finally:
        try:
            await writer.aclose()
        finally:
            try:
                await in_thread(records.close)
            except StorageError as error:
                _log.warning("the end of the run's record may be lost: %s", error.message)


def numbers(state: Path) -> list[int]:
    """The records that there are: 0 is that of the latest run.

    Raises:
        StorageError: The disk failed.
    """
    state = rooted(state)
    files, folder = Files(PrivateFolder(state)), state / FOLDER
    with guarded("look for records of runs", state):
        return sorted(_numbers(files.names(folder))) if files.status(folder) else []


def read(state: Path, number: int = LATEST) -> bytes:
    """A record.

    Args:
        state: The state directory.
        number: How many runs ago.

    Raises:
        NotFoundError: There is none.
        StorageError: The disk failed.
    """
    inside = rooted(state)
    path = inside / FOLDER / _name(number)
    with guarded(f"read {path}", inside):
        files = Files(PrivateFolder(inside))
        there = files.status(inside / FOLDER) if inside.exists() else None
        document = read_document(files, path) if there else None
    if document is None:
        raise NotFoundError(
            f"{state}: no run is recorded there"
            if not number
            else f"{state}: no run {number} before the latest is recorded there",
            remedy="Name the state directory of the run with --state; --list shows what it has.",
        )
    return document


def _name(number: int) -> str:
    return f"{number}.ndjson"


def _numbers(names: list[str]) -> Iterator[int]:
    return (int(found[1]) for found in map(_NAME.fullmatch, names) if found)
