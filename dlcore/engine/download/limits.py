"""Holds the network back to the bandwidth caps: one for all, and one for each endpoint.

Bytes are counted when they have been read; who read them waits until they are paid for, and the
kernel's window then holds the sender back. Caps may be changed while ranges wait: those ask again
at once. For one event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict

from dlcore.schedule.pace import Pace


class Limits:
    """The caps in force; 0.0 everywhere until told otherwise."""

    def __init__(self) -> None:
        self._total = Pace()
        self._own: defaultdict[str, Pace] = defaultdict(Pace)
        self._changed = asyncio.Event()

    def limit(self, cap_bytes_per_s: float) -> None:
        """Set the cap of all endpoints together."""
        self._total.cap_bytes_per_s = cap_bytes_per_s
        self._tell()

    def limit_endpoint(self, endpoint: str, cap_bytes_per_s: float) -> None:
        """Set the cap of one endpoint."""
        self._own[endpoint].cap_bytes_per_s = cap_bytes_per_s
        self._tell()

    def spend(self, endpoint: str, count_bytes: int, now_s: float) -> float:
        """Count bytes from an endpoint.

        Returns:
            Seconds to wait before reading on; 0.0: go on.
        """
        own = self._own[endpoint].spend(count_bytes, now_s)
        return max(own, self._total.spend(count_bytes, now_s))

    async def wait(self, endpoint: str, until_s: float) -> None:
        """Wait until then, or for as long as is due when a cap is changed meanwhile."""
        now_s = asyncio.get_running_loop().time
        while (left_s := until_s - now_s()) > 0:
            with contextlib.suppress(TimeoutError):
                # Not wait_for: before Python 3.12 a cancellation can get lost in it.
                async with asyncio.timeout(left_s):
                    await self._changed.wait()
                until_s = now_s() + self.spend(endpoint, 0, now_s())

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
