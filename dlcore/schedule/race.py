"""What idle connections do for a late range: take over its end, divide its rest, or race it.

Taking over blocks that a range has not begun wastes nothing. Neither does dividing the rest of a
strip among the idle connections, for what arrived of it stays in its place. Otherwise, when only
one block is left of a range, an idle connection fetches that too, and the first delivery counts;
what the loser received is wasted, so races have a budget. But a range of which nothing comes any
more is called off: what arrived of its block stays, and the rest of that is fetched by strips.
"""

from __future__ import annotations

from typing import NamedTuple

from dlcore.model import BlockRange
from dlcore.schedule.flight import FOREVER_S, Flight

LATE = 1.5  # times what the idle connection would need: below, the loser has too good a chance
LATE_STRIP = 1.25  # the same where nothing but a connection is at stake
MIN_GAIN_S = 0.05  # less is not worth a request and a connection that breaks off
MAX_RACES = 2  # for the same bytes; so often may a range of them be called off
MAX_TAKERS = 8  # of the same bytes, one after the other
SPEEDS_UP = 1.5  # times its rate so far: what others leave of the link is its
SLOW = 1 / 8  # of its endpoint's usual rate: the connection is worse than unlucky
FORESEEN = 1 / 2  # of the budget: losers may lose more than that
MIN_PART_BYTES = 16 << 10  # of a strip's rest: no more than slow start sends at once
MIN_BYTES = 1 << 20  # of waste allowed, if blocks are that long


class Prospect(NamedTuple):
    """What idle connections can do.

    Attributes:
        rate_bytes_per_s: Of each; 0.0 if unknown.
        latency_s: Until a first byte.
        idle: How many there are.
    """

    rate_bytes_per_s: float
    latency_s: float
    idle: int = 1

    def needs_s(self, count_bytes: int) -> float:
        """Seconds to fetch so much."""
        return (
            self.latency_s + count_bytes / self.rate_bytes_per_s
            if self.rate_bytes_per_s
            else FOREVER_S
        )


class Outlook(NamedTuple):
    """How a range will go on: its rate, the seconds until it ends, its endpoint's round trip."""

    rate_bytes_per_s: float
    eta_s: float
    round_trip_s: float

    def kept_until(self, flight: Flight) -> int:
        """End of the blocks that are begun, or on their way already."""
        on_its_way_bytes = 0.0
        if self.eta_s < FOREVER_S:
            on_its_way_bytes = self.rate_bytes_per_s * self.round_trip_s
        _, first, last = flight.rest
        return min(last, first + 1 + int(on_its_way_bytes // flight.demand.manifest.block_bytes))


class Rescue(NamedTuple):
    """What to do.

    Attributes:
        flight: The late range.
        blocks: What the idle connection fetches of it.
        is_race: Whether the late range goes on with it too.
        is_called_off: Whether the late range is to end, and nothing is fetched yet.
        stake_bytes: What the race may waste.
        part_bytes: How long the parts are into which the rest of a strip is divided.
    """

    flight: Flight
    blocks: BlockRange
    is_race: bool
    is_called_off: bool = False
    stake_bytes: int = 0
    part_bytes: int = 0


class Budget:
    """What races may waste.

    Args:
        share: Of the bytes wanted.

    Attributes:
        wanted_bytes: All that was ever wanted and not there.
        min_bytes: May be wasted however little is wanted: one block.
        wasted_bytes: Received and not used.
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self._stakes: dict[int, int] = {}
        self.wanted_bytes = 0
        self.min_bytes = 0
        self.wasted_bytes = 0

    def want(self, wanted_bytes: int, block_bytes: int) -> None:
        """So much more is wanted, in blocks of that length."""
        self.wanted_bytes += wanted_bytes
        self.min_bytes = max(self.min_bytes, min(block_bytes, MIN_BYTES))

    def allows(self, found: Rescue) -> bool:
        """Whether one more race may begin."""
        spent_bytes = self.wasted_bytes + sum(self._stakes.values()) + found.stake_bytes
        max_bytes = max(self._share * self.wanted_bytes, self.min_bytes)
        return spent_bytes <= max_bytes * FORESEEN

    def began(self, number: int, stake_bytes: int) -> None:
        """A range races another."""
        self._stakes[number] = stake_bytes

    def ended(self, number: int, wasted_bytes: int) -> None:
        """A range ended, whether it raced or not."""
        self._stakes.pop(number, None)
        self.wasted_bytes += wasted_bytes


def rescue(flight: Flight, outlook: Outlook, prospect: Prospect) -> Rescue | None:
    """Decide what an idle connection can do for a range; None: nothing that helps."""
    if outlook.eta_s < prospect.latency_s + MIN_GAIN_S:
        return None
    if flight.assignment.strip:
        return _divide(flight, outlook, prospect)
    if flight.rest.last - flight.rest.first > 1:
        return _take_over(flight, outlook, prospect)
    return _race(flight, outlook, prospect)


def _take_over(flight: Flight, outlook: Outlook, prospect: Prospect) -> Rescue | None:
    """Give the idle connection as many blocks as let both end at the same time."""
    block_bytes = flight.demand.manifest.block_bytes
    object_index, _, last = flight.rest
    moved_bytes = float(flight.rest_bytes)
    if outlook.eta_s < FOREVER_S:
        if not prospect.rate_bytes_per_s:
            return None
        both_bytes_per_s = outlook.rate_bytes_per_s + prospect.rate_bytes_per_s
        gain_s = outlook.eta_s - prospect.latency_s
        moved_bytes = (
            gain_s * outlook.rate_bytes_per_s * prospect.rate_bytes_per_s / both_bytes_per_s
        )
    moved = int(moved_bytes // block_bytes)
    if not moved and outlook.eta_s > LATE * prospect.needs_s(block_bytes):
        moved = 1
    first = max(outlook.kept_until(flight), last - moved)
    blocks = BlockRange(object_index, first, last)
    return Rescue(flight, blocks, False) if first < last else None


def _divide(flight: Flight, outlook: Outlook, prospect: Prospect) -> Rescue | None:
    """Give the rest of a strip to the idle connections, to each as much as the others."""
    part_bytes = max(MIN_PART_BYTES, -(-flight.rest_bytes // prospect.idle))
    needed_s = prospect.needs_s(min(part_bytes, flight.rest_bytes))
    if outlook.eta_s < FOREVER_S and outlook.eta_s <= LATE_STRIP * needed_s:
        return None
    return Rescue(flight, flight.rest, False, part_bytes=part_bytes)


def _race(flight: Flight, outlook: Outlook, prospect: Prospect) -> Rescue | None:
    blocks = flight.rest
    if outlook.eta_s == FOREVER_S:
        return Rescue(flight, blocks, False, is_called_off=True)
    if not flight.demand.manifest.objects[blocks.object].digests:
        return None  # whose bytes were written last would decide over the whole object
    start, end = flight.demand.manifest.range_span(blocks)
    arrived_bytes = end - start - flight.rest_bytes
    needed_s = prospect.needs_s(end - start)
    if outlook.eta_s <= LATE * needed_s:
        return None
    stake_bytes = end - start  # if nothing has come of it yet, it may still come at once
    if arrived_bytes:
        lost_bytes = arrived_bytes + int(SPEEDS_UP * outlook.rate_bytes_per_s * needed_s)
        stake_bytes = min(stake_bytes, lost_bytes)
    return Rescue(flight, blocks, True, stake_bytes=stake_bytes)
