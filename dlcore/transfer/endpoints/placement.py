"""The common shape of every endpoint's `Placement`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from dlcore.transfer.interface import Sink
from dlcore.transfer.sink import Intake

ReadSpan = Callable[[int, tuple[int, int], Intake], Awaitable[None]]


class Located:
    """Objects that an endpoint holds, and how it reads a span of one.

    Args:
        held: Indices of the manifest's objects.
        read: Reads bytes ``[start, end)`` of an object into an intake.
    """

    def __init__(self, held: frozenset[int], read: ReadSpan) -> None:
        self.held = held
        self._read = read

    async def read_range(self, object_index: int, start: int, end: int, sink: Sink) -> None:
        """See `dlcore.transfer.interface.Placement.read_range`."""
        await self._read(object_index, (start, end), Intake(sink))


def everything(count: int) -> frozenset[int]:
    """All objects of a manifest: whether each exists is found out by reading it."""
    return frozenset(range(count))
