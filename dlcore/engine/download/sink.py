"""Where a range's bytes go: into pooled buffers, and from there verified to disk.

While the network fills one buffer, threads hash and write the ones before without the GIL. If the
disk is slower than the network, no buffer is free and the reader waits.

A buffer holds a run of whole blocks: several of a long range, which a fast connection has, and one
of a shorter one, for there are many slow connections and each holds a buffer. When a range breaks
off or is cut short, the whole blocks that did arrive are still verified and kept, and the start of
the broken block is offered to whoever can put the rest to it. Strips, which are less than a block,
have a sink of their own (`assembly`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from dlcore.engine.download.buffers import BufferPool
from dlcore.engine.download.flow import Flow
from dlcore.engine.threads import wait_for_all
from dlcore.model import BlockRange, Manifest

BUFFER_BYTES = 2 << 20  # no longer, unless a block is
BUFFERS_PER_RANGE = 8  # no fewer, unless they would be shorter than a block
MIN_BUFFER_BYTES = 4096  # a page

Verify = Callable[[BlockRange, memoryview], Awaitable[None]]
KeepStart = Callable[[int, memoryview], None]
"""Given the number, in the object, of a broken block, and the bytes of its start."""


class StoppedError(Exception):
    """The rest of the range is somebody else's; raised to whoever reads it from the network."""


class RangeSink:
    """Receives one range of whole blocks.

    Args:
        manifest: The package's.
        blocks: The range.
        pool: Where buffers come from.
        verify: Checks and writes a run of whole blocks; its errors surface in `ready` and `drain`.
        keep_start: Copies the start of the block in which the range breaks off, if it is of use.
        flow: Told of the bytes; says where the range ends, and how fast it may come.
    """

    def __init__(
        self,
        manifest: Manifest,
        blocks: BlockRange,
        pool: BufferPool,
        verify: Verify,
        keep_start: KeepStart,
        flow: Flow,
    ) -> None:
        self._manifest = manifest
        self._range = blocks
        self._pool = pool
        self._verify = verify
        self._keep_start = keep_start
        self._flow = flow
        self._last = blocks.last
        self._is_stopped = False
        max_bytes = min(BUFFER_BYTES, self._bytes_of(blocks) // BUFFERS_PER_RANGE)
        self._blocks_per_run = max(1, max_bytes // manifest.block_bytes)
        self._buffer_bytes = self._buffer_length()
        self._buffer: memoryview | None = None
        self._filled_bytes = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._run, self._run_bytes = self._run_from(blocks.first)

    def begin(self) -> bool:
        """Take the first buffer, if one is free; without it `buffer` must not be called."""
        self._buffer = self._pool.take_now(self._buffer_bytes)
        return self._buffer is not None

    def buffer(self) -> memoryview:
        """The free rest of the buffer in use."""
        assert self._buffer is not None, "ready was not awaited"
        return self._buffer[self._filled_bytes : self._run_bytes]

    def advance(self, count: int) -> bool:
        """``count`` bytes were placed; a full buffer goes to its verification."""
        self._filled_bytes += count
        flows = self._flow.passed(count)
        if self._flow.last_block() < self._last:
            self._shorten()
        if self._filled_bytes < self._run_bytes:
            return flows
        self._hand_over(self._run)
        if self._run.last >= self._last:
            self._is_stopped = self._last < self._range.last
            return not self._is_stopped
        self._run, self._run_bytes = self._run_from(self._run.last)
        if not self._has_failed():
            self._buffer = self._pool.take_now(self._buffer_bytes)
        return flows and self._buffer is not None

    async def ready(self) -> None:
        """Wait for a free buffer, and until more may be read.

        Raises:
            StorageError: What was handed over before could not be written.
            StoppedError: The range was cut short, and all that is left of it has arrived.
        """
        if self._has_failed():
            await wait_for_all(self._tasks)
        if self._is_stopped:
            raise StoppedError
        if self._buffer is None:
            self._buffer = await self._pool.take(self._buffer_bytes)
        await self._flow.ready()

    async def drain(self) -> None:
        """Verify the whole blocks of an unfinished buffer and wait for all verifications.

        Waits even if cancelled: a thread may be writing from the buffers.
        """
        whole, start_bytes = divmod(self._filled_bytes, self._manifest.block_bytes)
        if self._buffer is not None:
            if start_bytes:
                start = self._buffer[self._filled_bytes - start_bytes : self._filled_bytes]
                self._keep_start(self._run.first + whole, start)
            self._hand_over(self._run._replace(last=min(self._run.last, self._run.first + whole)))
        await wait_for_all(self._tasks)

    def _shorten(self) -> None:
        """Somebody else fetches the end of the range."""
        self._last = self._flow.last_block()
        if self._run.last > self._last:
            self._run = self._run._replace(last=max(self._last, self._run.first))
            self._run_bytes = self._bytes_of(self._run)

    def _has_failed(self) -> bool:
        return any(task.done() and task.exception() for task in self._tasks)

    def _hand_over(self, run: BlockRange) -> None:
        """The buffer goes to verification, or back if it holds no whole block that is wanted."""
        assert self._buffer is not None
        buffer, self._buffer = self._buffer, None
        self._filled_bytes = 0
        if run.last > run.first:
            self._tasks.append(asyncio.ensure_future(self._verified(run, buffer)))
        else:
            self._pool.give_back(buffer)

    async def _verified(self, run: BlockRange, buffer: memoryview) -> None:
        try:
            await self._verify(run, buffer[: self._bytes_of(run)])
        finally:
            self._pool.give_back(buffer)

    def _run_from(self, first: int) -> tuple[BlockRange, int]:
        """The next run and its length."""
        last = min(first + self._blocks_per_run, self._last)
        run = BlockRange(self._range.object, first, last)
        return run, self._bytes_of(run)

    def _bytes_of(self, run: BlockRange) -> int:
        if run.last == run.first:
            return 0
        start, end = self._manifest.range_span(run)
        return end - start

    def _buffer_length(self) -> int:
        """Room for a run; less for a shorter range, in few lengths so that buffers fit again."""
        first, last = self._range.first, self._range.last
        most = BlockRange(self._range.object, first, min(last, first + self._blocks_per_run))
        room = 1 << (self._bytes_of(most) - 1).bit_length()
        return min(max(room, MIN_BUFFER_BYTES), self._blocks_per_run * self._manifest.block_bytes)
