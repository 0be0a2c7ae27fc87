"""What an idle connection can do for a late request: take over its end, divide its rest, or race.

Taking over blocks that a request has not begun wastes nothing. Neither does dividing the rest of a
part among the idle connections, because what arrived of it stays in its place. If only one block
is left of a request, and several connections are idle, the request ends, and they fetch the rest of
its block in parts. One idle connection fetches that block too, and the first delivery counts. What
the loser received is wasted, so races have a budget. Where a race is not possible or not
affordable, an idle connection replaces a request that has brought nothing. Any other one, and
one that has stalled, is cancelled: what arrived of its block stays, and the rest is fetched in
parts.

Of a request that has not been answered, and whose endpoint has never sent anything, only its
silence is known. It counts as late as soon as that is longer than an idle connection would need.

Decisions only; `endgame` finds the late requests and carries out what is decided here.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

from dlcore.model import BlockExtent, BlockInObject
from dlcore.schedule.inflight import FOREVER_S, InFlight
from dlcore.schedule.policy import Policy
from dlcore.schedule.types import RequestNumber


class Means(enum.Enum):
    """What is done for a late request."""

    TAKE_OVER = enum.auto()  # another request fetches its last blocks
    DIVIDE = enum.auto()  # other requests fetch the rest of its part
    RACE = enum.auto()  # another request fetches its last block too
    REPLACE = enum.auto()  # it ends, and another request fetches its last block
    CANCEL = enum.auto()  # it ends, because it hardly brings anything; who goes on is open
    SPLIT = enum.auto()  # it ends, so that several connections fetch the rest of its block


class Helper(NamedTuple):
    """What idle connections can do.

    Attributes:
        rate_bytes_per_s: Rate of each; 0.0 if it is not known.
        latency_s: Seconds until a first byte.
        connections: How many there are; at least 1.
        endpoint: Name of the endpoint to which they are open.
    """

    rate_bytes_per_s: float
    latency_s: float
    connections: int = 1
    endpoint: str = ""

    def needs_s(self, count_bytes: int) -> float:
        """Seconds to fetch that many bytes."""
        if not self.rate_bytes_per_s:
            return FOREVER_S
        return self.latency_s + count_bytes / self.rate_bytes_per_s


class Forecast(NamedTuple):
    """How a request will continue.

    Attributes:
        rate_bytes_per_s: Its rate.
        eta_s: Seconds until it ends; `FOREVER_S` if it has stalled.
        round_trip_s: Round trip of its endpoint.
    """

    rate_bytes_per_s: float
    eta_s: float
    round_trip_s: float

    def has_begun_until(self, item: InFlight) -> BlockInObject:
        """End of the blocks that have begun to arrive, or are on their way already."""
        on_its_way_bytes = 0.0
        if self.eta_s < FOREVER_S:
            on_its_way_bytes = self.rate_bytes_per_s * self.round_trip_s
        _, first, end = item.left
        on_its_way = int(on_its_way_bytes // item.block_map.manifest.block_bytes)
        return BlockInObject(min(end, first + 1 + on_its_way))


class Rescue(NamedTuple):
    """What to do for a late request.

    Attributes:
        item: The request.
        means: What to do.
        blocks: What the idle connection fetches of it.
        stake_bytes: What a race may waste.
        part_bytes: Length of the parts into which the rest of its part is divided.
    """

    item: InFlight
    means: Means
    blocks: BlockExtent
    stake_bytes: int = 0
    part_bytes: int = 0


class WasteBudget:
    """What races may waste.

    It only decides over races. What people are told was wasted is in the engine's ledger.

    Args:
        policy: How much of the wanted bytes.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._stakes: dict[RequestNumber, int] = {}
        self._wanted_bytes = 0
        self._min_bytes = 0
        self._spent_bytes = 0

    @property
    def spent_bytes(self) -> int:
        """What arrived after its end had been given to another request."""
        return self._spent_bytes

    def want(self, wanted_bytes: int, block_bytes: int) -> None:
        """More bytes are wanted, in blocks of that length."""
        self._wanted_bytes += wanted_bytes
        min_bytes = min(block_bytes, self._policy.min_waste_bytes)
        self._min_bytes = max(self._min_bytes, min_bytes)

    def allows(self, stake_bytes: int) -> bool:
        """Whether one more race may begin."""
        spent_bytes = self._spent_bytes + sum(self._stakes.values()) + stake_bytes
        max_bytes = max(self._policy.waste_share * self._wanted_bytes, self._min_bytes)
        return spent_bytes <= max_bytes * self._policy.foreseen_waste_share

    def began(self, number: RequestNumber, stake_bytes: int) -> None:
        """A request races another."""
        self._stakes[number] = stake_bytes

    def ended(self, number: RequestNumber, surplus_bytes: int) -> None:
        """A request ended, whether it raced or not."""
        self._stakes.pop(number, None)
        self._spent_bytes += surplus_bytes


def rescue(policy: Policy, item: InFlight, forecast: Forecast, helper: Helper) -> Rescue | None:
    """Decide what an idle connection can do for a request; None: nothing that helps."""
    if forecast.eta_s < helper.latency_s + policy.min_gain_s:
        return None
    if item.request.part:
        return _divide(policy, item, forecast, helper)
    if item.left.end - item.left.first > 1:
        return _take_over(policy, item, forecast, helper)
    return _split(policy, item, forecast, helper) or _race(policy, item, forecast, helper)


def without_race(item: InFlight) -> Rescue | None:
    """What is done for a request of one block that cannot be raced; it wastes nothing."""
    if item.block_map.is_raced(item.next_block):
        return None
    start, end = item.block_map.manifest.extent_span(item.left)
    has_begun = item.left_bytes < end - start
    return Rescue(item, Means.CANCEL if has_begun else Means.REPLACE, item.left)


def _take_over(policy: Policy, item: InFlight, forecast: Forecast, helper: Helper) -> Rescue | None:
    """Give the idle connection as many blocks as let both end at the same time."""
    block_bytes = item.block_map.manifest.block_bytes
    index, _, end = item.left
    moved_bytes = float(item.left_bytes)
    if forecast.eta_s < FOREVER_S:
        helper_bytes_per_s = helper.rate_bytes_per_s
        if not helper_bytes_per_s and item.request.from_beginning:
            # It is so long that a helper of unknown rate should try, and may get nothing else.
            helper_bytes_per_s = forecast.rate_bytes_per_s
        if not helper_bytes_per_s:
            return None
        both_bytes_per_s = forecast.rate_bytes_per_s + helper_bytes_per_s
        gain_s = forecast.eta_s - helper.latency_s
        moved_bytes = gain_s * forecast.rate_bytes_per_s * helper_bytes_per_s / both_bytes_per_s
    moved = int(moved_bytes // block_bytes)
    if not moved and forecast.eta_s > policy.race_factor * helper.needs_s(block_bytes):
        moved = 1
    first = BlockInObject(max(forecast.has_begun_until(item), end - moved))
    blocks = BlockExtent(index, first, end)
    return Rescue(item, Means.TAKE_OVER, blocks) if first < end else None


def _divide(policy: Policy, item: InFlight, forecast: Forecast, helper: Helper) -> Rescue | None:
    """Give the rest of a part to the idle connections, in equal shares."""
    part_bytes = max(policy.min_part_bytes, -(-item.left_bytes // helper.connections))
    needed_s = helper.needs_s(min(part_bytes, item.left_bytes))
    if forecast.eta_s < FOREVER_S and forecast.eta_s <= policy.part_factor * needed_s:
        return None
    return Rescue(item, Means.DIVIDE, item.left, part_bytes=part_bytes)


def _split(policy: Policy, item: InFlight, forecast: Forecast, helper: Helper) -> Rescue | None:
    """Have the rest of a block that has begun to arrive fetched by several idle connections.

    They must be open to the same endpoint, since all parts of a block come from one.
    """
    block_map, blocks = item.block_map, item.left
    start, end = block_map.manifest.extent_span(blocks)
    has_begun = item.left_bytes < end - start
    is_same = helper.endpoint == item.request.endpoint
    if not (has_begun and is_same and helper.connections > 1):
        return None
    part_bytes = max(policy.min_request_bytes, -(-item.left_bytes // helper.connections))
    needed_s = helper.needs_s(min(part_bytes, item.left_bytes))
    if forecast.eta_s == FOREVER_S or forecast.eta_s <= policy.part_factor * needed_s:
        return None
    if not block_map.keeps_start(item.request.number, blocks):
        return None
    return Rescue(item, Means.SPLIT, blocks)


def _race(policy: Policy, item: InFlight, forecast: Forecast, helper: Helper) -> Rescue | None:
    manifest, blocks = item.block_map.manifest, item.left
    if forecast.eta_s == FOREVER_S:
        return Rescue(item, Means.CANCEL, blocks)
    start, end = manifest.extent_span(blocks)
    arrived_bytes = end - start - item.left_bytes
    needed_s = helper.needs_s(end - start)
    if forecast.eta_s <= policy.race_factor * needed_s:
        return None
    if not manifest.objects[blocks.object].digests:
        # The bytes that were written last would decide over the whole object.
        return without_race(item)
    stake_bytes = end - start  # if nothing of it has come yet, all of it may still come at once
    if arrived_bytes:
        rate_bytes_per_s = policy.loser_speed_up * forecast.rate_bytes_per_s
        stake_bytes = min(stake_bytes, arrived_bytes + int(rate_bytes_per_s * needed_s))
    return Rescue(item, Means.RACE, blocks, stake_bytes=stake_bytes)
