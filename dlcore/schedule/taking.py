"""Takes what is missing: the next strip of an open block, or the next run of blocks.

Open blocks come before untouched ones: they hold memory. So many may be open as the memory allows.
"""

from __future__ import annotations

from collections.abc import Mapping

from dlcore.model import BlockRange
from dlcore.schedule.assignment import Assignment
from dlcore.schedule.demand import Demand
from dlcore.schedule.policy import Policy
from dlcore.schedule.rights import Rights
from dlcore.schedule.source import Source
from dlcore.schedule.strips import OpenBlock
from dlcore.schedule.under_way import UnderWay

OPEN_SHARE = 0.9  # of the memory for blocks made of strips; the rest are being verified


class Taking:
    """Begins ranges for what nobody fetches yet.

    Args:
        policy: The memory.
        demands: All packages.
        sources: All endpoints.
        rights: Who may serve what.
        under_way: Where ranges begin.

    Attributes:
        is_short: Whether memory was short when it was last asked.
    """

    def __init__(
        self,
        policy: Policy,
        demands: Mapping[str, Demand],
        sources: Mapping[str, Source],
        rights: Rights,
        under_way: UnderWay,
    ) -> None:
        self._policy = policy
        self._demands = demands
        self._sources = sources
        self._rights = rights
        self._under_way = under_way
        self.is_short = False

    def take(
        self, source: Source, demand: Demand, length_bytes: int, now_s: float
    ) -> Assignment | None:
        """The next range of a package, about so long; None: there is none for this endpoint."""
        self.is_short = False
        for opened in demand.open.values():
            if opened.has_rest and self._continues(source, demand, opened, now_s):
                return self._cut(source, demand, opened, length_bytes, now_s)
        block_bytes = demand.manifest.block_bytes
        if not demand.missing:
            return None
        self.is_short = length_bytes < block_bytes and self._is_full(block_bytes)
        if self.is_short:
            return None
        blocks = demand.take(
            self._under_way.next_number,
            lambda index: self._rights.may_serve(source, demand, index, now_s),
            lambda number: self._rights.avoids(source, demand, number),
            max(1, length_bytes // block_bytes),
        )
        if blocks is None:
            return None
        if blocks.object in demand.alone:
            demand.alone[blocks.object] = source.name
        elif self._is_divided(demand, blocks, length_bytes):
            opened = demand.open_up(self._under_way.next_number, blocks, source.name)
            return self._cut(source, demand, opened, length_bytes, now_s)
        return self._under_way.begin(source, demand, blocks, now_s)

    def finish(
        self, source: Source, demand: Demand, length_bytes: int, now_s: float
    ) -> Assignment | None:
        """Go on with an open block, whoever serves it: nothing else can be begun."""
        for opened in demand.open.values():
            if opened.has_rest and self._may_go_on(source, demand, opened, now_s):
                return self._cut(source, demand, opened, length_bytes, now_s)
        return None

    def _cut(
        self, source: Source, demand: Demand, opened: OpenBlock, length_bytes: int, now_s: float
    ) -> Assignment:
        opened.endpoint = source.name
        blocks = BlockRange(opened.object_index, opened.block, opened.block + 1)
        strip = opened.cut(length_bytes, self._under_way.next_number)
        return self._under_way.begin(source, demand, blocks, now_s, strip=strip)

    def _continues(self, source: Source, demand: Demand, opened: OpenBlock, now_s: float) -> bool:
        """Whether an open block is this endpoint's to go on with."""
        if not self._may_go_on(source, demand, opened, now_s):
            return False
        server = self._sources[opened.endpoint]
        return server is source or not (
            server.is_askable(now_s)
            and server.is_relied_on
            and server.holds(demand.package, opened.object_index)
        )

    def _may_go_on(self, source: Source, demand: Demand, opened: OpenBlock, now_s: float) -> bool:
        index = opened.object_index
        return self._rights.may_serve(
            source, demand, index, now_s
        ) and not self._rights.leaves_to_better(source, demand, index, now_s)

    def _is_divided(self, demand: Demand, blocks: BlockRange, length_bytes: int) -> bool:
        """Whether a block is fetched by strips; one that was served wrong is fetched whole."""
        start, end = demand.manifest.range_span(blocks)
        number = demand.manifest.block_number(blocks.object, blocks.first)
        is_one = blocks.last - blocks.first == 1
        return is_one and length_bytes < end - start and number not in demand.served_bad

    def _is_full(self, block_bytes: int) -> bool:
        """Whether no more blocks may be opened; one always may.

        Blocks that nobody can go on with do not count, or they would keep everybody waiting.
        """
        most = max(1, int(self._policy.memory_bytes * OPEN_SHARE) // block_bytes)
        count = sum(len(demand.open) for demand in self._demands.values())
        if count < most:
            return False
        stuck = sum(
            opened.is_resting and not self._rights.is_held(demand.package, opened.object_index)
            for demand in self._demands.values()
            for opened in demand.open.values()
        )
        return count - stuck >= most
