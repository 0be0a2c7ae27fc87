"""Finds what is late: requests that a connection should help, and blocks not worth waiting for.

It also ends requests that are in the way of a step.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from dlcore.model import BlockInPackage
from dlcore.schedule.block_map import BlockMap
from dlcore.schedule.eligibility import Eligibility
from dlcore.schedule.endpoint import Endpoint
from dlcore.schedule.inflight import FOREVER_S, InFlight, InFlightTable
from dlcore.schedule.policy import Policy
from dlcore.schedule.rescue import (
    Forecast,
    Helper,
    Means,
    Rescue,
    WasteBudget,
    rescue,
    without_race,
)
from dlcore.schedule.types import Request


class Endgame:
    """Looks at the requests in flight.

    Args:
        policy: The room's constants.
        in_flight: The requests.
        endpoints: All endpoints by name.
        eligibility: Says which endpoint may serve what.
        budget: What races may waste.
    """

    def __init__(
        self,
        policy: Policy,
        in_flight: InFlightTable,
        endpoints: Mapping[str, Endpoint],
        eligibility: Eligibility,
        budget: WasteBudget,
    ) -> None:
        self._policy = policy
        self._in_flight = in_flight
        self._endpoints = endpoints
        self._eligibility = eligibility
        self._budget = budget
        self._checked_s: dict[tuple[str, bool], float] = {}  # when nothing was found to help

    def stall_s(self, endpoint: Endpoint) -> float:
        """An endpoint that is silent for this time has stalled."""
        policy = self._policy
        stall_s = policy.stall_s + policy.stall_round_trips * endpoint.round_trip_s
        if endpoint.cap_bytes_per_s:
            turn_bytes = policy.capped_read_bytes * len(self._in_flight.items)
            stall_s += policy.stall_round_trips * turn_bytes / endpoint.cap_bytes_per_s
        return stall_s

    def help(
        self,
        endpoint: Endpoint,
        packages: Collection[str],
        now_s: float,
        free_bytes: int,
        *,
        is_idle: bool,
    ) -> Request | None:
        """Help the request of these packages that will end last, if that pays.

        Args:
            endpoint: Its connection is free.
            packages: Nothing of them is missing.
            now_s: The time.
            free_bytes: Free buffer memory.
            is_idle: Whether the connection has nothing else to do. If it has, only requests that
                have stalled, or that a step waits for, are helped.
        """
        key = endpoint.name, is_idle
        if not endpoint.sends_ranges:
            return None  # what is left of a late request is a part of an object
        if not packages or now_s < self._checked_s.get(key, 0.0) + self._policy.check_s:
            return None
        helper = self._helper(endpoint)
        late = self._late(endpoint, packages, now_s, is_idle)
        for item, forecast in sorted(late, key=lambda pair: -pair[1].eta_s):
            found = rescue(self._policy, item, forecast, helper)
            if found and found.means is Means.RACE and not self._budget.allows(found.stake_bytes):
                found = without_race(item)
            if found is None or not self._has_memory(found, free_bytes):
                continue
            if found.means not in {Means.CANCEL, Means.SPLIT}:
                return self._begin(endpoint, found, now_s)
            self._cancel(found)
            if found.means is Means.SPLIT:
                break  # the idle connections have work now
        self._checked_s[key] = now_s
        return None

    def make_way(self, now_s: float) -> None:
        """Requests that no step waits for end as soon as they can, unless they end soon anyway."""
        for item in self._in_flight.items:
            request = item.request
            is_awaited = self._eligibility.is_awaited(request.package)
            if not item.is_delivering or request.part or is_awaited:
                continue
            forecast = self._forecast(item, now_s)
            first = forecast.has_begun_until(item)
            blocks = item.left._replace(first=first)
            if forecast.eta_s > self._policy.finishes_soon_s and first < blocks.end:
                item.block_map.give_back(request.number, blocks)
                self._in_flight.shorten(item, first)

    def is_late(
        self,
        endpoint: Endpoint,
        block_map: BlockMap,
        number: BlockInPackage,
        now_s: float,
        *,
        is_behind: bool,
    ) -> bool:
        """Whether an endpoint would bring an equal block before the one that is on its way.

        Args:
            endpoint: A block is not late if this endpoint can help it.
            block_map: The block's package.
            number: The block.
            now_s: The time.
            is_behind: Whether the equal block has an earlier deadline. Then it does not wait until
                the other is helped.
        """
        index, block = block_map.manifest.locate_block(number)
        if endpoint.holds(block_map.package, index) and not is_behind:
            return False
        if split := block_map.split_at_rest(number):
            return not self._endpoints[split.endpoint].may_be_asked(now_s)
        requests = [self._in_flight.get(each) for each in block_map.fetched_by(number)]
        etas_s = [self._forecast(item, now_s).eta_s for item in requests if item]
        eta_s = min(etas_s, default=0.0)
        start, end = block_map.manifest.block_span(index, block)
        needed_s = self._policy.race_factor * self._helper(endpoint).needs_s(end - start)
        return eta_s == FOREVER_S or eta_s > needed_s + self._policy.min_gain_s

    def _has_memory(self, found: Rescue, free_bytes: int) -> bool:
        if found.means in {Means.DIVIDE, Means.CANCEL, Means.SPLIT}:
            return True
        return found.item.block_map.buffer_bytes(found.blocks.object) <= free_bytes

    def _cancel(self, found: Rescue) -> None:
        """The block can be fetched again as soon as the request has ended."""
        found.item.block_map.note_late(found.item.next_block)
        self._in_flight.cancel(found.item.request.number, found.blocks.first)

    def _begin(self, endpoint: Endpoint, found: Rescue, now_s: float) -> Request:
        item, means, blocks, stake_bytes, part_bytes = found
        block_map, late, number = item.block_map, item.request, self._in_flight.next_number
        part, buffer_bytes = None, block_map.buffer_bytes(blocks.object)
        if means is Means.RACE:
            self._budget.began(number, stake_bytes)
            block_map.race(number, blocks)
        elif means is Means.REPLACE:
            block_map.note_late(item.next_block)
            block_map.hand_over(late.number, number, blocks)
            self._in_flight.cancel(late.number, blocks.first)
        elif means is Means.TAKE_OVER:
            block_map.hand_over(late.number, number, blocks)
            self._in_flight.shorten(item, blocks.first)
        elif late.part and (split := item.split_block):
            part = split.take_over(
                late.part, item.received_bytes, late.endpoint, number, part_bytes
            )
            self._in_flight.cancel(late.number, blocks.first)
            item.keep_arrived()
            buffer_bytes = 0
        return self._in_flight.begin(
            endpoint,
            block_map,
            blocks,
            now_s,
            part=part,
            is_race=means is Means.RACE,
            buffer_bytes=buffer_bytes,
        )

    def _late(
        self, endpoint: Endpoint, packages: Collection[str], now_s: float, is_idle: bool
    ) -> list[tuple[InFlight, Forecast]]:
        """Requests that the endpoint can help; of two for the same bytes, the faster one."""
        first: dict[object, tuple[InFlight, Forecast]] = {}
        for item in self._in_flight.items:
            package = item.request.package
            if not item.is_delivering or package not in packages:
                continue
            forecast = self._forecast(item, now_s)
            fetched = package, item.next_block, item.request.part
            rival = first.get(fetched)
            if rival is None or forecast.eta_s < rival[1].eta_s:
                first[fetched] = item, forecast
        return [
            (item, forecast)
            for item, forecast in first.values()
            if (is_idle or self._is_pressing(item, forecast))
            and self._can_help(endpoint, item, now_s)
        ]

    def _can_help(self, endpoint: Endpoint, item: InFlight, now_s: float) -> bool:
        block_map, part, number = item.block_map, item.request.part, item.next_block
        if part:
            split = item.split_block
            is_tried = split is None or split.takeovers(part) >= self._policy.max_takeovers
        else:
            is_tried = block_map.races(number) >= self._policy.max_races
        index = item.left.object
        return (
            not is_tried
            and self._eligibility.may_serve(endpoint, block_map, index, now_s)
            and not self._eligibility.yields_as_culprit(endpoint, block_map, number)
            and not self._eligibility.yields_on_trial(endpoint, block_map, index, now_s)
            and not (
                endpoint.heard_s <= item.heard_s
                and item.endpoint is endpoint
                and self._eligibility.has_other(endpoint, block_map, index, now_s)
            )
        )

    def _is_pressing(self, item: InFlight, forecast: Forecast) -> bool:
        """Whether a connection with other work should help: a step waits, or it has stalled."""
        if self._eligibility.is_awaited(item.request.package):
            return True
        usual_bytes_per_s = item.endpoint.connection_bytes_per_s or 0.0
        is_slow = forecast.rate_bytes_per_s < self._policy.slow_share * usual_bytes_per_s
        return is_slow or forecast.eta_s == FOREVER_S

    def _forecast(self, item: InFlight, now_s: float) -> Forecast:
        eta_s = item.eta_s(now_s, self.stall_s(item.endpoint), self._policy)
        rate_bytes_per_s = item.rate_bytes_per_s(now_s, self._policy)
        return Forecast(rate_bytes_per_s, eta_s, item.endpoint.round_trip_s)

    def _helper(self, endpoint: Endpoint) -> Helper:
        """Its open idle connections; if it has none, one to be opened, a round trip later."""
        idle = endpoint.idle_connections
        round_trips = 1 if idle else 2
        rate_bytes_per_s = endpoint.connection_bytes_per_s or 0.0
        latency_s = round_trips * endpoint.round_trip_s
        return Helper(rate_bytes_per_s, latency_s, max(1, idle), endpoint.name)
