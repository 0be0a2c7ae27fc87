"""One range under way: what arrived of it, and when the rest will have.

Pure bookkeeping; what to do about a late flight is `race`'s to decide.
"""

from __future__ import annotations

from dlcore.model import BlockRange
from dlcore.schedule.assignment import Assignment
from dlcore.schedule.backlog import SMALL_BYTES
from dlcore.schedule.demand import Demand

PRIOR_S = 0.25  # a flight's own rate counts as much as its endpoint's usual one after that time
FOREVER_S = float("inf")


class Flight:
    """A range between its assignment and its end.

    Attributes:
        assignment: What was asked for.
        demand: The package's blocks.
        last_block: End of the blocks it still has to deliver, in the object.
        length_bytes: What it has to deliver in all; 0 once nobody needs it.
        is_at_work: Whether its connection still has bytes to deliver.
        is_superseded: Whether nobody needs its bytes any more.
        received_bytes: What arrived so far.
        began_s: When it was assigned.
        latest_s: When bytes arrived last; when it was assigned, if none did.
    """

    __slots__ = (
        "_first_s",
        "assignment",
        "began_s",
        "demand",
        "is_at_work",
        "is_superseded",
        "last_block",
        "latest_s",
        "length_bytes",
        "received_bytes",
    )

    def __init__(self, assignment: Assignment, demand: Demand, now_s: float) -> None:
        self.assignment = assignment
        self.demand = demand
        self.last_block = assignment.blocks.last
        strip = assignment.strip
        self.length_bytes = strip.end - strip.start if strip else self._span(self.last_block)
        self.received_bytes = 0
        self.is_at_work = True
        self.is_superseded = False
        self.began_s = self.latest_s = now_s
        self._first_s: float | None = None

    @property
    def is_light(self) -> bool:
        """Whether it fetches a small object."""
        return (
            self.demand.manifest.objects[self.assignment.blocks.object].length_bytes <= SMALL_BYTES
        )

    @property
    def rest_bytes(self) -> int:
        """What has still to arrive."""
        return max(0, self.length_bytes - self.received_bytes)

    @property
    def surplus_bytes(self) -> int:
        """What arrived that nobody needs."""
        return max(0, self.received_bytes - self.length_bytes)

    @property
    def rest(self) -> BlockRange:
        """The blocks that are not complete."""
        blocks = self.assignment.blocks
        if self.assignment.strip:
            return blocks._replace(last=self.last_block)
        first = blocks.first + self.received_bytes // self.demand.manifest.block_bytes
        return BlockRange(blocks.object, min(first, self.last_block), self.last_block)

    @property
    def next_number(self) -> int:
        """Number in the package of the first block that is not complete."""
        rest = self.rest
        return self.demand.manifest.block_number(rest.object, rest.first)

    def received(self, count_bytes: int, now_s: float) -> bool:
        """Bytes arrived, or none yet of an answer that began; True if it is the first time."""
        self.received_bytes += count_bytes
        self.latest_s = now_s
        if self._first_s is not None:
            return False
        self._first_s = now_s
        return True

    def shorten(self, last_block: int) -> None:
        """Blocks from ``last_block`` on are not needed from it any more."""
        self.last_block = last_block
        self.length_bytes = self._span(last_block)

    def rate_bytes_per_s(self, now_s: float, usual_bytes_per_s: float) -> float:
        """Its own rate, as far as it can be told already, else its endpoint's usual one."""
        since_s = now_s - (now_s if self._first_s is None else self._first_s)
        return (self.received_bytes + usual_bytes_per_s * PRIOR_S) / (since_s + PRIOR_S)

    def eta_s(
        self, now_s: float, usual_bytes_per_s: float, round_trip_s: float, patience_s: float
    ) -> float:
        """Seconds until all of it will have arrived; 0.0 while that cannot be told.

        Args:
            now_s: The time.
            usual_bytes_per_s: Rate of a connection to its endpoint; 0.0: not known yet.
            round_trip_s: The endpoint's time to the first byte.
            patience_s: After so long without a byte it will never end.
        """
        if now_s - self.latest_s > patience_s:
            return FOREVER_S
        wait_s = self._wait_s(now_s, round_trip_s)
        rate_bytes_per_s = self.rate_bytes_per_s(now_s, usual_bytes_per_s)
        return wait_s + self.rest_bytes / rate_bytes_per_s if rate_bytes_per_s else 0.0

    def _wait_s(self, now_s: float, round_trip_s: float) -> float:
        """Seconds until more bytes come: one that is silent will be so for as long again."""
        due_s = self.latest_s + (round_trip_s if self._first_s is None else 0.0)
        silent_s = now_s - due_s
        return silent_s if silent_s > round_trip_s else max(0.0, -silent_s)

    def _span(self, last_block: int) -> int:
        blocks = self.assignment.blocks
        if last_block <= blocks.first:
            return 0
        start, end = self.demand.manifest.range_span(blocks._replace(last=last_block))
        return end - start
