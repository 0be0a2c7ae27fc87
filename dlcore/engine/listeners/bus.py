"""Passes events from where they happen to whoever listens.

Nothing waits for a listener: each has a queue of its own, or is a function that does not wait. A
function that fails disturbs nobody else.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from dlcore.callbacks import Callback
from dlcore.engine.events import Event


class EventBus:
    """Passes each event to every listener that is there when it happens."""

    def __init__(self) -> None:
        self._queues: list[asyncio.Queue[Event | None]] = []
        self._hearers: list[Callback[Event]] = []
        self._closed = False

    def emit(self, event: Event) -> None:
        """Tell all listeners; never waits."""
        for hear in tuple(self._hearers):  # one may unsubscribe meanwhile
            hear(event)
        for queue in self._queues:
            queue.put_nowait(event)

    def subscribe(self, hear: Callable[[Event], None]) -> None:
        """Call a function with each event, at once; it must not wait. Its failures are logged."""
        self._hearers.append(Callback(hear))

    def unsubscribe(self, hear: Callable[[Event], None]) -> None:
        """Do not call that function any more."""
        self._hearers.remove(next(each for each in self._hearers if each.function == hear))

    def listen(self) -> AsyncIterator[Event]:
        """All events from now on, until the bus is closed."""
        queue: asyncio.Queue[Event | None] = asyncio.Queue()
        self._queues.append(queue)
        if self._closed:
            queue.put_nowait(None)
        return self._drain(queue)

    def close(self) -> None:
        """End all iterations once they have seen what was emitted."""
        self._closed = True
        for queue in self._queues:
            queue.put_nowait(None)

    async def _drain(self, queue: asyncio.Queue[Event | None]) -> AsyncIterator[Event]:
        try:
            while (event := await queue.get()) is not None:
                yield event
        finally:
            self._queues.remove(queue)
