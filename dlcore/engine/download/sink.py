"""Where a range's bytes go: into pooled buffers, and from there verified to disk.

While the network fills one buffer, threads hash and write the ones before without the GIL. If the
disk is slower than the network, no buffer is free and the reader waits.

A buffer holds a run of whole blocks. When a range breaks off, the whole blocks that did arrive
are still verified and kept; only the broken block is fetched again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from dlcore.engine.download.buffers import BufferPool
from dlcore.engine.threads import settle
from dlcore.model import BlockRange, Manifest

BUFFER_BYTES = 2 << 20  # where blocks are shorter; a longer block has a buffer of its own

Verify = Callable[[BlockRange, memoryview], Awaitable[None]]


class RangeSink:
    """Receives one range. Await `ready` before the first `buffer`.

    Args:
        manifest: The package's.
        blocks: The range.
        pool: Where buffers come from.
        verify: Checks and writes a run of whole blocks; its errors surface in `ready` and `drain`.
        received: Told the number of bytes whenever some have arrived.
    """

    def __init__(
        self,
        manifest: Manifest,
        blocks: BlockRange,
        pool: BufferPool,
        verify: Verify,
        received: Callable[[int], None],
    ) -> None:
        self._manifest = manifest
        self._range = blocks
        self._pool = pool
        self._verify = verify
        self._received = received
        self._blocks_per_run = max(1, BUFFER_BYTES // manifest.block_bytes)
        self._buffer_bytes = self._blocks_per_run * manifest.block_bytes
        self._run = self._run_from(blocks.first)
        self._buffer: memoryview | None = None
        self._filled_bytes = 0
        self._tasks: list[asyncio.Task[None]] = []

    def buffer(self) -> memoryview:
        """The free rest of the buffer in use."""
        assert self._buffer is not None, "ready was not awaited"
        return self._buffer[self._filled_bytes : self._run_bytes(self._run)]

    def advance(self, count: int) -> bool:
        """``count`` bytes were placed; a full buffer goes to its verification."""
        self._filled_bytes += count
        self._received(count)
        if self._filled_bytes < self._run_bytes(self._run):
            return True
        self._hand_over(self._run)
        if self._run.last == self._range.last:
            return True
        self._run = self._run_from(self._run.last)
        if not self._has_failed():
            self._buffer = self._pool.take_now(self._buffer_bytes)
        return self._buffer is not None

    async def ready(self) -> None:
        """Wait for a free buffer.

        Raises:
            StorageError: What was handed over before could not be written.
        """
        if self._has_failed():
            await settle(self._tasks)
        if self._buffer is None:
            self._buffer = await self._pool.take(self._buffer_bytes)

    async def drain(self) -> None:
        """Verify the whole blocks of an unfinished buffer and wait for all verifications.

        Waits even if cancelled: a thread may be writing from the buffers.
        """
        whole = self._filled_bytes // self._manifest.block_bytes
        if whole:
            self._hand_over(
                BlockRange(self._range.object, self._run.first, self._run.first + whole)
            )
        elif self._buffer is not None:
            self._pool.give_back(self._buffer)
            self._buffer = None
        await settle(self._tasks)

    def _has_failed(self) -> bool:
        return any(task.done() and task.exception() for task in self._tasks)

    def _hand_over(self, run: BlockRange) -> None:
        assert self._buffer is not None
        self._tasks.append(asyncio.ensure_future(self._verified(run, self._buffer)))
        self._buffer = None
        self._filled_bytes = 0

    async def _verified(self, run: BlockRange, buffer: memoryview) -> None:
        try:
            await self._verify(run, buffer[: self._run_bytes(run)])
        finally:
            self._pool.give_back(buffer)

    def _run_from(self, first: int) -> BlockRange:
        last = min(first + self._blocks_per_run, self._range.last)
        return BlockRange(self._range.object, first, last)

    def _run_bytes(self, run: BlockRange) -> int:
        start, end = self._manifest.range_span(run)
        return end - start
