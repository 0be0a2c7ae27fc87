"""Blocks that are put together from strips, which several connections fetch at once.

An assembly is one pooled buffer for one block. Each strip is received straight into its place
there. Guarantees: a place has one writer at a time, and none once its bytes have arrived, the block
is verified or nobody needs it any more: a sink that was shut out, because another connection took
over, goes on receiving into a buffer that nobody looks at. A strip that fails leaves the assembly
standing.
"""

from __future__ import annotations

from dlcore.engine.download.buffers import BufferPool
from dlcore.engine.download.flow import Flow
from dlcore.schedule import Strip

BlockKey = tuple[str, int, int]
"""Package, object, and number of the block in the object."""


class StripSink:
    """Receives one strip.

    Args:
        strip: Which bytes of the block.
        place: Where they go.
        flow: Told of the bytes; says how fast they may come.
    """

    def __init__(self, strip: Strip, place: memoryview, flow: Flow) -> None:
        self.strip = strip
        self._place = place
        self._flow = flow
        self._filled_bytes = 0

    def buffer(self) -> memoryview:
        """The free rest of the place."""
        return self._place[self._filled_bytes :]

    def advance(self, count: int) -> bool:
        """``count`` bytes were placed."""
        self._filled_bytes += count
        return self._flow.passed(count)

    async def ready(self) -> None:
        """Wait until more may be read."""
        await self._flow.ready()

    def shut_out(self) -> None:
        """Whatever comes from now on is not for the block."""
        self._place = memoryview(bytearray(self.strip.end - self.strip.start))


class Assembly:
    """One block and those who fetch it.

    Args:
        buffer: At least as long as the block.
        length_bytes: Of the block.

    Attributes:
        data: The block, as far as it is there.
    """

    def __init__(self, buffer: memoryview, length_bytes: int) -> None:
        self.buffer = buffer
        self.data = buffer[:length_bytes]
        self._sinks: set[StripSink] = set()

    def sink(self, strip: Strip, flow: Flow) -> StripSink:
        """Where a strip is to be received; who wrote there has lost it, and what is there stays."""
        for other in list(self._sinks):
            if other.strip.start < strip.end and strip.start < other.strip.end:
                self.leave(other)
        sink = StripSink(strip, self.data[strip.start : strip.end], flow)
        self._sinks.add(sink)
        return sink

    def take(self, sink: StripSink) -> bool:
        """All bytes of a strip have arrived; whether they are for this block."""
        is_ours = sink in self._sinks
        self._sinks.discard(sink)
        return is_ours

    def leave(self, sink: StripSink) -> None:
        """The sink's bytes are not for this block any more."""
        if sink in self._sinks:
            self._sinks.remove(sink)
            sink.shut_out()

    def close(self) -> None:
        """Nobody writes here from now on."""
        for sink in list(self._sinks):
            self.leave(sink)


class Assemblies:
    """The assemblies that are open.

    Args:
        pool: Where their buffers come from.
    """

    def __init__(self, pool: BufferPool) -> None:
        self._pool = pool
        self._open: dict[BlockKey, Assembly] = {}

    def open(self, key: BlockKey, block_bytes: int, length_bytes: int) -> Assembly | None:
        """The block's assembly, begun now if there is none and a buffer is free.

        Args:
            key: The block.
            block_bytes: Length of the package's blocks.
            length_bytes: Length of this one.
        """
        assembly = self._open.get(key)
        if assembly is None and (buffer := self._pool.take_now(block_bytes)):
            assembly = self._open[key] = Assembly(buffer, length_bytes)
        return assembly

    def is_open(self, key: BlockKey) -> bool:
        """Whether the block has an assembly."""
        return key in self._open

    def take(self, key: BlockKey) -> Assembly:
        """A whole block, to be verified; the taker gives back its buffer."""
        assembly = self._open.pop(key)
        assembly.close()
        return assembly

    def drop(self, key: BlockKey) -> None:
        """Nobody needs the block's assembly any more, if there is one."""
        if key in self._open:
            self._pool.give_back(self.take(key).buffer)

    def forget(self, package: str) -> None:
        """Nobody needs the package's assemblies any more."""
        for key in [key for key in self._open if key[0] == package]:
            self.drop(key)
