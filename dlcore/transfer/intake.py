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
            if not self._free:
                await self._sink.ready()
            place = self._sink.buffer()
            count = min(len(place), len(view))
            place[:count] = view[:count]
            self._free = self._sink.advance(count)
            view = view[count:]
