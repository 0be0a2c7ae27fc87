"""Puts bytes into a sink in order, waiting where the sink asks for it.

Guarantees: `Sink.ready` is awaited between an `advance` that said no and the next `buffer`, and
never after the last one; so one intake serves a range that is read in several requests.
"""

from __future__ import annotations

from dlcore.transfer.interface import Sink


class Intake:
    """The way of one range's bytes into its sink."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._free = True

    async def put(self, data: bytes | memoryview) -> None:
        """Copy all of ``data`` into the sink."""
        view = memoryview(data)
        while view:
            await self.ready()
            place = self.place(len(view))
            count = len(place)
            place[:] = view[:count]
            self.placed(count)
            view = view[count:]

    async def ready(self) -> None:
        """Wait until `place` may be called."""
        if not self._free:
            await self._sink.ready()
            self._free = True

    def place(self, most: int) -> memoryview:
        """Where the next bytes go, at most so many."""
        return self._sink.buffer()[:most]

    def placed(self, count: int) -> bool:
        """``count`` bytes are in the last `place`; whether the next is free now."""
        self._free = self._sink.advance(count)
        return self._free
