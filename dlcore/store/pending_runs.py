"""Counts what is still to be written of each run, for runs that are written in several parts.

The `Writer` counts a run whose middle is on disk already as two arrivals, and does not count one
that is completely on disk. Its caller hears of it exactly once. For one thread.
"""

from __future__ import annotations

from collections.abc import Callable

OnWritten = Callable[[int, tuple[int, ...]], None]
"""Called with the index of a run among those given, and the numbers, in its object, of its bad
blocks: the good ones are on disk, and its buffer is not read any more."""


class PendingRuns:
    """What is still to be written of each run.

    Args:
        on_written: Called once for each run, when nothing of it is left to write.
    """

    def __init__(self, on_written: OnWritten) -> None:
        self._on_written = on_written
        self._runs: list[int] = []  # of each arrival in order
        self._left: dict[int, int] = {}
        self._bad: dict[int, tuple[int, ...]] = {}

    def expect(self, run: int, arrivals: int) -> None:
        """The next ``arrivals`` arrivals belong to a run; called before any of them is written."""
        if not arrivals:
            self._on_written(run, ())
            return
        self._runs += [run] * arrivals
        self._left[run], self._bad[run] = arrivals, ()

    def arrival_written(self, arrival: int, bad: tuple[int, ...]) -> None:
        """An arrival was written: an `OnWritten` for the `Writer`."""
        run = self._runs[arrival]
        self._left[run] -= 1
        self._bad[run] += bad
        if not self._left[run]:
            self._on_written(run, self._bad[run])
