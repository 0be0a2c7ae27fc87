"""How urgent the agent's downloads are, by what is missing and when it has to be there.

What somebody waits for, or soon will, is awaited. What is wanted in the background gets what other
traffic leaves unused, until one of its deadlines says that it would come too late that way; then it
may use the whole link, until all that has this deadline is there (see `dlcore.schedule.deadline`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from dlcore.agent.interface import Priority
from dlcore.agent.known_packages import KnownPackages
from dlcore.agent.wants import FetchOrder
from dlcore.engine.events import Event, Progress
from dlcore.engine.precache import LOOK_EVERY_S
from dlcore.engine.traffic_rules import Urgency
from dlcore.schedule.deadline import Deadline
from dlcore.waiting import cancel_and_wait

NOTHING: Final = FetchOrder()


class Pacer:
    """Says how urgent it is, whenever that changes.

    Args:
        known: Knows what is missing.
        tell: Told the urgency.
        clock: Seconds since 1970, as the deadlines of wants.
        link_bytes_per_s: The rate of the link; 0.0 if it is not known.
    """

    def __init__(
        self,
        known: KnownPackages,
        tell: Callable[[Urgency], None],
        clock: Callable[[], float],
        link_bytes_per_s: float,
    ) -> None:
        self._known = known
        self._tell = tell
        self._clock = clock
        self._link_bytes_per_s = link_bytes_per_s
        self._order = NOTHING
        self._is_obtaining = False
        self._urgency = Urgency.AWAITED
        self._deadlines: dict[float, Deadline] = {}
        self._arrived_bytes = 0
        self._received_bytes = 0
        self._watching: asyncio.Task[None] | None = None

    def hear(self, event: Event) -> None:
        """Take note of an event: a listener of the engine's bus."""
        if isinstance(event, Progress):
            received_bytes = sum(each.received_bytes for each in event.endpoints.values())
            # Downloads that start over count from 0.
            before_bytes = min(self._received_bytes, received_bytes)
            self._arrived_bytes += received_bytes - before_bytes
            self._received_bytes = received_bytes

    def set(self, order: FetchOrder, *, is_obtaining: bool) -> None:
        """Say what is fetched, and whether somebody waits for some of it now."""
        self._order, self._is_obtaining = order, is_obtaining
        self._look()
        if self._deadlines and self._watching is None:
            self._watching = asyncio.ensure_future(self._watch())

    async def stop(self) -> None:
        """Stop looking. Idempotent."""
        if self._watching:
            await cancel_and_wait([self._watching])

    async def _watch(self) -> None:
        try:
            while self._deadlines:
                await asyncio.sleep(LOOK_EVERY_S)
                self._look()
        finally:
            self._watching = None

    def _look(self) -> None:
        has_hurry = self._has_hurry()
        if self._has_nothing_to_fetch:
            return  # and nobody should read of another pace
        if self._is_obtaining or self._order.priority(self._known.is_ready) is Priority.FOREGROUND:
            urgency = Urgency.AWAITED
        else:
            urgency = Urgency.DUE if has_hurry else Urgency.SPARE
        if urgency is not self._urgency:
            self._urgency = urgency
            self._tell(urgency)

    @property
    def _has_nothing_to_fetch(self) -> bool:
        return not self._is_obtaining and all(map(self._known.is_ready, self._order.packages))

    def _has_hurry(self) -> bool:
        """Look at all deadlines by which something is missing; the others are forgotten."""
        now_s = self._clock()
        left = {by_s: self._left_bytes(packages) for by_s, packages in self._order.due.items()}
        self._deadlines = {
            by_s: self._deadlines.get(by_s) or Deadline(by_s, self._link_bytes_per_s)
            for by_s, left_bytes in left.items()
            if left_bytes
        }
        for deadline in self._deadlines.values():
            deadline.arrived(self._arrived_bytes, now_s)
        found = [each.has_hurry(left[by_s], now_s) for by_s, each in self._deadlines.items()]
        return any(found)

    def _left_bytes(self, packages: tuple[str, ...]) -> int:
        return sum(map(self._known.missing_bytes, packages))
