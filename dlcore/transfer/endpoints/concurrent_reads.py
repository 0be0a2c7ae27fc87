"""Reads several small files at once into one sink, in the sink's order.

A small file costs one round trip, however fast the link is. So while the sink takes one file, the
next ones are read into buffers.

Guarantees: the sink gets its bytes in order, so after a failure it holds exactly what precedes the
file that failed. For one endpoint, at most ``max_buffered_bytes`` wait in buffers. When
`read_concurrently` ends, in whatever way, none of its reads is running any more.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

from dlcore.transfer.policy import TransferPolicy
from dlcore.transfer.sink import SinkWriter
from dlcore.waiting import cancel_and_wait


class FileRead(NamedTuple):
    """One file, or part of it: its length, and how to read it."""

    length_bytes: int
    read: Callable[[SinkWriter], Awaitable[None]]


class ReadBudget:
    """The reads that one endpoint allows at once, for all of its ranges together.

    A range makes one read at any time even if the budget is used up, so that all ranges advance.

    Args:
        max_reads: Reads at once.
        policy: Gives the limits on buffers and on one range.

    Attributes:
        policy: The limits on buffers and on one range.
    """

    def __init__(self, max_reads: int, policy: TransferPolicy) -> None:
        self.policy = policy
        self._max_reads = max_reads
        self._reads = 0
        self._buffered_bytes = 0

    def has_room(self, length_bytes: int) -> bool:
        """Whether one more read may begin whose bytes are buffered."""
        return (
            self._reads < self._max_reads
            and self._buffered_bytes + length_bytes <= self.policy.max_buffered_bytes
        )

    def begin_read(self, buffered_bytes: int = 0) -> None:
        """Count a read, and the length of its buffer if it has one."""
        self._reads += 1
        self._buffered_bytes += buffered_bytes

    def end_read(self) -> None:
        """Count a read no more; its buffer stays until `free`."""
        self._reads -= 1

    def free(self, buffered_bytes: int) -> None:
        """Count buffers of this total length no more."""
        self._buffered_bytes -= buffered_bytes


async def read_concurrently(
    reads: Iterable[FileRead], writer: SinkWriter, budget: ReadBudget
) -> None:
    """Read all files in order; small ones begin before those ahead of them have ended.

    Raises:
        TransferError: The error of the first file that failed, in the sink's order.
    """
    waiting = deque(reads)
    ahead = _ReadAhead(writer, budget)
    try:
        while waiting or ahead.is_busy:
            ahead.fill(waiting)
            if ahead.is_busy:
                await ahead.write_first()
            else:
                await _read_unbuffered(waiting.popleft(), writer, budget)
    finally:
        await ahead.aclose()


async def _read_unbuffered(file: FileRead, writer: SinkWriter, budget: ReadBudget) -> None:
    budget.begin_read()
    try:
        await file.read(writer)
    finally:
        budget.end_read()


class _ReadAhead:
    """The buffered reads of one range, in the sink's order."""

    def __init__(self, writer: SinkWriter, budget: ReadBudget) -> None:
        self._writer = writer
        self._budget = budget
        self._reads: deque[tuple[_BufferSink, asyncio.Future[None]]] = deque()

    @property
    def is_busy(self) -> bool:
        return bool(self._reads)

    def fill(self, waiting: deque[FileRead]) -> None:
        """Begin what the limits allow. A file that is alone needs no buffer, so it is left."""
        while waiting and len(waiting) + len(self._reads) > 1 and self._may_begin(waiting[0]):
            self._begin(waiting.popleft())

    def _may_begin(self, file: FileRead) -> bool:
        policy = self._budget.policy
        return (
            len(self._reads) < policy.max_reads_per_range
            and file.length_bytes <= policy.max_small_read_bytes
            and self._budget.has_room(file.length_bytes)
        )

    def _begin(self, file: FileRead) -> None:
        sink = _BufferSink(file.length_bytes, self._writer)
        self._budget.begin_read(file.length_bytes)
        task = asyncio.ensure_future(file.read(SinkWriter(sink)))
        task.add_done_callback(lambda _: self._budget.end_read())
        self._reads.append((sink, task))

    async def write_first(self) -> None:
        """Wait for the first read, and write its bytes to the sink."""
        sink, task = self._reads[0]
        await asyncio.wait({task})  # unlike awaiting the task, this does not pass a cancellation on
        task.result()
        self._reads.popleft()
        try:
            await self._writer.write(sink.received)
        finally:
            self._budget.free(sink.length_bytes)

    async def aclose(self) -> None:
        """Cancel what is still running, and wait until it has ended; drop what it has brought."""
        try:
            await cancel_and_wait([task for _, task in self._reads])
        finally:
            self._budget.free(sum(sink.length_bytes for sink, _ in self._reads))
            self._writer.drop(sum(len(sink.received) for sink, _ in self._reads))


class _BufferSink:
    """A sink that writes to one buffer of the right length; what it drops, the range drops."""

    def __init__(self, length_bytes: int, writer: SinkWriter) -> None:
        self.length_bytes = length_bytes
        self._buffer = memoryview(bytearray(length_bytes))
        self._filled_bytes = 0
        self._writer = writer

    @property
    def received(self) -> memoryview:
        return self._buffer[: self._filled_bytes]

    def buffer(self) -> memoryview:
        return self._buffer[self._filled_bytes :]

    def advance(self, count: int) -> bool:
        self._filled_bytes += count
        return True

    def dropped(self, count: int) -> bool:
        self._writer.drop(count)
        return True

    async def ready(self) -> None:
        """Return at once: memory is always ready."""
