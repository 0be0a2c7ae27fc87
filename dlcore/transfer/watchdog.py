"""Notices that nothing has arrived for too long.

Guarantees: costs one timer per stall period, not one per read; only time spent waiting for the
network counts, so that a slow disk is never taken for a stalled endpoint.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Watchdog:
    """Calls ``bark`` once when one wait lasts ``stall_s`` seconds on the loop's clock.

    Attributes:
        barked: Whether it has.
    """

    def __init__(self, stall_s: float, bark: Callable[[], None]) -> None:
        self.barked = False
        self._stall_s = stall_s
        self._bark = bark
        self._loop = asyncio.get_running_loop()
        self._waiting_since: float | None = None
        self._timer = self._loop.call_later(stall_s, self._look)

    def wait_begins(self) -> None:
        """The next byte is being waited for."""
        self._waiting_since = self._loop.time()

    def wait_ends(self) -> None:
        """It has arrived."""
        self._waiting_since = None

    def stop(self) -> None:
        """Never bark again."""
        self._timer.cancel()

    def _look(self) -> None:
        now = self._loop.time()
        since = now if self._waiting_since is None else self._waiting_since
        if now - since >= self._stall_s:
            self.barked = True
            self._bark()
        else:
            self._timer = self._loop.call_at(since + self._stall_s, self._look)
