"""The latest events, by number, for clients that were away.

Guarantees: it holds a bounded number of events, and nothing is kept for a reader: one that falls
behind misses the oldest. Only the latest figures of progress are kept, and only if they have
changed, so that they do not push out what happened.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import takewhile

import msgspec

from dlcore.agent.interface import AgentEvent
from dlcore.engine.events import Event, Progress
from dlcore.engine.listeners.lines import StampedEvent, encode_line, stamp


class EventRing:
    """Numbers events, keeps the latest, and wakes those who wait for the next.

    Args:
        max_events: How many are kept.
        next_number: Number of the next event.
        clock: Seconds since 1970.
    """

    def __init__(
        self, max_events: int, next_number: int, clock: Callable[[], float] = time.time
    ) -> None:
        self.next_number = next_number
        self._events: deque[AgentEvent] = deque(maxlen=max_events)
        self._progress: AgentEvent | None = None
        self._told: Progress | None = None
        self._news: asyncio.Future[None] | None = None
        self._clock = clock
        self.is_closed = False

    def number_from(self, number: int) -> None:
        """Give the next event this number."""
        self.next_number = number

    def hear(self, event: Event) -> None:
        """Take note of an event: a listener of the engine's bus."""
        if isinstance(event, Progress):
            if self._told is not None and _figures(event) == _figures(self._told):
                return
            self._told = event
        now_s = asyncio.get_running_loop().time
        line = encode_line(StampedEvent(stamp(self._clock, now_s), event)).decode().rstrip("\n")
        numbered = AgentEvent(self.next_number, line)
        self.next_number += 1
        if isinstance(event, Progress):
            self._progress = numbered
        else:
            self._events.append(numbered)
        self._wake()

    @property
    def latest(self) -> int:
        """Number of the latest event."""
        return self.next_number - 1

    def since(self, number: int) -> Sequence[AgentEvent]:
        """The events after one, as far as they are kept; all of them if its number is unknown."""
        is_known = number <= self.latest

        def is_newer(event: AgentEvent) -> bool:
            return event.number > number or not is_known

        newer = list(takewhile(is_newer, reversed(self._events)))
        if self._progress and is_newer(self._progress):
            newer.append(self._progress)
        return sorted(newer, key=lambda event: event.number)

    async def news(self) -> None:
        """Wait for the next event, or the end."""
        if self.is_closed:
            return
        if self._news is None:
            self._news = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._news)

    def close(self) -> None:
        """End the readers: no event follows."""
        self.is_closed = True
        self._wake()

    def _wake(self) -> None:
        news, self._news = self._news, None
        if news:
            news.set_result(None)


def _figures(progress: Progress) -> Progress:
    """What counts as a change: not the rates, which fade out when all is quiet."""
    endpoints = {
        name: msgspec.structs.replace(each, rate_bytes_per_s=0.0)
        for name, each in progress.endpoints.items()
    }
    return msgspec.structs.replace(progress, rate_bytes_per_s=0.0, endpoints=endpoints)
