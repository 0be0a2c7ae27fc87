"""A semaphore whose limit can be changed at any time.

Guarantees: first come, first served. Holders keep their slot when the limit is lowered. A waiter
that is cancelled does not take a slot with it. For one event loop.
"""

from __future__ import annotations

import asyncio
from collections import deque


class ResizableSemaphore:
    """Lets at most ``limit`` holders in at once; an async context manager.

    Args:
        limit: At least 1.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._holders = 0
        self._waiters: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> None:
        await self.acquire()

    async def __aexit__(self, *_: object) -> None:
        self.release()

    def resize(self, limit: int) -> None:
        """Change the limit; a lower one takes effect as holders `release`."""
        self._limit = limit
        self._admit()

    async def acquire(self) -> None:
        """Wait for a slot, and take it until `release`."""
        if self._holders < self._limit:  # then there are no waiters
            self._holders += 1
            return
        admitted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(admitted)
        try:
            await admitted
        except asyncio.CancelledError:
            if not admitted.cancelled():  # the slot was granted at the same moment
                self.release()
            raise

    def release(self) -> None:
        """Give the slot to the next waiter."""
        self._holders -= 1
        self._admit()

    def _admit(self) -> None:
        while self._waiters and self._holders < self._limit:
            admitted = self._waiters.popleft()
            if not admitted.cancelled():
                self._holders += 1
                admitted.set_result(None)
