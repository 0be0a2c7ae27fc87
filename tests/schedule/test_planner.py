"""The planner against a plain model of who holds, fetches and has what, in any order of events."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from dlcore.errors import Fault
from dlcore.model import BlockRange, Manifest
from dlcore.schedule import Assignment, Planner, Policy
from tests.schedule.packages import BLOCK_BYTES, shape

POLICY = Policy(
    range_bytes=3 * BLOCK_BYTES, weather_patience=3, busy_patience=4, corrupt_patience=20
)
Block = tuple[str, int]  # package, number in the package


class Flight(NamedTuple):
    """A range under way, and its blocks that nobody has judged yet."""

    assignment: Assignment
    unjudged: list[int]


class PlannerMachine(RuleBasedStateMachine):
    """Packages p0, p1, ... and endpoints e0, e1, ..."""

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        self.now_s = 0.0
        self.planner = Planner(POLICY)
        self.urgent: list[str] = []
        self.idle: list[str] = []
        self.flights: list[Flight] = []
        self.owner: dict[Block, int] = {}
        self.done: set[Block] = set()
        self.bad: dict[Block, set[str]] = {}
        self.alone: dict[tuple[str, int], str] = {}
        self.failed_alone: dict[tuple[str, int], set[str]] = {}
        self.manifests: dict[str, Manifest] = {}
        self.held: dict[tuple[str, str], set[int]] = {}
        self.endpoints = [f"e{n}" for n in range(data.draw(st.integers(1, 4)))]
        for endpoint in self.endpoints:
            self.planner.add_endpoint(endpoint, data.draw(st.integers(1, 3)))
        for number in range(data.draw(st.integers(1, 4))):
            self._want(f"p{number}", data)
        self.urgent = list(self.manifests)
        self.planner.order(self.urgent)

    def _want(self, package: str, data: st.DataObject) -> None:
        manifest = shape(data.draw(st.lists(st.integers(1, 30), max_size=3)))
        count = manifest.first_blocks[-1]
        there = data.draw(st.sets(st.integers(0, count - 1), max_size=4)) if count else set()
        have = bytes(number in there for number in range(count))
        self.manifests[package] = manifest
        self.done |= {(package, number) for number in there}
        self.planner.want(package, manifest, have)
        indices = list(range(len(manifest.objects)))
        for endpoint in self.endpoints:
            held = set(indices)
            if indices and data.draw(st.integers(0, 3)) == 0:
                held = data.draw(st.sets(st.sampled_from(indices)))
            self.held[package, endpoint] = held
            self.planner.place(package, endpoint, frozenset(held))

    # What may happen

    @rule(data=st.data())
    def order(self, data: st.DataObject) -> None:
        shuffled = data.draw(st.permutations([*self.manifests, "unknown"]))
        first = data.draw(st.integers(0, len(shuffled)))
        last = data.draw(st.integers(first, len(shuffled)))
        self.urgent, self.idle = shuffled[:first], shuffled[first:last]
        self.planner.order(self.urgent, self.idle)

    @rule(data=st.data())
    def ask(self, data: st.DataObject) -> None:
        for endpoint in data.draw(st.permutations(self.endpoints)):
            self._ask(endpoint)

    def _ask(self, endpoint: str) -> bool:
        expected = self._servable_by(endpoint)
        assignment = self.planner.next_range(endpoint, self.now_s)
        if assignment is None:
            assert not expected
            return False
        blocks = assignment.blocks
        manifest = self.manifests[assignment.package]
        assert 0 <= blocks.first < blocks.last <= manifest.block_count(blocks.object)
        assert blocks.last - blocks.first <= 3
        numbers = self._numbers(assignment.package, blocks)
        assert (assignment.package, numbers[0]) == expected[0]
        assert {(assignment.package, n) for n in numbers} <= set(expected)
        for number in numbers:
            self.owner[assignment.package, number] = assignment.number
        if (assignment.package, blocks.object) in self.alone:
            self.alone[assignment.package, blocks.object] = endpoint
        self.flights.append(Flight(assignment, numbers))
        return True

    @precondition(lambda self: self.flights)
    @rule(data=st.data(), good=st.booleans())
    def judge(self, data: st.DataObject, good: bool) -> None:
        assignment, unjudged = data.draw(st.sampled_from(self.flights))
        if unjudged:
            self._judge(assignment, unjudged, good or not self._has_digests(assignment))

    def _judge(self, assignment: Assignment, unjudged: list[int], good: bool) -> None:
        package, number = assignment.package, unjudged.pop(0)
        index, block = self.manifests[package].locate_block(number)
        assert self.owner.pop((package, number)) == assignment.number
        if good:
            self.planner.blocks_done(assignment, BlockRange(index, block, block + 1))
            self.done.add((package, number))
        else:
            self.planner.block_bad(assignment, block, self.now_s)
            self.bad.setdefault((package, number), set()).add(assignment.endpoint)

    @precondition(lambda self: self.flights)
    @rule(data=st.data())
    def object_fails(self, data: st.DataObject) -> None:
        assignment, _ = data.draw(st.sampled_from(self.flights))
        if self._has_digests(assignment):
            return
        culprit, _ = self.planner.object_bad(assignment, self.now_s)
        manifest, index = self.manifests[assignment.package], assignment.blocks.object
        assert culprit == self.alone.get((assignment.package, index), "")
        self.alone[assignment.package, index] = ""
        if culprit:
            self.failed_alone.setdefault((assignment.package, index), set()).add(culprit)
        every = BlockRange(index, 0, manifest.block_count(index))
        for number in self._numbers(assignment.package, every):
            self.done.discard((assignment.package, number))

    @precondition(lambda self: self.flights)
    @rule(
        data=st.data(),
        fault=st.sampled_from([*[None] * 8, *sorted(Fault)]),
        jitter=st.floats(0, 1, exclude_max=True),
    )
    def end(self, data: st.DataObject, fault: Fault | None, jitter: float) -> None:
        self._end(data.draw(st.integers(0, len(self.flights) - 1)), fault, jitter)

    def _end(self, at: int, fault: Fault | None, jitter: float = 0.0) -> None:
        assignment, unjudged = self.flights.pop(at)
        self.planner.range_ended(assignment, self.now_s, fault=fault, jitter=jitter)
        for number in unjudged:
            del self.owner[assignment.package, number]
        if fault is Fault.NOT_FOUND:
            self.held[assignment.package, assignment.endpoint].discard(assignment.blocks.object)

    @rule(seconds=st.floats(0, 40))
    def wait(self, seconds: float) -> None:
        self.now_s += seconds

    @rule()
    def revive(self) -> None:
        self.planner.revive()

    # What must hold

    @invariant()
    def answers_are_right(self) -> None:
        for package, manifest in self.manifests.items():
            numbers = range(manifest.first_blocks[-1])
            open_blocks = [n for n in numbers if (package, n) not in self.done]
            flying = any((package, n) in self.owner for n in numbers)
            assert self.planner.missing_blocks(package) == len(open_blocks)
            assert self.planner.is_complete(package) == (not open_blocks)
            nobody = not any(self._holders(package, n) for n in open_blocks)
            assert self.planner.is_exhausted(package) == bool(open_blocks and nobody and not flying)

    def teardown(self) -> None:
        """Whatever happened, from here on all goes well: then all that can be fetched is."""
        if not hasattr(self, "planner"):
            return
        while self.flights:
            self._end(0, None)
        self.planner.order(list(self.manifests))
        self.urgent, self.idle = list(self.manifests), []
        self.now_s += 1000.0
        while any(self._ask(endpoint) for endpoint in self.endpoints):
            while self.flights:
                assignment, unjudged = self.flights[0]
                while unjudged:
                    self._judge(assignment, unjudged, good=True)
                self._end(0, None)
        for package in self.manifests:
            assert self.planner.is_complete(package) or self.planner.is_exhausted(package)

    # The model

    def _has_digests(self, assignment: Assignment) -> bool:
        objects = self.manifests[assignment.package].objects
        return bool(objects[assignment.blocks.object].digests)

    def _open(self, package: str) -> list[int]:
        numbers = range(self.manifests[package].first_blocks[-1])
        return [n for n in numbers if (package, n) not in self.done]

    def _numbers(self, package: str, blocks: BlockRange) -> list[int]:
        base = self.manifests[package].first_blocks[blocks.object]
        return list(range(base + blocks.first, base + blocks.last))

    def _holders(self, package: str, number: int) -> set[str]:
        index, _ = self.manifests[package].locate_block(number)
        return {
            endpoint
            for endpoint in self.endpoints
            if not self.planner.dropped(endpoint) and index in self.held[package, endpoint]
        }

    def _servable_by(self, endpoint: str) -> list[Block]:
        """What the endpoint may be asked for now, the best first."""
        if self.now_s < self.planner.resume_at_s(endpoint):
            return []
        urgent = [package for package in self.urgent if package in self.manifests]
        busy = any(self._open(package) for package in urgent)
        wanted = urgent if busy else [p for p in self.idle if p in self.manifests]
        return [
            (package, number)
            for package in wanted
            for number in self._open(package)
            if (package, number) not in self.owner and self._may_serve(endpoint, package, number)
        ]

    def _may_serve(self, endpoint: str, package: str, number: int) -> bool:
        index, _ = self.manifests[package].locate_block(number)
        holders = self._holders(package, number)
        alone = self.alone.get((package, index))
        if alone is not None and alone in holders:
            return alone == endpoint
        culprits = self.failed_alone.get((package, index), set()) if alone is not None else set()
        return all(
            endpoint in holders and (endpoint not in known or holders <= known)
            for known in (culprits, self.bad.get((package, number), set()))
        )


def test_the_planner_keeps_its_word_whatever_happens() -> None:
    run_state_machine_as_test(
        PlannerMachine,
        settings=settings(
            derandomize=True, deadline=None, max_examples=150, stateful_step_count=50
        ),
    )


def test_ranges_get_shorter_towards_the_end() -> None:
    planner = Planner(Policy(range_bytes=64 * BLOCK_BYTES))
    planner.add_endpoint("e", 4)
    planner.want("p", shape([512]), bytes(512))
    planner.place("p", "e", frozenset([0]))
    planner.order(["p"])
    lengths = []
    while assignment := planner.next_range("e", 0.0):
        lengths.append(assignment.blocks.last - assignment.blocks.first)
    assert lengths == sorted(lengths, reverse=True)
    assert (lengths[0], lengths[-1], sum(lengths)) == (64, 1, 512)


def test_ranges_that_were_under_way_when_an_endpoint_failed_are_one_failure() -> None:
    planner = Planner(Policy(range_bytes=BLOCK_BYTES, weather_patience=2))
    planner.add_endpoint("e", 32)
    planner.want("p", shape([100]), bytes(100))
    planner.place("p", "e", frozenset([0]))
    planner.order(["p"])

    def fail_all(now_s: float) -> str:
        flying = [planner.next_range("e", now_s) for _ in range(32)]
        for assignment in flying:
            assert assignment is not None
            planner.range_ended(assignment, now_s, fault=Fault.CONNECT, jitter=0.5)
        return planner.dropped("e")

    assert fail_all(0.0) == ""
    assert fail_all(100.0) == Fault.CONNECT


def test_a_package_that_was_forgotten_is_not_fetched_any_more() -> None:
    planner = Planner()
    planner.add_endpoint("e", 1)
    for package in ("p", "q"):
        planner.want(package, shape([1]), bytes(1))
        planner.place(package, "e", frozenset([0]))
    planner.order(["p", "q"])
    planner.forget("p")
    assignment = planner.next_range("e", 0.0)
    assert assignment is not None
    assert assignment.package == "q"


def test_a_block_fetched_again_stays_with_its_new_range_when_the_old_one_ends() -> None:
    planner = Planner()
    for endpoint in ("liar", "honest"):
        planner.add_endpoint(endpoint, 1)
    planner.want("p", shape([8]), bytes(8))
    for endpoint in ("liar", "honest"):
        planner.place("p", endpoint, frozenset([0]))
    planner.order(["p"])
    old = planner.next_range("liar", 0.0)
    assert old is not None
    planner.block_bad(old, 0, 0.0)
    new = planner.next_range("honest", 0.0)
    assert new is not None
    assert new.blocks == BlockRange(0, 0, 1)
    planner.range_ended(old, 0.0)
    other = planner.next_range("honest", 0.0)
    assert other is not None
    assert other.blocks.first > 0
