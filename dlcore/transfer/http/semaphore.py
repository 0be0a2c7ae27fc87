"""A bound on how many do something at once, which may change at any time.

Guarantees: first come, first served; who holds a turn keeps it when the bound is lowered; a waiter
that is cancelled takes none with it. For one event loop.
"""

from __future__ import annotations

import asyncio
from collections import deque


class Turns:
    """At most ``most`` turns are taken at once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    def limit(self, most: int) -> None:
        """Change the bound; a lower one takes effect as turns are given back."""
        self._most = most
        self._admit()

    async def take(self) -> None:
        """Wait for a turn; `give_back` it."""
        if self._taken < self._most:  # then nobody waits
            self._taken += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self.give_back()
            raise

    def give_back(self) -> None:
        """The turn is free for the next."""
        self._taken -= 1
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self._taken < self._most:
            turn = self._waiting.popleft()
            if not turn.cancelled():
                self._taken += 1
                turn.set_result(None)
