"""Picks which bytes of a package an endpoint fetches next, and begins the request.

Parts of split blocks come before untouched blocks, because split blocks occupy memory. Which
endpoint may serve what is decided in `eligibility`.
"""

from __future__ import annotations

import enum

from dlcore.model import BlockExtent
from dlcore.schedule.block_map import BlockMap
from dlcore.schedule.demand import Demand
from dlcore.schedule.eligibility import Eligibility
from dlcore.schedule.endpoint import Endpoint
from dlcore.schedule.inflight import InFlightTable
from dlcore.schedule.policy import Policy
from dlcore.schedule.split_block import SplitBlock
from dlcore.schedule.types import Request


class Shortage(enum.Enum):
    """Why there is no request although blocks are missing."""

    MEMORY = enum.auto()


class Picker:
    """Begins requests for bytes that nobody fetches yet.

    Args:
        policy: The room's constants.
        demand: What is wanted.
        eligibility: Says which endpoint may serve what.
        in_flight: Where requests begin.
    """

    def __init__(
        self,
        policy: Policy,
        demand: Demand,
        eligibility: Eligibility,
        in_flight: InFlightTable,
    ) -> None:
        self._policy = policy
        self._demand = demand
        self._eligibility = eligibility
        self._in_flight = in_flight

    def pick(
        self,
        endpoint: Endpoint,
        block_map: BlockMap,
        length_bytes: int,
        now_s: float,
        free_bytes: int,
    ) -> Request | Shortage | None:
        """Begin the next request of a package.

        Args:
            endpoint: The endpoint that is asked.
            block_map: The package's blocks.
            length_bytes: About how long the request should be.
            now_s: The time.
            free_bytes: Free buffer memory.

        Returns:
            The request; `Shortage` if there is too little memory to begin another block; None if
            the endpoint can serve nothing that is missing.
        """
        for split in block_map.split_blocks:
            if split.has_unasked and self._eligibility.should_continue(
                endpoint, block_map, split, now_s
            ):
                return self._cut(endpoint, block_map, split, length_bytes, now_s)
        block_bytes = block_map.manifest.block_bytes
        if not block_map.missing:
            return None
        if length_bytes < block_bytes and self._is_full(block_bytes):
            return Shortage.MEMORY
        blocks = block_map.next_missing(
            lambda index: self._eligibility.may_serve(endpoint, block_map, index, now_s),
            lambda number: self._eligibility.yields_as_culprit(endpoint, block_map, number),
            max(1, length_bytes // block_bytes),
        ) or block_map.next_rejected(
            lambda number: self._eligibility.serves_after_cheaper(endpoint, block_map, number)
        )
        if blocks is None:
            return None
        return self._begin(endpoint, block_map, blocks, length_bytes, now_s, free_bytes)

    def pick_any_part(
        self, endpoint: Endpoint, block_map: BlockMap, length_bytes: int, now_s: float
    ) -> Request | None:
        """Continue a split block, whichever endpoint serves it: nothing else can be begun."""
        for split in block_map.split_blocks:
            if split.has_unasked and self._eligibility.may_continue(
                endpoint, block_map, split, now_s
            ):
                return self._cut(endpoint, block_map, split, length_bytes, now_s)
        return None

    def _begin(
        self,
        endpoint: Endpoint,
        block_map: BlockMap,
        blocks: BlockExtent,
        length_bytes: int,
        now_s: float,
        free_bytes: int,
    ) -> Request | Shortage:
        """Begin to fetch missing blocks, if there is memory for the first."""
        is_split = self._is_split(block_map, blocks, length_bytes)
        buffer_bytes = (
            block_map.manifest.block_bytes if is_split else block_map.buffer_bytes(blocks.object)
        )
        if buffer_bytes > free_bytes:
            return Shortage.MEMORY
        if is_split:
            split = block_map.split(blocks, endpoint.name)
            return self._cut(endpoint, block_map, split, length_bytes, now_s, buffer_bytes)
        block_map.begin(self._in_flight.next_number, blocks, endpoint.name)
        return self._in_flight.begin(endpoint, block_map, blocks, now_s, buffer_bytes=buffer_bytes)

    def _cut(
        self,
        endpoint: Endpoint,
        block_map: BlockMap,
        split: SplitBlock,
        length_bytes: int,
        now_s: float,
        buffer_bytes: int = 0,
    ) -> Request:
        part = split.cut(length_bytes, self._in_flight.next_number, endpoint.name)
        return self._in_flight.begin(
            endpoint, block_map, split.blocks, now_s, part=part, buffer_bytes=buffer_bytes
        )

    def _is_split(self, block_map: BlockMap, blocks: BlockExtent, length_bytes: int) -> bool:
        """Whether a block is fetched in parts; one that was rejected is fetched whole."""
        start, end = block_map.manifest.extent_span(blocks)
        number = block_map.manifest.block_number(blocks.object, blocks.first)
        return (
            blocks.end - blocks.first == 1
            and length_bytes < end - start
            and not block_map.whole_objects.needs_one_server(blocks.object)
            and not block_map.was_rejected(number)
        )

    def _is_full(self, block_bytes: int) -> bool:
        """Whether no more blocks may be split; one always may.

        Split blocks that no endpoint can continue do not count, or they would block all others.
        """
        share_bytes = int(self._policy.memory_bytes * self._policy.split_block_share)
        max_split = max(1, share_bytes // block_bytes)
        count = sum(len(block_map.split_blocks) for block_map in self._demand.with_split_blocks)
        if count < max_split:
            return False
        stuck = [
            split
            for block_map in self._demand.with_split_blocks
            for split in block_map.split_blocks
            if split.is_at_rest
            and not self._eligibility.is_held(block_map.package, split.blocks.object)
        ]
        return count - len(stuck) >= max_split
