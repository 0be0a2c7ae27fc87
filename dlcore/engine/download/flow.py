"""The bytes of one range on their way in: counted, held back to the caps, and cut short.

What every sink of a range has to ask and to tell, whatever it does with the bytes.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from dlcore.engine.download.limits import Limits
from dlcore.engine.download.meter import Meter
from dlcore.schedule import Assignment, Planner


class Flow(Protocol):
    """One range, as its sink sees it."""

    def passed(self, count: int) -> bool:
        """Bytes arrived; whether more may be read now. If not, await `ready` first."""
        ...

    async def ready(self) -> None:
        """Wait until more may be read."""
        ...

    def last_block(self) -> int:
        """The block in the object before which the range is to end; it may shrink."""
        ...


class RangeFlow:
    """See `Flow`.

    Args:
        assignment: The range.
        planner: Learns of the bytes; decides where the range ends.
        meter: Counts them.
        limits: Say how fast they may come.
    """

    def __init__(
        self, assignment: Assignment, planner: Planner, meter: Meter, limits: Limits
    ) -> None:
        self._assignment = assignment
        self._planner = planner
        self._meter = meter
        self._limits = limits
        self._now_s = asyncio.get_running_loop().time
        now_s = self._now_s()
        self._resume_at_s = now_s + limits.spend(assignment.endpoint, 0, now_s)

    def passed(self, count: int) -> bool:
        """See `Flow`."""
        now_s = self._now_s()
        assignment = self._assignment
        self._meter.received(assignment.package, assignment.endpoint, count, now_s)
        self._planner.received(assignment, count, now_s)
        wait_s = self._limits.spend(assignment.endpoint, count, now_s)
        self._resume_at_s = now_s + wait_s
        return not wait_s

    async def ready(self) -> None:
        """See `Flow`."""
        await self._limits.wait(self._assignment.endpoint, self._resume_at_s)

    def last_block(self) -> int:
        """See `Flow`."""
        return self._planner.last_block(self._assignment)
