"""Writes events as they happen, without holding anything up.

Guarantees: an event gets the time at which it happened, however long the writing takes. Events are
written in their order, in a thread. A place that cannot be written to is told of once; nothing more
is written there then, and whatever the events are about goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TypeAlias

from dlcore.engine.events import Event
from dlcore.engine.listeners.bus import EventBus
from dlcore.engine.listeners.lines import Clock, StampedEvent, stamp
from dlcore.errors import DlcoreError
from dlcore.waiting import in_thread, wait_for_all

Write: TypeAlias = Callable[[Sequence[StampedEvent]], None]
"""Writes events; raises a `DlcoreError`, an ``OSError`` or a ``ValueError`` if it cannot."""

Choose: TypeAlias = Callable[[StampedEvent], Sequence[StampedEvent]]
"""Says what to write when an event happens."""

_log = logging.getLogger(__name__)


def every_event(stamped: StampedEvent) -> Sequence[StampedEvent]:
    """Write each event."""
    return (stamped,)


class EventWriter:
    """Writes the events of a bus from now on, until it is closed.

    Args:
        bus: Tells the events.
        write: Writes them.
        choose: Says which.
        now: Tells seconds since 1970.
    """

    def __init__(
        self, bus: EventBus, write: Write, choose: Choose = every_event, now: Clock = time.time
    ) -> None:
        self._bus = bus
        self._write = write
        self._choose = choose
        self._now = now
        self._now_s = asyncio.get_running_loop().time
        self._waiting: list[StampedEvent] = []
        self._has_news = asyncio.Event()
        self._is_closed = False
        self._writing = asyncio.ensure_future(self._write_all())
        bus.subscribe(self._hear)

    async def aclose(self) -> None:
        """Hear nothing more, and wait until all that was heard is written. Idempotent.

        A cancellation waits as well.
        """
        if not self._is_closed:
            self._is_closed = True
            self._bus.unsubscribe(self._hear)
            self._has_news.set()
        await wait_for_all([self._writing])

    def _hear(self, event: Event) -> None:
        self._waiting += self._choose(StampedEvent(stamp(self._now, self._now_s), event))
        self._has_news.set()

    async def _write_all(self) -> None:
        while not self._is_closed or self._waiting:
            await self._has_news.wait()
            self._has_news.clear()
            waiting, self._waiting = self._waiting, []
            if waiting:
                await self._write_some(waiting)

    async def _write_some(self, waiting: Sequence[StampedEvent]) -> None:
        try:
            await in_thread(self._write, waiting)
        except (DlcoreError, OSError, ValueError) as error:  # ValueError: somebody closed the file
            _log.warning("events are not written any more: %s", error)
            self._write = _write_nothing


@contextlib.asynccontextmanager
async def written(bus: EventBus, write: Write | None) -> AsyncIterator[None]:
    """Write the events of a bus while the body runs; None: nowhere."""
    if write is None:
        yield
        return
    async with contextlib.aclosing(EventWriter(bus, write)):
        yield


def _write_nothing(events: Sequence[StampedEvent]) -> None:
    """The place cannot be written to."""
