"""Blocks that are put together from strips, which several connections fetch at once.

An assembly is one pooled buffer for one block. Each strip is received straight into its place
there; one that races another (`Assignment.race`) has a small buffer of its own and is copied in
when it has won. Guarantees: a place has one writer at a time, and none once its bytes have
arrived, the block is verified or nobody needs it any more: a sink that was shut out goes on
receiving into a buffer that nobody looks at. A strip that fails leaves the assembly standing.
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

    def copy_to(self, place: memoryview) -> None:
        """Put the bytes there."""
        place[:] = self._place

    def shut_out(self) -> None:
        """Whatever comes from now on is not for the block."""
        self._place = _own_place(self.strip)


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
        self._sinks: dict[StripSink, bool] = {}  # whether it has a place of its own

    def sink(self, strip: Strip, flow: Flow, *, race: bool) -> StripSink:
        """Where a strip is to be received; one that is under way there has lost it, or races it."""
        if not race:
            self._clear(strip)
        place = _own_place(strip) if race else self.data[strip.start : strip.end]
        sink = StripSink(strip, place, flow)
        self._sinks[sink] = race
        return sink

    def take(self, sink: StripSink) -> bool:
        """All bytes of a strip have arrived; whether they are the first ones."""
        is_apart = self._sinks.pop(sink, None)
        if is_apart is None:
            return False
        self._clear(sink.strip)
        if is_apart:
            sink.copy_to(self.data[sink.strip.start : sink.strip.end])
        return True

    def leave(self, sink: StripSink) -> None:
        """The sink's bytes are not for this block any more."""
        if self._sinks.pop(sink, None) is not None:
            sink.shut_out()

    def _clear(self, strip: Strip) -> None:
        """Nobody writes there from now on; what is there stays."""
        for sink in list(self._sinks):
            if sink.strip.start < strip.end and strip.start < sink.strip.end:
                self.leave(sink)

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


def _own_place(strip: Strip) -> memoryview:
    return memoryview(bytearray(strip.end - strip.start))
