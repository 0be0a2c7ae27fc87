"""Counts what is still to be written of each extent, also of one that is written in several parts.

The `Writer` counts an extent whose middle is on disk already as two arrivals, and does not count
one that is completely on disk. Its caller hears of it exactly once. For one thread.
"""

from __future__ import annotations

from collections.abc import Callable

OnWritten = Callable[[int, tuple[int, ...]], None]
"""Called with the index of an extent among those given, and the numbers, in its object, of its bad
blocks: the good ones are on disk, and its buffer is not read any more."""


class PendingExtents:
    """What is still to be written of each extent.

    Args:
        on_written: Called once for each extent, when nothing of it is left to write.
    """

    def __init__(self, on_written: OnWritten) -> None:
        self._on_written = on_written
        self._extents: list[int] = []  # of each arrival in order
        self._left: dict[int, int] = {}
        self._bad: dict[int, tuple[int, ...]] = {}

    def expect(self, extent: int, arrivals: int) -> None:
        """The next ``arrivals`` arrivals are of an extent; called before any of them is written."""
        if not arrivals:
            self._on_written(extent, ())
            return
        self._extents += [extent] * arrivals
        self._left[extent], self._bad[extent] = arrivals, ()

    def arrival_written(self, arrival: int, bad: tuple[int, ...]) -> None:
        """An arrival was written: an `OnWritten` for the `Writer`."""
        extent = self._extents[arrival]
        self._left[extent] -= 1
        self._bad[extent] += bad
        if not self._left[extent]:
            self._on_written(extent, self._bad[extent])
