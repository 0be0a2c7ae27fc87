"""Where whole blocks of a request go: into pooled buffers, and from there verified to disk.

While the network fills one buffer, threads hash and write the ones before without the GIL. If the
disk is slower than the network, no buffer is free and the reader waits.

A buffer holds an extent of whole blocks: several blocks of a long request, which a fast connection
has, and one of a shorter request, because there are many slow connections and each holds a buffer.
When a request breaks off or is shortened, the whole blocks that did arrive are still verified and
kept, and the start of the broken block is offered for others to complete. Parts of blocks have a
sink of their own (`split_block_buffer`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import msgspec

from dlcore.engine.download.buffers import BufferPool
from dlcore.engine.download.flow import Flow
from dlcore.model import BlockExtent, BlockInObject, Manifest
from dlcore.schedule import buffer_length
from dlcore.waiting import enduring, wait_for_all

Verify: TypeAlias = Callable[[BlockExtent, memoryview], Awaitable[None]]
KeepStart: TypeAlias = Callable[[BlockInObject, memoryview], None]
"""Given the number of a broken block and the bytes of its start."""


class BufferPolicy(msgspec.Struct, frozen=True):
    """How long the buffers of a request are."""

    # No buffer is longer, unless one block is.
    max_bytes: int = 2 << 20
    # A request is divided among at least this many, unless they would be shorter than a block.
    min_count: int = 8


class ShortenedError(Exception):
    """Another request fetches the rest; raised to the code that reads from the network."""


class BlockSink:
    """Receives one request for whole blocks.

    Args:
        manifest: The package's.
        blocks: The blocks of the request.
        pool: Where buffers come from.
        verify: Checks and writes an extent; its errors surface in `ready` and `drain`.
        keep_start: Copies the start of the block in which the request breaks off, if it is of use.
        flow: Told of the bytes; says how fast they may come.
        policy: How long buffers are.
    """

    def __init__(
        self,
        manifest: Manifest,
        blocks: BlockExtent,
        pool: BufferPool,
        verify: Verify,
        keep_start: KeepStart,
        flow: Flow,
        policy: BufferPolicy | None = None,
    ) -> None:
        policy = policy or BufferPolicy()
        self._manifest = manifest
        self._blocks = blocks
        self._pool = pool
        self._verify = verify
        self._keep_start = keep_start
        self._flow = flow
        self._end = self._wanted_end = blocks.end
        self._is_shortened = False
        max_bytes = min(policy.max_bytes, self._bytes_of(blocks) // policy.min_count)
        self._blocks_per_extent = max(1, max_bytes // manifest.block_bytes)
        self._buffer_bytes = self._buffer_length()
        self._buffer: memoryview | None = None
        self._filled_bytes = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._extent, self._extent_bytes = self._extent_from(blocks.first)

    def begin(self, min_bytes: int) -> None:
        """Take the first buffer; ``min_bytes`` are free, and enough for one block."""
        self._buffer = self._pool.take_now(self._buffer_bytes)
        if self._buffer is None:
            self._blocks_per_extent, self._buffer_bytes = 1, min_bytes
            self._extent, self._extent_bytes = self._extent_from(self._blocks.first)
            self._buffer = self._pool.take_now(min_bytes)
        assert self._buffer is not None, "the scheduler knows how much memory is free"

    def shorten(self, end_block: BlockInObject) -> None:
        """Blocks from ``end_block`` on are not wanted; takes effect with the next bytes."""
        self._wanted_end = min(self._wanted_end, end_block)

    def buffer(self) -> memoryview:
        """The free rest of the buffer in use."""
        assert self._buffer is not None, "ready was not awaited"
        return self._buffer[self._filled_bytes : self._extent_bytes]

    def advance(self, count: int) -> bool:
        """Note that ``count`` bytes were placed; a full buffer goes to its verification."""
        self._filled_bytes += count
        flows = self._flow.passed(count)
        if self._wanted_end < self._end:
            self._end_earlier()
        if self._filled_bytes < self._extent_bytes:
            return flows
        self._hand_over(self._extent)
        if self._extent.end >= self._end:
            self._is_shortened = self._end < self._blocks.end
            return not self._is_shortened
        self._extent, self._extent_bytes = self._extent_from(self._extent.end)
        if not self._has_failed():
            self._buffer = self._pool.take_now(self._buffer_bytes)
        return flows and self._buffer is not None

    def dropped(self, count: int) -> bool:
        """Note that bytes came that are not of the range; whether more may be placed now."""
        return self._flow.dropped(count)

    async def ready(self) -> None:
        """Wait for a free buffer, and until more may be placed.

        Raises:
            StorageError: What was handed over before could not be written.
            ShortenedError: The request was shortened, and all that is wanted of it has arrived.
        """
        if self._has_failed():
            await wait_for_all(self._tasks)
        if self._is_shortened:
            raise ShortenedError
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
                self._keep_start(BlockInObject(self._extent.first + whole), start)
            end = BlockInObject(min(self._extent.end, self._extent.first + whole))
            self._hand_over(self._extent._replace(end=end))
        await wait_for_all(self._tasks)

    def _end_earlier(self) -> None:
        """Another request fetches the end of this one."""
        self._end = self._wanted_end
        if self._extent.end > self._end:
            self._extent = self._extent._replace(end=max(self._end, self._extent.first))
            self._extent_bytes = self._bytes_of(self._extent)

    def _has_failed(self) -> bool:
        return any(task.done() and task.exception() for task in self._tasks)

    def _hand_over(self, extent: BlockExtent) -> None:
        """The buffer goes to verification, or back if it holds no whole block that is wanted."""
        assert self._buffer is not None
        buffer, self._buffer = self._buffer, None
        self._filled_bytes = 0
        if extent.end > extent.first:
            self._tasks.append(enduring(self._verified(extent, buffer)))
        else:
            self._pool.give_back(buffer)

    async def _verified(self, extent: BlockExtent, buffer: memoryview) -> None:
        try:
            await self._verify(extent, buffer[: self._bytes_of(extent)])
        finally:
            self._pool.give_back(buffer)

    def _extent_from(self, first: BlockInObject) -> tuple[BlockExtent, int]:
        """The next extent and its length."""
        end = BlockInObject(min(first + self._blocks_per_extent, self._end))
        extent = BlockExtent(self._blocks.object, first, end)
        return extent, self._bytes_of(extent)

    def _bytes_of(self, extent: BlockExtent) -> int:
        if extent.end == extent.first:
            return 0
        start, end = self._manifest.extent_span(extent)
        return end - start

    def _buffer_length(self) -> int:
        """Room for an extent; less for a shorter request."""
        index, first, end = self._blocks
        longest = BlockExtent.of(index, first, min(end, first + self._blocks_per_extent))
        max_bytes = self._blocks_per_extent * self._manifest.block_bytes
        return buffer_length(self._bytes_of(longest), max_bytes)
