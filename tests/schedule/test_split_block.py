"""Parts of a block: each byte once, whatever fails or is taken over."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dlcore.errors import Fault
from dlcore.model import BlockExtent, BlockInPackage
from dlcore.schedule import Policy, RequestNumber, Span
from dlcore.schedule.limit_policy import LimitPolicy
from dlcore.schedule.split_block import SplitBlock
from tests.schedule.packages import run_machine
from tests.schedule.scene import MIB, WIDE, Scene

LENGTH_BYTES = 1000
ENDPOINTS = st.sampled_from("ef")


def split_block() -> SplitBlock:
    return SplitBlock(BlockInPackage(0), BlockExtent.of(0, 0, 1), LENGTH_BYTES, "e")


class SplitBlockMachine(RuleBasedStateMachine):
    """One split block against a plain list of what happened to each of its bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.block = split_block()
        self.in_flight: dict[RequestNumber, Span] = {}
        self.arrived = bytearray(LENGTH_BYTES)  # the letter of the endpoint that sent each byte
        self.number = RequestNumber(0)

    def _next(self) -> RequestNumber:
        self.number = RequestNumber(self.number + 1)
        return self.number

    @precondition(lambda self: self.block.has_unasked)
    @rule(max_bytes=st.integers(1, LENGTH_BYTES))
    def cut(self, max_bytes: int) -> None:
        number = self._next()
        part = self.block.cut(max_bytes, number, "e")
        assert 0 < part.end - part.start <= max(1, max_bytes * 5 // 4)
        assert not any(self.arrived[part.start : part.end])
        assert all(s.end <= part.start or part.end <= s.start for s in self.in_flight.values())
        self.in_flight[number] = part

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data(), endpoint=ENDPOINTS)
    def arrive(self, data: st.DataObject, endpoint: str) -> None:
        number = data.draw(st.sampled_from(sorted(self.in_flight)))
        part = self.in_flight[number]
        assert self.block.arrived(part, number, endpoint)
        self.arrived[part.start : part.end] = endpoint.encode() * part.length_bytes
        del self.in_flight[number]
        assert not self.block.arrived(part, number, endpoint), "it counts once"

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data(), endpoint=ENDPOINTS)
    def fail(self, data: st.DataObject, endpoint: str) -> None:
        number = data.draw(st.sampled_from(sorted(self.in_flight)))
        part = self.in_flight.pop(number)
        arrived_bytes = data.draw(st.integers(0, part.end - part.start))
        self.block.broke_off(part, number, arrived_bytes, endpoint)
        if arrived_bytes < part.end - part.start:
            kept = Span(part.start, part.start + arrived_bytes)
            self.arrived[kept.start : kept.end] = endpoint.encode() * arrived_bytes

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data(), endpoint=ENDPOINTS)
    def take_over(self, data: st.DataObject, endpoint: str) -> None:
        number = data.draw(st.sampled_from(sorted(self.in_flight)))
        part = self.in_flight[number]
        arrived_bytes = data.draw(st.integers(0, part.end - part.start - 1))
        new, max_bytes = self._next(), data.draw(st.integers(1, LENGTH_BYTES))
        rest = self.block.take_over(part, arrived_bytes, endpoint, new, max_bytes)
        assert not self.block.arrived(part, number, endpoint), "it is another request's"
        assert rest.start == part.start + arrived_bytes
        assert rest.start < rest.end <= min(part.end, rest.start + max_bytes)
        del self.in_flight[number]
        self.arrived[part.start : rest.start] = endpoint.encode() * arrived_bytes
        self.in_flight[new] = rest

    @precondition(lambda self: self.block.is_whole)
    @rule()
    def begin_another(self) -> None:
        self.block = split_block()
        self.arrived = bytearray(LENGTH_BYTES)

    @invariant()
    def answers_are_right(self) -> None:
        assert self.block.is_whole == all(self.arrived)
        assert self.block.in_flight == frozenset(self.in_flight)
        assert self.block.is_at_rest == (not self.in_flight and not self.block.is_whole)
        assert self.block.served_by == set(self.arrived.replace(b"\0", b"").decode())

    @precondition(lambda self: self.block.is_whole)
    @invariant()
    def it_is_known_who_sent_each_byte(self) -> None:
        portions = self.block.portions
        told = b"".join(p.endpoint.encode() * p.span.length_bytes for p in portions)
        assert told == self.arrived
        assert all(a.span.end == b.span.start for a, b in pairwise(portions))
        assert all(a.endpoint != b.endpoint for a, b in pairwise(portions)), "as few as possible"

    def teardown(self) -> None:
        while self.block.has_unasked:
            number = self._next()
            self.in_flight[number] = self.block.cut(300, number, "e")
        for number in sorted(self.in_flight):
            if number in self.in_flight:
                self.block.arrived(self.in_flight[number], number, "e")
        assert self.block.is_whole


def test_each_byte_of_a_block_arrives_once() -> None:
    run_machine(SplitBlockMachine)


def test_connections_of_an_endpoint_go_on_with_its_split_block_first() -> None:
    policy = Policy(concurrency=LimitPolicy(initial_limit=16))
    scene = Scene({"p": 20}, {"e": 0, "f": 0}, policy)
    blocks = [int(scene.ask().blocks.first) for _ in range(16)]
    assert blocks == sorted(blocks)
    assert blocks.count(0) == 8, "parts of 128 KiB, while no rate is known"


def test_parts_of_a_block_come_from_one_endpoint_while_it_is_in_use() -> None:
    scene = Scene({"p": 20}, {"e": 0, "f": 0})
    one, other = scene.ask("e"), scene.ask("f")
    assert (one.blocks.first, other.blocks.first) == (0, 1)
    assert scene.ask("e").blocks.first == 0
    assert scene.ask("f").blocks.first == 1


def test_what_arrived_of_a_part_that_broke_off_is_not_asked_for_again() -> None:
    scene = Scene({"p": 20}, {"e": 0, "f": 0})
    broken = scene.ask("e")
    assert broken.part
    scene.arrive(broken, 1000)
    scene.end(broken, Fault.TRUNCATED)
    assert scene.ask("f").part == Span(broken.part.start + 1000, broken.part.end)


def test_a_part_that_failed_although_all_of_it_was_there_is_asked_for_again() -> None:
    scene = Scene({"p": 20}, {"e": 0, "f": 0})
    surplus = scene.ask("e")
    scene.receive(surplus, 1.0)
    scene.end(surplus, Fault.RANGE)
    assert scene.ask("e").part == surplus.part


def test_no_more_blocks_are_split_than_the_memory_holds() -> None:
    policy = Policy(memory_bytes=10 * MIB, concurrency=WIDE)
    scene = Scene({"p": 200}, {"e": 0, "f": 0}, policy)
    blocks = set()
    while found := scene.next_request("e"):
        assert found.part
        blocks.add(found.blocks.first)
    assert len(blocks) == 9


def test_split_blocks_that_nobody_can_go_on_with_do_not_keep_others_waiting() -> None:
    scene = Scene({"p": 20, "q": 20}, {"e": 0, "f": 0}, Policy(memory_bytes=MIB))
    scene.deliver(scene.ask())
    for endpoint in ("e", "f"):
        scene.note(scene.scheduler.located("p", endpoint, frozenset()))
    assert scene.ask().package == "q"
