"""Buffers of blocks that several connections fetch in parts at once.

Each split block has one pooled buffer, and each part is received straight into its place there.
Guarantees: a place has one writer at a time, and none once its bytes have arrived, the block is
verified, or nobody needs it any more. A sink that is shut out, because another request took over
its part, continues to receive into memory that nobody looks at. A part that fails leaves the
buffer as it is.
"""

from __future__ import annotations

from typing import TypeAlias

from dlcore.engine.download.buffers import BufferPool
from dlcore.engine.download.flow import Flow
from dlcore.engine.download.ledger import Ledger, OpenBytes
from dlcore.schedule import Span

BlockKey: TypeAlias = tuple[str, int, int]
"""Package, object, and number of the block in the object."""


class PartSink:
    """Receives one part of a block.

    Args:
        part: Which bytes of the block.
        buffer: The block's buffer.
        flow: Told of the bytes; says how fast they may come.
    """

    def __init__(self, part: Span, buffer: SplitBlockBuffer, flow: Flow) -> None:
        self.part = part
        self._buffer = buffer
        self._place = buffer.data[part.start : part.end]
        self._flow = flow
        self._filled_bytes = 0

    def buffer(self) -> memoryview:
        """The free rest of the place."""
        return self._place[self._filled_bytes :]

    def advance(self, count: int) -> bool:
        """Note that ``count`` bytes were placed; whether more may be placed now."""
        self._filled_bytes += count
        return self._flow.passed(count)

    def dropped(self, count: int) -> bool:
        """Note that bytes came that are not of the part; whether more may be placed now."""
        return self._flow.dropped(count)

    async def ready(self) -> None:
        """Wait until more may be placed."""
        await self._flow.ready()

    def complete(self) -> bool:
        """All bytes of the part have arrived; whether they are in the block's buffer."""
        return self._buffer.complete(self)

    def leave(self) -> None:
        """Its bytes are not for the block any more."""
        self._buffer.leave(self)

    def kept_in(self, open_bytes: OpenBytes) -> None:
        """What has arrived is the block's, not the request's."""
        self._flow.open_bytes.give(self._filled_bytes, open_bytes)

    def shut_out(self) -> None:
        """Whatever comes from now on is not for the block."""
        self._place = memoryview(bytearray(self.part.length_bytes))


class SplitBlockBuffer:
    """The buffer of one split block, and those who write to it.

    Args:
        memory: The pooled buffer; at least as long as the block.
        length_bytes: Length of the block.
        open_bytes: Has what has arrived of it.

    Attributes:
        open_bytes: The same.
    """

    def __init__(self, memory: memoryview, length_bytes: int, open_bytes: OpenBytes) -> None:
        self.memory = memory
        self.open_bytes = open_bytes
        self.data = memory[:length_bytes]
        self._sinks: set[PartSink] = set()

    def sink(self, part: Span, flow: Flow) -> PartSink:
        """Where a part is to be received; another writer to these bytes is shut out."""
        for other in list(self._sinks):
            if other.part.start < part.end and part.start < other.part.end:
                self.leave(other)
        sink = PartSink(part, self, flow)
        self._sinks.add(sink)
        return sink

    def complete(self, sink: PartSink) -> bool:
        """A sink has all its bytes; whether they are here."""
        if sink not in self._sinks:
            return False
        self._sinks.remove(sink)
        sink.kept_in(self.open_bytes)
        return True

    def leave(self, sink: PartSink) -> None:
        """The sink's bytes are not for the block any more; what is here stays."""
        if sink in self._sinks:
            self._sinks.remove(sink)
            sink.kept_in(self.open_bytes)
            sink.shut_out()

    def close(self) -> None:
        """Nobody writes here from now on."""
        for sink in list(self._sinks):
            self.leave(sink)


class SplitBlockBuffers:
    """The buffers of all split blocks.

    Args:
        pool: Where their memory comes from.
        ledger: Learns what becomes of what arrives.
    """

    def __init__(self, pool: BufferPool, ledger: Ledger) -> None:
        self._pool = pool
        self._ledger = ledger
        self._open: dict[BlockKey, SplitBlockBuffer] = {}

    def open(self, key: BlockKey, block_bytes: int, length_bytes: int) -> SplitBlockBuffer | None:
        """The block's buffer, taken now if it has none; None if there is no free memory for it.

        Args:
            key: The block.
            block_bytes: Length of the package's blocks.
            length_bytes: Length of this one.
        """
        buffer = self._open.get(key)
        if buffer is None and (memory := self._pool.take_now(block_bytes)):
            open_bytes = self._ledger.open()
            buffer = self._open[key] = SplitBlockBuffer(memory, length_bytes, open_bytes)
        return buffer

    def is_open(self, key: BlockKey) -> bool:
        """Whether the block has a buffer."""
        return key in self._open

    def take(self, key: BlockKey) -> SplitBlockBuffer:
        """A whole block, to be verified; the caller gives it back with `give_back`."""
        buffer = self._open.pop(key)
        buffer.close()
        return buffer

    def drop(self, key: BlockKey) -> None:
        """Nobody needs the block's buffer any more, if it has one."""
        if key in self._open:
            self.give_back(self.take(key))

    def give_back(self, buffer: SplitBlockBuffer) -> None:
        """Nobody needs a taken buffer any more; what is left in it was of no use."""
        buffer.open_bytes.close()
        self._pool.give_back(buffer.memory)

    def forget(self, package: str) -> None:
        """Nobody needs the package's buffers any more."""
        for key in [key for key in self._open if key[0] == package]:
            self.drop(key)

    def close(self) -> None:
        """Nobody needs any buffer any more."""
        for key in tuple(self._open):
            self.drop(key)
