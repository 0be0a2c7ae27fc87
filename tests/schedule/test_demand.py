"""The demand against a plain model: what it keeps up to date is what counting afresh would give."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dlcore.model import BlockExtent
from dlcore.schedule.block_map import BlockMap
from dlcore.schedule.demand import Demand
from dlcore.schedule.policy import Policy
from dlcore.schedule.split_block import SplitBlock
from dlcore.schedule.types import RequestNumber
from tests.schedule.packages import run_machine, shape

NAMES = ["p0", "p1", "p2", "p3"]
MANIFEST = shape([2, 40])  # a small object, and one that is not
LISTS = st.lists(st.sampled_from(NAMES))


class DemandMachine(RuleBasedStateMachine):
    """Packages come, are fetched, and go in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.demand = Demand()
        self.needed, self.maybe_needed = list[str](), list[str]()
        self.block_maps: dict[str, BlockMap] = {}
        self.in_flight: dict[RequestNumber, tuple[BlockMap, BlockExtent]] = {}
        self.split: list[tuple[BlockMap, SplitBlock]] = []
        self.next_number = RequestNumber(0)

    @rule(package=st.sampled_from(NAMES), is_there=st.booleans())
    def want(self, package: str, is_there: bool) -> None:
        verified = bytes([is_there]) * MANIFEST.first_blocks[-1]
        block_map = BlockMap(package, MANIFEST, verified, Policy(), self.demand)
        self.block_maps[package] = block_map
        self.demand.add(block_map)

    @precondition(lambda self: self.block_maps)
    @rule(data=st.data())
    def forget(self, data: st.DataObject) -> None:
        package = data.draw(st.sampled_from(sorted(self.block_maps)))
        del self.block_maps[package]
        self.demand.remove(package)
        self.demand.remove(package)

    @rule(needed=LISTS, maybe_needed=LISTS)
    def order(self, needed: list[str], maybe_needed: list[str]) -> None:
        self.needed, self.maybe_needed = needed, maybe_needed
        self.demand.order(needed, maybe_needed)

    @precondition(lambda self: self.block_maps)
    @rule(data=st.data(), max_blocks=st.integers(1, 50), is_split=st.booleans())
    def begin(self, data: st.DataObject, max_blocks: int, is_split: bool) -> None:
        block_map = self.block_maps[data.draw(st.sampled_from(sorted(self.block_maps)))]
        blocks = block_map.next_missing(
            lambda _: True, lambda _: False, 1 if is_split else max_blocks
        )
        if blocks and is_split:
            self.split.append((block_map, block_map.split(blocks, "e")))
        elif blocks:
            block_map.begin(self.next_number, blocks, "e")
            self.in_flight[self.next_number] = block_map, blocks
            self.next_number = RequestNumber(self.next_number + 1)

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data(), is_good=st.booleans())
    def end(self, data: st.DataObject, is_good: bool) -> None:
        number = data.draw(st.sampled_from(sorted(self.in_flight)))
        block_map, blocks = self.in_flight.pop(number)
        if is_good:
            block_map.verified(number, blocks, "e")
        block_map.give_back(number, blocks)
        self.demand.review(block_map)

    @precondition(lambda self: self.split)
    @rule(data=st.data(), is_good=st.booleans())
    def end_split(self, data: st.DataObject, is_good: bool) -> None:
        block_map, split = self.split.pop(data.draw(st.integers(0, len(self.split) - 1)))
        if is_good:
            block_map.split_verified(split)
        else:
            block_map.abandon(split)
        self.demand.review(block_map)

    @precondition(lambda self: self.block_maps)
    @rule(data=st.data())
    def reject_object(self, data: st.DataObject) -> None:
        block_map = self.block_maps[data.draw(st.sampled_from(sorted(self.block_maps)))]
        block_map.object_rejected(BlockExtent.of(1, 0, 1).object, ())
        self.demand.review(block_map)

    @invariant()
    def it_is_what_counting_gives(self) -> None:
        expected = self._incomplete(self.needed) or self._incomplete(self.maybe_needed)
        assert list(self.demand.to_serve) == expected
        assert self.demand.left_bytes == sum(block_map.missing_bytes for block_map in expected)
        split = [block_map for block_map in self.block_maps.values() if block_map.split_blocks]
        assert set(self.demand.with_split_blocks) == set(split)
        assert self.demand.block_maps == self.block_maps

    def _incomplete(self, packages: list[str]) -> list[BlockMap]:
        wanted = [self.block_maps[p] for p in dict.fromkeys(packages) if p in self.block_maps]
        return [block_map for block_map in wanted if not block_map.is_complete]


def test_what_the_demand_keeps_is_what_counting_gives() -> None:
    run_machine(DemandMachine)
