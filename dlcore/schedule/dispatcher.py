"""Where a free connection looks for work, and in which order.

Package by package, in deadline order: first a late request of an earlier package that a step waits
for or that has stalled, then what is missing of the package itself. If the endpoint may serve
nothing that is missing, it continues any split block; then it helps any late request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from dlcore.schedule.block_map import BlockMap
from dlcore.schedule.demand import Demand
from dlcore.schedule.eligibility import Eligibility
from dlcore.schedule.endgame import Endgame
from dlcore.schedule.endpoint import Endpoint
from dlcore.schedule.inflight import InFlightTable
from dlcore.schedule.picker import Picker, Shortage
from dlcore.schedule.policy import Policy
from dlcore.schedule.request_size import request_bytes
from dlcore.schedule.split_block import SplitBlock
from dlcore.schedule.types import Event, Request, SplitBlockDropped


class Dispatcher:
    """Gives free connections their work.

    Args:
        policy: The room's constants.
        demand: What is wanted, in deadline order.
        endpoints: All endpoints by name.
        in_flight: Where requests begin.
        eligibility: Says which endpoint may serve what.
        endgame: Helps late requests.
        tell: Hears which split blocks were dropped.
    """

    def __init__(
        self,
        policy: Policy,
        demand: Demand,
        endpoints: Mapping[str, Endpoint],
        in_flight: InFlightTable,
        eligibility: Eligibility,
        endgame: Endgame,
        tell: Callable[[Event], None],
    ) -> None:
        self._policy = policy
        self._demand = demand
        self._endpoints = endpoints
        self._in_flight = in_flight
        self._eligibility = eligibility
        self._endgame = endgame
        self._tell = tell
        self._picker = Picker(policy, demand, eligibility, in_flight)

    def next_request(
        self, endpoint: Endpoint, now_s: float, free_bytes: int
    ) -> Request | Shortage | None:
        """Begin what a connection to the endpoint asks for; see `Scheduler.next_request`.

        Returns:
            The request; `Shortage` if something is to be asked for and there is too little memory;
            None if there is nothing for it.
        """
        if not endpoint.may_be_asked(now_s):
            return None
        spare = endpoint.spare_connections
        if spare < 0:
            return None
        if spare == 0:
            if not self._is_short(free_bytes):
                return None
            free_bytes = 0  # one request more, for a part of a block that has its buffer
        found = self._pick(endpoint, now_s, free_bytes)
        if isinstance(found, Shortage):
            self._drop_stuck()
        elif found:
            self._note_work(endpoint, found, now_s)
        return found

    def _note_work(self, endpoint: Endpoint, request: Request, now_s: float) -> None:
        """Tell if an endpoint works for a package because those that cost less take too long."""
        item = self._in_flight.get(request.number)
        if item and self._eligibility.is_needed(
            endpoint, item.block_map, request.blocks.object, now_s
        ):
            endpoint.needed_for(request.package)

    def _pick(self, endpoint: Endpoint, now_s: float, free_bytes: int) -> Request | Shortage | None:
        before: set[str] = set()  # packages that have nothing left for this endpoint
        shortage: Shortage | None = None
        for block_map in self._demand.to_serve:
            if block_map.has_work:
                found = self._endgame.help(endpoint, before, now_s, free_bytes, is_idle=False) or (
                    self._pick_missing(endpoint, block_map, now_s, free_bytes)
                )
                if isinstance(found, Request):
                    return found
                if found:
                    shortage = found
                    break
            before.add(block_map.package)
        return (
            self._pick_any_part(endpoint, now_s)
            or self._endgame.help(endpoint, before, now_s, free_bytes, is_idle=True)
            or shortage
        )

    def _pick_missing(
        self, endpoint: Endpoint, block_map: BlockMap, now_s: float, free_bytes: int
    ) -> Request | Shortage | None:
        length_bytes = self._length_bytes(endpoint, block_map)
        return self._picker.pick(endpoint, block_map, length_bytes, now_s, free_bytes)

    def _pick_any_part(self, endpoint: Endpoint, now_s: float) -> Request | None:
        if not endpoint.sends_ranges:
            return None
        for block_map in self._demand.with_split_blocks:
            length_bytes = self._length_bytes(endpoint, block_map)
            found = self._picker.pick_any_part(endpoint, block_map, length_bytes, now_s)
            if found:
                return found
        return None

    def _is_short(self, free_bytes: int) -> bool:
        """Whether the free memory does not suffice for a block of a split block's package."""
        return any(
            free_bytes < block_map.manifest.block_bytes
            for block_map in self._demand.with_split_blocks
        )

    def _drop_stuck(self) -> None:
        """Blocks that no endpoint can continue give up the memory that nothing else will free."""
        if self._in_flight.items:
            return
        self.drop_split_blocks(
            lambda package, split: not self._eligibility.is_held(package, split.blocks.object)
        )

    def drop_split_blocks(self, is_lost: Callable[[str, SplitBlock], bool]) -> None:
        """Split blocks are missing again, with what has arrived of them.

        Args:
            is_lost: Whether the block of a package is.
        """
        for block_map in tuple(self._demand.with_split_blocks):
            package = block_map.package
            for split in tuple(block_map.split_blocks):
                if is_lost(package, split):
                    block_map.abandon(split)
                    self._tell(SplitBlockDropped(package, split.blocks))

    def _length_bytes(self, endpoint: Endpoint, block_map: BlockMap) -> int:
        if not endpoint.sends_ranges:
            return block_map.manifest.content_bytes + block_map.manifest.block_bytes  # all of it
        is_awaited = self._eligibility.is_awaited(block_map.package)
        left_bytes = block_map.missing_bytes if is_awaited else self._demand.left_bytes
        return request_bytes(
            self._policy,
            endpoint,
            self._endpoints.values(),
            block_bytes=block_map.manifest.block_bytes,
            left_bytes=left_bytes,
        )
