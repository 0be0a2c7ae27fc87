"""Keeps as many ranges under way at each endpoint as the schedule wants there now.

A connection is not a task that lives: whenever something has changed (a range landed or ended, an
order, a term, memory came back) and every so often besides, each endpoint with too few ranges gets
more, until the schedule has none for it. What changes together is looked at once. A range that
cannot have memory for its start is given back to the schedule, and asked for again when memory is
there.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable

from dlcore.engine.download.buffers import BufferPool
from dlcore.engine.download.package import PackageDownload
from dlcore.engine.download.range_fetch import Flight, RangeFetcher
from dlcore.schedule import Planner

REVIEW_S = 0.02  # while ranges are under way: how late it is noticed that one is late
REST_S = 0.2  # else: how late the end of a back-off is noticed


class Connections:
    """All ranges under way.

    Args:
        endpoints: Names of those to be asked.
        planner: Decides what is fetched.
        fetcher: Fetches it.
        pool: The fetcher's memory.
        packages: Key -> package.
        spawn: Runs a task to its end.
        ended: Told of each range that has ended.
        failed: Told of an error of our own: nothing goes on after it.
    """

    def __init__(
        self,
        endpoints: Iterable[str],
        planner: Planner,
        fetcher: RangeFetcher,
        pool: BufferPool,
        packages: dict[str, PackageDownload],
        spawn: Callable[[Coroutine[None, None, None]], None],
        ended: Callable[[], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._endpoints = tuple(endpoints)
        self._planner = planner
        self._fetcher = fetcher
        self._pool = pool
        self._packages = packages
        self._spawn = spawn
        self._ended = ended
        self._failed = failed
        self._flights: dict[int, Flight] = {}
        self._at_work = Counter[str]()
        self._loop = asyncio.get_running_loop()
        self._due: asyncio.Handle | None = None
        self._review: asyncio.TimerHandle | None = None
        self._lacks_memory = False
        self._closed = False
        pool.freed = self._memory_came_back

    def refill(self) -> None:
        """Something has changed: look at all endpoints, once, as soon as all else is done."""
        if self._due is None and not self._closed:
            self._due = self._loop.call_soon(self._refill)

    def close(self) -> None:
        """Begin no more ranges."""
        self._closed = True
        if self._review:
            self._review.cancel()

    def _refill(self) -> None:
        self._due = None
        if self._closed:
            return
        self._lacks_memory = False
        try:
            self._call_off()
            for endpoint in self._endpoints:
                self._fill(endpoint)
            self._look_again()
        except Exception as error:  # whoever waits for a package must hear of it
            self._failed(error)

    def _look_again(self) -> None:
        """Notice what only time changes."""
        if self._review:
            self._review.cancel()
        self._review = self._loop.call_later(REVIEW_S if self._flights else REST_S, self.refill)

    def _fill(self, endpoint: str) -> None:
        now_s = self._loop.time()
        wanted = self._planner.connections(endpoint, now_s)
        # One more while memory is short: see `buffers` for what it is good for.
        while self._at_work[endpoint] < wanted + self._pool.is_short:
            assignment = self._planner.next_range(endpoint, now_s)
            self._call_off()
            if assignment is None:
                return
            flight = self._fetcher.begin(self._packages[assignment.package], assignment)
            if flight is None:
                self._planner.range_ended(assignment, now_s, dismissed=True)
                self._lacks_memory = True
                return
            self._at_work[endpoint] += 1
            flight.package.flights += 1
            self._flights[assignment.number] = flight
            self._spawn(self._fly(flight))

    def _call_off(self) -> None:
        for number in self._planner.superseded():
            if number in self._flights:
                self._flights[number].dismiss()

    async def _fly(self, flight: Flight) -> None:
        assignment = flight.assignment
        landed = False

        def land() -> None:
            nonlocal landed
            landed = True
            self._at_work[assignment.endpoint] -= 1
            self.refill()

        try:
            await self._fetcher.fetch(flight, land)
        finally:
            if not landed:
                land()
            flight.package.flights -= 1
            del self._flights[assignment.number]
            if not self._closed:
                self.refill()
                self._ended()

    def _memory_came_back(self) -> None:
        if self._lacks_memory:
            self.refill()
