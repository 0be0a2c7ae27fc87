"""Counts what is left to write of each run, for runs that are written in several stretches.

A run whose middle is on disk already is two arrivals to the `Writer`, one that is there altogether
none. Whoever handed it in hears of it once. For one thread.
"""

from __future__ import annotations

from collections.abc import Callable

Settled = Callable[[int, tuple[int, ...]], None]
"""Told the place of a run among those given, and the numbers, in its object, of its bad blocks: the
good ones are on disk, and nobody looks at its buffer any more."""


class Tally:
    """What is left of each run.

    Args:
        settled: Told of each run of which nothing is left.
    """

    def __init__(self, settled: Settled) -> None:
        self._settled = settled
        self._runs: list[int] = []  # of each arrival in order
        self._left: dict[int, int] = {}
        self._bad: dict[int, tuple[int, ...]] = {}

    def expect(self, run: int, arrivals: int) -> None:
        """The next so many arrivals are of that run; to be said before any is settled."""
        if not arrivals:
            self._settled(run, ())
            return
        self._runs += [run] * arrivals
        self._left[run], self._bad[run] = arrivals, ()

    def settle(self, arrival: int, bad: tuple[int, ...]) -> None:
        """An arrival is settled: a `Settled` for the `Writer`."""
        run = self._runs[arrival]
        self._left[run] -= 1
        self._bad[run] += bad
        if not self._left[run]:
            self._settled(run, self._bad[run])
