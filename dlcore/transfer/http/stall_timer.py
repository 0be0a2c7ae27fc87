"""Notices that too little arrives for too long.

Guarantees: costs one timer per stall period, not one per read; only time spent waiting for the
network counts, so that neither a slow disk nor a cap of ours is taken for a stalled endpoint.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

STALL_S = 20.0
MIN_BYTES_PER_S = 1024  # an endpoint that brings less is as good as silent


class Watchdog:
    """Calls ``bark`` once if ``stall_s`` seconds of waiting bring less than `MIN_BYTES_PER_S`.

    They are counted from the last time that so much had arrived: a silence is noticed no later
    than ``stall_s`` after the last byte, unless it begins while we hold the endpoint back.

    Attributes:
        barked: Whether it has.
    """

    def __init__(self, stall_s: float, bark: Callable[[], None]) -> None:
        self.barked = False
        self._stall_s = stall_s
        self._min_bytes = MIN_BYTES_PER_S * stall_s
        self._bark = bark
        self._loop = asyncio.get_running_loop()
        self._since_s = self._held_s = self._loop.time()
        self._waiting = False
        self._arrived_bytes = 0
        self._timer = self._loop.call_at(self._since_s + stall_s, self._look)

    def wait_begins(self) -> None:
        """The next bytes are being waited for."""
        self._since_s += self._loop.time() - self._held_s
        self._waiting = True

    def wait_ends(self) -> None:
        """From now on they are not."""
        self._held_s = self._loop.time()
        self._waiting = False

    def arrived(self, count_bytes: int) -> None:
        """So many of the awaited bytes are there."""
        self._arrived_bytes += count_bytes
        if self._arrived_bytes >= self._min_bytes:
            self._arrived_bytes = 0
            self._since_s = self._loop.time()

    def stop(self) -> None:
        """Never bark again."""
        self._timer.cancel()

    def _look(self) -> None:
        if not self._waiting:
            self._timer = self._loop.call_later(self._stall_s, self._look)
        elif self._loop.time() >= self._since_s + self._stall_s:
            self.barked = True
            self._bark()
        else:
            self._timer = self._loop.call_at(self._since_s + self._stall_s, self._look)
