"""Holds the network back to the bandwidth caps: one for all endpoints, and one for each.

In background mode each endpoint also has a rate that changes all the time (`set_background`).

Bytes are counted when they have been read; their reader waits until they are paid for, and the
kernel's receive window then holds the sender back. Caps may be changed while readers wait: they
ask again at once. For one event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import defaultdict

from dlcore.schedule.token_bucket import TokenBucket

LOOP_CLOCK_STEP_S = time.get_clock_info("monotonic").resolution
"""15.6 ms on Windows before Python 3.13."""


class BandwidthCaps:
    """The caps in force; there is none until one is set.

    Args:
        clock_step_s: The step of the event loop's clock. No wait is shorter: asyncio takes what
            is due within a step as due now, so readers that wait for less would wake each other
            until the clock moves. The time by which a wait is too long is credited
            (`BURST_S` of `dlcore.schedule.token_bucket`).
    """

    def __init__(self, clock_step_s: float = LOOP_CLOCK_STEP_S) -> None:
        self._clock_step_s = clock_step_s
        self._total = TokenBucket()
        self._by_endpoint: defaultdict[str, TokenBucket] = defaultdict(TokenBucket)
        self._background: defaultdict[str, TokenBucket] = defaultdict(TokenBucket)
        self._changed = asyncio.Event()

    def set_total(self, cap_bytes_per_s: float) -> None:
        """Set the cap of all endpoints together; 0.0: none."""
        self._total.set_cap(cap_bytes_per_s)
        self._wake_waiters()

    @property
    def total_bytes_per_s(self) -> float:
        """The cap of all endpoints together; 0.0: none."""
        return self._total.cap_bytes_per_s

    def set_endpoint(self, endpoint: str, cap_bytes_per_s: float) -> None:
        """Set the cap of one endpoint; 0.0: none."""
        self._by_endpoint[endpoint].set_cap(cap_bytes_per_s)
        self._wake_waiters()

    def set_background(self, endpoint: str, rate_bytes_per_s: float) -> None:
        """Set how fast an endpoint may be read in background mode; 0.0: not bounded by it."""
        self._background[endpoint].set_cap(rate_bytes_per_s)
        self._wake_waiters()

    def spend(self, endpoint: str, count_bytes: int, now_s: float) -> float:
        """Count bytes from an endpoint.

        Returns:
            Seconds to wait before the next read; 0.0: none.
        """
        buckets = self._total, self._by_endpoint[endpoint], self._background[endpoint]
        return max([bucket.spend(count_bytes, now_s) for bucket in buckets])

    async def wait(self, endpoint: str, until_s: float) -> None:
        """Wait until that time, or until the new time if a cap is changed meanwhile."""
        now_s = asyncio.get_running_loop().time
        while (left_s := until_s - now_s()) > 0:
            with contextlib.suppress(TimeoutError):
                # Not wait_for: before Python 3.12 a cancellation can get lost in it.
                async with asyncio.timeout(max(left_s, self._clock_step_s)):
                    await self._changed.wait()
                until_s = now_s() + self.spend(endpoint, 0, now_s())

    def _wake_waiters(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
