"""Where a range's bytes go: into one of two reused buffers, from there verified to disk.

While the network fills one buffer, a thread hashes and writes the other without the GIL. If the
disk is slower than the network, the next buffer is not free and the reader waits: memory is
bounded by two buffers a connection, whatever the package's size.

A buffer holds a run of whole blocks. When a range breaks off, the whole blocks that did arrive
are still verified and kept; only the broken block is fetched again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from dlcore.engine.threads import settle
from dlcore.model import BlockRange, Manifest

BUFFER_BYTES = 2 << 20  # several blocks, so that their hashes can be computed side by side

Verify = Callable[[BlockRange, memoryview], Awaitable[None]]


class Lane:
    """The two buffers of one connection, kept from range to range."""

    def __init__(self) -> None:
        self._buffers = (bytearray(), bytearray())

    def buffers(self, length_bytes: int) -> tuple[memoryview, memoryview]:
        """Both buffers, at least that long."""
        if len(self._buffers[0]) < length_bytes:
            self._buffers = (bytearray(length_bytes), bytearray(length_bytes))
        return memoryview(self._buffers[0]), memoryview(self._buffers[1])


class RangeSink:
    """Receives one range.

    Args:
        manifest: The package's.
        blocks: The range.
        lane: The connection's buffers.
        verify: Checks and writes a run of whole blocks; its errors surface in `ready` and `drain`.
        received: Told the number of bytes whenever some have arrived.
    """

    def __init__(
        self,
        manifest: Manifest,
        blocks: BlockRange,
        lane: Lane,
        verify: Verify,
        received: Callable[[int], None],
    ) -> None:
        self._manifest = manifest
        self._range = blocks
        self._verify = verify
        self._blocks_per_run = max(1, BUFFER_BYTES // manifest.block_bytes)
        self._views = lane.buffers(self._blocks_per_run * manifest.block_bytes)
        self._tasks: list[asyncio.Task[None] | None] = [None, None]
        self._active = 0
        self._filled_bytes = 0
        self._run = self._run_from(blocks.first)
        self._received = received

    def buffer(self) -> memoryview:
        """The free rest of the buffer in use."""
        return self._views[self._active][self._filled_bytes : self._run_bytes(self._run)]

    def advance(self, count: int) -> bool:
        """``count`` bytes were placed; a full buffer goes to its verification."""
        self._filled_bytes += count
        self._received(count)
        if self._filled_bytes < self._run_bytes(self._run):
            return True
        self._hand_over(self._run)
        if self._run.last < self._range.last:
            self._run = self._run_from(self._run.last)
        task = self._tasks[self._active]
        return task is None or (task.done() and not task.exception())

    async def ready(self) -> None:
        """Wait until the buffer to be used next has been verified and written."""
        task = self._tasks[self._active]
        if task:
            await asyncio.shield(task)

    async def drain(self) -> None:
        """Verify the whole blocks of an unfinished buffer and wait for all verifications.

        Waits even if cancelled: a thread may be writing from the buffers.
        """
        whole = self._filled_bytes // self._manifest.block_bytes
        if whole:
            self._hand_over(
                BlockRange(self._range.object, self._run.first, self._run.first + whole)
            )
        await settle([task for task in self._tasks if task])

    def _hand_over(self, run: BlockRange) -> None:
        view = self._views[self._active][: self._run_bytes(run)]
        self._tasks[self._active] = asyncio.ensure_future(self._verify(run, view))
        self._active ^= 1
        self._filled_bytes = 0

    def _run_from(self, first: int) -> BlockRange:
        last = min(first + self._blocks_per_run, self._range.last)
        return BlockRange(self._range.object, first, last)

    def _run_bytes(self, run: BlockRange) -> int:
        start, end = self._manifest.range_span(run)
        return end - start
