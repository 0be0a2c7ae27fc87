"""Strips of a block: each byte once, whatever fails or is taken over."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dlcore.errors import Fault
from dlcore.schedule import Policy, Strip
from dlcore.schedule.strips import OpenBlock
from tests.schedule.packages import run_machine
from tests.schedule.scene import MIB, Scene

LENGTH_BYTES = 1000


class StripsMachine(RuleBasedStateMachine):
    """One open block against a plain list of what happened to each of its bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.block = OpenBlock(0, 0, 0, LENGTH_BYTES, "e")
        self.flying: dict[int, Strip] = {}
        self.arrived = bytearray(LENGTH_BYTES)
        self.number = 0

    def _next(self) -> int:
        self.number += 1
        return self.number

    @precondition(lambda self: self.block.has_rest)
    @rule(max_bytes=st.integers(1, LENGTH_BYTES))
    def cut(self, max_bytes: int) -> None:
        owner = self._next()
        strip = self.block.cut(max_bytes, owner)
        assert 0 < strip.end - strip.start <= max(1, max_bytes * 5 // 4)
        assert not any(self.arrived[strip.start : strip.end])
        assert all(s.end <= strip.start or strip.end <= s.start for s in self.flying.values())
        self.flying[owner] = strip

    @precondition(lambda self: self.flying)
    @rule(data=st.data())
    def arrive(self, data: st.DataObject) -> None:
        owner = data.draw(st.sampled_from(sorted(self.flying)))
        strip = self.flying[owner]
        assert self.block.arrived(strip, owner, "e")
        self.arrived[strip.start : strip.end] = b"\1" * (strip.end - strip.start)
        del self.flying[owner]
        assert not self.block.arrived(strip, owner, "e"), "it counts once"

    @precondition(lambda self: self.flying)
    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        owner = data.draw(st.sampled_from(sorted(self.flying)))
        strip = self.flying.pop(owner)
        arrived_bytes = data.draw(st.integers(0, strip.end - strip.start))
        self.block.failed(strip, owner, arrived_bytes, "e")
        if arrived_bytes < strip.end - strip.start:
            kept = Strip(strip.start, strip.start + arrived_bytes)
            self.arrived[kept.start : kept.end] = b"\1" * arrived_bytes

    @precondition(lambda self: self.flying)
    @rule(data=st.data())
    def take_over(self, data: st.DataObject) -> None:
        owner = data.draw(st.sampled_from(sorted(self.flying)))
        strip = self.flying[owner]
        arrived_bytes = data.draw(st.integers(0, strip.end - strip.start - 1))
        new, max_bytes = self._next(), data.draw(st.integers(1, LENGTH_BYTES))
        rest = self.block.take_over(strip, arrived_bytes, "e", new, max_bytes)
        assert not self.block.arrived(strip, owner, "e"), "it is another range's"
        assert rest.start == strip.start + arrived_bytes
        assert rest.start < rest.end <= min(strip.end, rest.start + max_bytes)
        del self.flying[owner]
        self.arrived[strip.start : rest.start] = b"\1" * arrived_bytes
        self.flying[new] = rest

    @precondition(lambda self: self.block.is_whole)
    @rule()
    def begin_another(self) -> None:
        self.block = OpenBlock(0, 0, 0, LENGTH_BYTES, "e")
        self.arrived = bytearray(LENGTH_BYTES)

    @invariant()
    def answers_are_right(self) -> None:
        assert self.block.is_whole == all(self.arrived)
        assert set(self.block.flying) == set(self.flying)
        assert self.block.is_resting == (not self.flying and not self.block.is_whole)

    def teardown(self) -> None:
        while self.block.has_rest:
            owner = self._next()
            self.flying[owner] = self.block.cut(300, owner)
        for owner in sorted(self.flying):
            if owner in self.flying:
                self.block.arrived(self.flying[owner], owner, "e")
        assert self.block.is_whole


def test_each_byte_of_a_block_arrives_once() -> None:
    run_machine(StripsMachine)


def test_connections_of_an_endpoint_go_on_with_its_open_block_first() -> None:
    scene = Scene({"p": 20}, {"e": 0, "f": 0})
    blocks = [scene.ask().blocks.first for _ in range(16)]
    assert blocks == sorted(blocks)
    assert blocks.count(0) == 8, "strips of 128 KiB, while no rate is known"


def test_strips_of_a_block_come_from_one_endpoint_while_it_is_in_use() -> None:
    scene = Scene({"p": 20}, {"e": 0, "f": 0})
    one, other = scene.ask("e"), scene.ask("f")
    assert (one.blocks.first, other.blocks.first) == (0, 1)
    assert scene.ask("e").blocks.first == 0
    assert scene.ask("f").blocks.first == 1


def test_what_arrived_of_a_strip_that_broke_off_is_not_asked_for_again() -> None:
    scene = Scene({"p": 20}, {"e": 0, "f": 0})
    broken = scene.ask("e")
    assert broken.strip
    scene.planner.received(broken, 1000, scene.now_s)
    scene.end(broken, Fault.TRUNCATED)
    assert scene.ask("f").strip == Strip(broken.strip.start + 1000, broken.strip.end)


def test_a_strip_that_failed_although_all_of_it_was_there_is_asked_for_again() -> None:
    scene = Scene({"p": 20}, {"e": 0, "f": 0})
    surplus = scene.ask("e")
    scene.receive(surplus, 1.0)
    scene.end(surplus, Fault.RANGE)
    assert scene.ask("e").strip == surplus.strip


def test_no_more_blocks_are_open_than_the_memory_holds() -> None:
    scene = Scene({"p": 200}, {"e": 0, "f": 0}, Policy(memory_bytes=10 * MIB))
    blocks = set()
    while found := scene.planner.next_range("e", scene.now_s):
        assert found.strip
        blocks.add(found.blocks.first)
    assert len(blocks) == 9


def test_open_blocks_that_nobody_can_go_on_with_do_not_keep_others_waiting() -> None:
    scene = Scene({"p": 20, "q": 20}, {"e": 0, "f": 0}, Policy(memory_bytes=MIB))
    scene.deliver(scene.ask())
    for endpoint in ("e", "f"):
        scene.planner.place("p", endpoint, frozenset())
    assert scene.ask().package == "q"
