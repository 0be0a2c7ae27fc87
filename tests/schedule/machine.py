"""The planner against a plain model of who fetches which bytes, in any order of events."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dlcore.errors import Fault
from dlcore.model import BlockRange, Manifest
from dlcore.schedule import Assignment, Planner, Policy, Strip, Terms
from tests.schedule.packages import shape

BLOCK_BYTES = 256 << 10
POLICY = Policy(
    range_bytes=3 * BLOCK_BYTES,
    memory_bytes=4 * BLOCK_BYTES,
    weather_patience=3,
    busy_patience=4,
    corrupt_patience=20,
)
Block = tuple[str, int]  # package, number in the package


class Flight:
    """A range under way.

    Attributes:
        received_bytes: So much of it has arrived.
        judged: So many of its blocks have been.
        superseded: Whether the planner said that nobody needs it any more.
    """

    def __init__(self, assignment: Assignment, manifest: Manifest) -> None:
        self.assignment = assignment
        self.manifest = manifest
        self.received_bytes = 0
        self.judged = 0
        self.superseded = False

    def length_bytes(self, last_block: int) -> int:
        """What it is to deliver if it ends before that block."""
        blocks, strip = self.assignment.blocks, self.assignment.strip
        if strip:
            return strip.end - strip.start
        if last_block <= blocks.first:
            return 0
        start, end = self.manifest.range_span(blocks._replace(last=last_block))
        return end - start

    def numbers(self, last_block: int) -> range:
        """Package-wide numbers of its blocks up to that one."""
        blocks = self.assignment.blocks
        base = self.manifest.first_blocks[blocks.object]
        return range(base + blocks.first, base + max(blocks.first, last_block))


class PlannerMachine(RuleBasedStateMachine):
    """Packages p0, p1, ... and endpoints e0, e1, ..."""

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        self.now_s = 0.0
        self.planner = Planner(POLICY)
        self.flights: dict[int, Flight] = {}
        self.done: set[Block] = set()
        self.arrived: dict[Block, dict[Strip, str]] = {}  # strips in the buffers of open blocks
        self.bad: set[Block] = set()
        self.manifests: dict[str, Manifest] = {}
        self.cost: dict[str, int] = {}
        self.held: dict[tuple[str, str], set[int]] = {}
        self.endpoints = [f"e{n}" for n in range(data.draw(st.integers(1, 3)))]
        for endpoint in self.endpoints:
            self.cost[endpoint] = data.draw(st.integers(0, 1))
            terms = Terms(data.draw(st.integers(1, 9)), self.cost[endpoint])
            self.planner.add_endpoint(endpoint, terms)
        for number in range(data.draw(st.integers(1, 3))):
            self._want(f"p{number}", data)
        self.urgent, self.idle = list(self.manifests), list[str]()
        self.planner.order(self.urgent)
        self.has_begun = True

    def _want(self, package: str, data: st.DataObject) -> None:
        manifest = shape(
            data.draw(st.lists(st.integers(1, 20), max_size=3)), block_bytes=BLOCK_BYTES
        )
        count = manifest.first_blocks[-1]
        there = data.draw(st.sets(st.integers(0, count - 1), max_size=4)) if count else set()
        self.manifests[package] = manifest
        self.done |= {(package, number) for number in there}
        self.planner.want(package, manifest, bytes(number in there for number in range(count)))
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
        waiting = set(self.urgent[: data.draw(st.integers(0, 1))])
        self.planner.order(self.urgent, self.idle, waiting)

    @rule(data=st.data(), times=st.integers(1, 8))
    def ask(self, data: st.DataObject, times: int) -> None:
        endpoint = data.draw(st.sampled_from(self.endpoints))
        for _ in range(times):
            self._ask(endpoint)

    def _ask(self, endpoint: str) -> bool:
        before = {n: list(self._claims(f)) for n, f in self.flights.items() if not f.superseded}
        untouched = set(self._untouched(endpoint))
        assignment = self.planner.next_range(endpoint, self.now_s)
        if assignment is None:
            return False
        flight = Flight(assignment, self.manifests[assignment.package])
        assert not self.planner.dropped(endpoint)
        assert self.now_s >= self.planner.resume_at_s(endpoint)
        blocks = assignment.blocks
        assert blocks.object in self.held[assignment.package, endpoint]
        assert 0 <= blocks.first < blocks.last <= flight.manifest.block_count(blocks.object)
        assert flight.length_bytes(blocks.last) <= POLICY.range_bytes
        self._check_order(assignment, untouched)
        self._note_superseded()
        self._keep_prefixes(assignment, [self.flights[n] for n in before])
        claims = {number for number, _ in self._claims(flight)}
        assert not {(assignment.package, number) for number in claims} & self.done
        others = [
            n
            for n in before
            if self.flights[n].assignment.package == assignment.package
            and not self.flights[n].superseded
            and any(
                _overlap(a, b) for a in self._claims(flight) for b in self._claims(self.flights[n])
            )
        ]
        assert bool(others) == assignment.race, "only a race fetches what is being fetched"
        assert len(others) <= 2
        self.flights[assignment.number] = flight
        return True

    def _ask_all(self) -> bool:
        """Ask each endpoint once; whether any was given a range."""
        asked = [self._ask(endpoint) for endpoint in self.endpoints]
        return any(asked)

    def _check_order(self, assignment: Assignment, untouched: set[Block]) -> None:
        """Nothing later is begun while something earlier is untouched, unless memory is short."""
        is_open = assignment.strip is not None or assignment.race
        rank = {package: n for n, package in enumerate([*self.urgent, *self.idle])}
        if is_open or assignment.package not in rank:
            return
        assert not [p for p, _ in untouched if rank[p] < rank[assignment.package]]

    @precondition(lambda self: self.flights)
    @rule(data=st.data(), share=st.floats(0.1, 1.0))
    def receive(self, data: st.DataObject, share: float) -> None:
        self._receive(data.draw(st.sampled_from(sorted(self.flights))), share)

    def _receive(self, number: int, share: float) -> None:
        flight = self.flights[number]
        last = self.planner.last_block(flight.assignment)
        left_bytes = flight.length_bytes(last) - flight.received_bytes
        if left_bytes > 0:
            count_bytes = max(1, int(left_bytes * share))
            self.planner.received(flight.assignment, count_bytes, self.now_s)
            flight.received_bytes += count_bytes
            self._note_superseded()

    @precondition(lambda self: self.flights)
    @rule(data=st.data(), fault=st.sampled_from([None, None, None, *Fault]), good=st.booleans())
    def end(self, data: st.DataObject, fault: Fault | None, good: bool) -> None:
        """A range ends; all of it has arrived unless there is a fault or nobody needs it."""
        number = data.draw(st.sampled_from(sorted(self.flights)))
        flight = self.flights[number]
        if fault is None and not flight.superseded:
            self._receive(number, 1.0)
        self._judge(flight, good)
        self._close(number, fault)

    def _judge(self, flight: Flight, good: bool) -> None:
        assignment = flight.assignment
        last = self.planner.last_block(assignment)
        if assignment.strip:
            if flight.received_bytes == flight.length_bytes(last) and not flight.superseded:
                self._strip_arrived(flight, assignment.strip, good=good)
            return
        at = 0
        for number in flight.numbers(last):
            index, block = flight.manifest.locate_block(number)
            start, end = flight.manifest.block_span(index, block)
            at += end - start
            if at > flight.received_bytes:
                break
            self._verdict(flight, number, good=good or not self._has_digests(assignment))

    def _strip_arrived(self, flight: Flight, strip: Strip, *, good: bool) -> None:
        assignment = flight.assignment
        (number,) = flight.numbers(assignment.blocks.last)
        arrived = self.arrived.setdefault((assignment.package, number), {})
        is_whole = self.planner.strip_arrived(assignment)
        self._note_superseded()
        assert all(strip.end <= a.start or a.end <= strip.start for a in arrived)
        arrived[strip] = assignment.endpoint
        start, end = flight.manifest.range_span(assignment.blocks)
        assert is_whole == (sum(s.end - s.start for s in arrived) == end - start)
        if is_whole:
            self._verdict(flight, number, good=good or not self._has_digests(assignment))

    def _verdict(self, flight: Flight, number: int, *, good: bool) -> None:
        assignment, place = flight.assignment, (flight.assignment.package, number)
        index, block = flight.manifest.locate_block(number)
        servers = set(self.arrived.pop(place, {}).values()) or {assignment.endpoint}
        if good:
            self.planner.blocks_done(assignment, BlockRange(index, block, block + 1))
            self.done.add(place)
            self._note_superseded()
        elif place not in self.done:
            culprit = self.planner.block_bad(assignment, block, self.now_s)
            assert culprit == (assignment.endpoint if len(servers) == 1 else "")
            self.bad.add(place)

    def _close(self, number: int, fault: Fault | None) -> None:
        flight = self.flights.pop(number)
        assignment = flight.assignment
        is_short = self.planner.last_block(assignment) < assignment.blocks.last
        if assignment.strip and not flight.superseded:
            self._keep_broken(flight, assignment.strip)
        elif not assignment.strip and number % 4:  # else there is no memory for it
            self._keep_start(flight)
        self.planner.range_ended(
            assignment,
            self.now_s,
            fault=fault,
            jitter=0.5,
            dismissed=flight.superseded or (is_short and not fault),
        )
        if fault is Fault.NOT_FOUND and not flight.superseded:
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
        live = [f for f in self.flights.values() if not (f.superseded and f.assignment.strip)]
        for package, manifest in self.manifests.items():
            numbers = range(manifest.first_blocks[-1])
            open_blocks = [n for n in numbers if (package, n) not in self.done]
            assert self.planner.missing_blocks(package) == len(open_blocks)
            assert self.planner.is_complete(package) == (not open_blocks)
            if any(flight.assignment.package == package for flight in live):
                continue
            nobody = not any(self._holders(package, n) for n in open_blocks)
            assert self.planner.is_exhausted(package) == bool(open_blocks and nobody)

    @invariant()
    def the_number_of_connections_is_never_more_than_allowed(self) -> None:
        for endpoint in self.endpoints:
            wanted = self.planner.connections(endpoint, self.now_s)
            assert (wanted == 0) == bool(self.planner.dropped(endpoint))

    def teardown(self) -> None:
        """Whatever happened, from here on all goes well: then all that can be fetched is."""
        if not hasattr(self, "has_begun"):
            return
        self.planner.order(list(self.manifests), (), set(self.manifests))
        self.urgent, self.idle = list(self.manifests), []
        for _ in range(2000):
            self.now_s += 1.0
            for number in sorted(self.flights):
                if not self.flights[number].superseded:
                    self._receive(number, 1.0)
                self._judge(self.flights[number], good=True)
                self._close(number, None)
            if not self._ask_all() and not self.flights:
                self.now_s += 1000.0
                if not self._ask_all():
                    break
        for package in self.manifests:
            assert self.planner.is_complete(package) or self.planner.is_exhausted(package)

    # The model

    def _note_superseded(self) -> None:
        for number in self.planner.superseded():
            if number in self.flights:
                assert not self.flights[number].superseded, "each is told once"
                self.flights[number].superseded = True

    def _keep_prefixes(self, assignment: Assignment, flights: list[Flight]) -> None:
        """What a range had of a strip whose rest is another's now stays where it is."""
        if assignment.race or not assignment.strip:
            return
        for flight in flights:
            old = flight.assignment
            if (old.package, old.blocks) == (assignment.package, assignment.blocks) and (
                old.strip
                and old.strip.start <= assignment.strip.start < old.strip.end
                and not old.race
            ):
                assert flight.superseded
                assert assignment.strip.start == old.strip.start + flight.received_bytes
                (number,) = flight.numbers(old.blocks.last)
                if flight.received_bytes:
                    prefix = Strip(old.strip.start, assignment.strip.start)
                    self.arrived.setdefault((old.package, number), {})[prefix] = old.endpoint

    def _keep_start(self, flight: Flight) -> None:
        """Strips fetch the rest of the block within which a range ends."""
        assignment, blocks = flight.assignment, flight.assignment.blocks
        whole, start_bytes = divmod(flight.received_bytes, BLOCK_BYTES)
        if not start_bytes or flight.received_bytes == flight.length_bytes(blocks.last):
            return
        block = blocks.first + whole
        if self.planner.keep_start(assignment, block, start_bytes):
            place = assignment.package, flight.manifest.block_number(blocks.object, block)
            assert place not in self.done
            assert place not in self.arrived
            self.arrived[place] = {Strip(0, start_bytes): assignment.endpoint}

    def _keep_broken(self, flight: Flight, strip: Strip) -> None:
        """What had arrived of a strip that broke off stays where it is."""
        (number,) = flight.numbers(flight.assignment.blocks.last)
        place = flight.assignment.package, number
        kept = Strip(strip.start, strip.start + flight.received_bytes)
        if strip.start < kept.end < strip.end and place not in self.done:
            self.arrived.setdefault(place, {})[kept] = flight.assignment.endpoint

    def _claims(self, flight: Flight) -> Iterator[tuple[int, Strip]]:
        """Package-wide block and bytes in it that a range is to deliver and has not yet."""
        assignment = flight.assignment
        for number in flight.numbers(self.planner.last_block(assignment)):
            index, block = flight.manifest.locate_block(number)
            start, end = flight.manifest.block_span(index, block)
            if (assignment.package, number) not in self.done:
                yield number, assignment.strip or Strip(0, end - start)

    def _untouched(self, endpoint: str) -> Iterator[Block]:
        """Blocks that the endpoint could serve and nobody has begun."""
        urgent = [p for p in self.urgent if p in self.manifests]
        is_busy = any(not self.planner.is_complete(p) for p in urgent)
        idle = [] if is_busy else [p for p in self.idle if p in self.manifests]
        taken = {
            (flight.assignment.package, number)
            for flight in self.flights.values()
            for number in flight.numbers(flight.assignment.blocks.last)
        }
        for package in [*urgent, *idle]:
            manifest = self.manifests[package]
            for number in range(manifest.first_blocks[-1]):
                place = package, number
                is_theirs = place in self.done or place in taken or place in self.arrived
                if not is_theirs and place not in self.bad and self._is_free(endpoint, place):
                    yield place

    def _is_free(self, endpoint: str, place: Block) -> bool:
        """Whether nothing but the order keeps the endpoint from serving the block."""
        holders = self._holders(*place)
        return endpoint in holders and self.cost[endpoint] == min(self.cost[e] for e in holders)

    def _has_digests(self, assignment: Assignment) -> bool:
        objects = self.manifests[assignment.package].objects
        return bool(objects[assignment.blocks.object].digests)

    def _holders(self, package: str, number: int) -> set[str]:
        index, _ = self.manifests[package].locate_block(number)
        return {
            endpoint
            for endpoint in self.endpoints
            if not self.planner.dropped(endpoint) and index in self.held[package, endpoint]
        }


def _overlap(one: tuple[int, Strip], other: tuple[int, Strip]) -> bool:
    return one[0] == other[0] and one[1].start < other[1].end and other[1].start < one[1].end
