"""The scheduler against a plain model of which request fetches which bytes, in any order."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from dlcore.errors import Fault
from dlcore.model import BlockExtent, BlockInObject, BlockInPackage, Manifest, ObjectIndex
from dlcore.schedule import (
    BlockRejected,
    DeadlineScheduler,
    EndpointChange,
    EndpointChanged,
    Event,
    Events,
    ObjectRejected,
    PackageComplete,
    PackageExhausted,
    Policy,
    Request,
    RequestCancelled,
    RequestNumber,
    RequestShortened,
    Span,
    SplitBlockDropped,
    SplitBlockFilled,
    StartKept,
    Terms,
)
from tests.schedule.block_model import BLOCK_BYTES, Block, BlockModel
from tests.schedule.model_request import ModelRequest, in_portions, overlap
from tests.schedule.packages import shape

PLENTY_BYTES = 1 << 40
POLICY = Policy(
    max_request_bytes=3 * BLOCK_BYTES,
    memory_bytes=4 * BLOCK_BYTES,
    max_failures=3,
    max_busy_answers=4,
    max_bad_blocks=4,
    max_wrong_objects=6,
)


class SchedulerMachine(BlockModel):
    """Packages p0, p1, ... and endpoints e0, e1, ..."""

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        self.now_s = 0.0
        self.flights = {}
        self.verified = set()
        self.arrived = {}  # parts in the buffers of split blocks
        self.bad = set()
        self.manifests = {}
        self.held = {}
        self.unlocated: set[tuple[str, str]] = set()
        self.dropped = set()
        self.quarantined = set()
        self.without_ranges = set()
        self.complete: set[str] = set()
        self.exhausted: set[str] = set()
        self.endpoints = [f"e{n}" for n in range(data.draw(st.integers(1, 3)))]
        self.cost = {endpoint: data.draw(st.integers(0, 1)) for endpoint in self.endpoints}
        self.scheduler = DeadlineScheduler(
            {
                endpoint: Terms(data.draw(st.integers(1, 9)), self.cost[endpoint])
                for endpoint in self.endpoints
            },
            POLICY,
        )
        for number in range(data.draw(st.integers(1, 3))):
            self._want(f"p{number}", data)
        self.needed, self.maybe_needed = list(self.manifests), list[str]()
        self._note(self.scheduler.order(self.needed))
        self._note(self.scheduler.tick(self.now_s))
        self.has_begun = True

    def _want(self, package: str, data: st.DataObject) -> None:
        lengths = data.draw(st.lists(st.integers(1, 20), max_size=3))
        manifest = self.manifests[package] = self._draw_manifest(lengths, data)
        count = manifest.first_blocks[-1]
        there = data.draw(st.sets(st.integers(0, count - 1), max_size=4)) if count else set()
        self.verified |= {(package, BlockInPackage(number)) for number in there}
        for endpoint in self.endpoints:
            self.held[package, endpoint] = set()
            self.unlocated.add((package, endpoint))
        have = bytes(number in there for number in range(count))
        self._note(self.scheduler.want(package, manifest, have))
        for endpoint in self.endpoints:
            if data.draw(st.integers(0, 5)):
                self._locate(package, endpoint, data)

    def _draw_manifest(self, lengths: list[int], data: st.DataObject) -> Manifest:
        """A package of objects of so many blocks."""
        return shape(lengths, block_bytes=BLOCK_BYTES)

    def _locate(self, package: str, endpoint: str, data: st.DataObject) -> None:
        indices = [ObjectIndex(index) for index in range(len(self.manifests[package].objects))]
        held = set(indices)
        if indices and data.draw(st.integers(0, 3)) == 0:
            held = data.draw(st.sets(st.sampled_from(indices)))
        self._note_located(package, endpoint, held)

    def _note_located(self, package: str, endpoint: str, held: set[ObjectIndex]) -> None:
        self.held[package, endpoint] = held
        self.unlocated.discard((package, endpoint))
        self._note(self.scheduler.located(package, endpoint, frozenset(held)))

    # What may happen

    @precondition(lambda self: self.unlocated)
    @rule(data=st.data())
    def locate(self, data: st.DataObject) -> None:
        self._locate(*data.draw(st.sampled_from(sorted(self.unlocated))), data)

    @rule(data=st.data())
    def order(self, data: st.DataObject) -> None:
        shuffled = data.draw(st.permutations([*self.manifests, "unknown"]))
        first = data.draw(st.integers(0, len(shuffled)))
        last = data.draw(st.integers(first, len(shuffled)))
        self.needed, self.maybe_needed = shuffled[:first], shuffled[first:last]
        awaited = set(self.needed[: data.draw(st.integers(0, 1))])
        self._note(self.scheduler.order(self.needed, self.maybe_needed, awaited))

    @rule(
        data=st.data(),
        times=st.integers(1, 8),
        free_bytes=st.sampled_from([PLENTY_BYTES, PLENTY_BYTES, BLOCK_BYTES, BLOCK_BYTES - 1, 0]),
    )
    def ask(self, data: st.DataObject, times: int, free_bytes: int) -> None:
        endpoint = data.draw(st.sampled_from(self.endpoints))
        for _ in range(times):
            self._ask(endpoint, free_bytes)

    def _ask(self, endpoint: str, free_bytes: int = PLENTY_BYTES) -> bool:
        before = {n: list(self._claims(f)) for n, f in self.flights.items() if not f.is_cancelled}
        untouched = set(self._untouched(endpoint))
        limit, in_use = self.scheduler.limit(endpoint), self._connections(endpoint)
        answer = self.scheduler.next_request(endpoint, self.now_s, free_bytes)
        self._note(answer.events)
        request = answer.request
        if request is None:
            return False
        flight = ModelRequest(request, self.manifests[request.package])
        blocks = request.blocks
        self._check_limit(request, limit, in_use, free_bytes)
        assert blocks.object in self.held[request.package, endpoint]
        assert 0 <= blocks.first < blocks.end <= flight.manifest.block_count(blocks.object)
        assert request.from_beginning == (endpoint in self.without_ranges)
        if request.from_beginning:
            assert not request.is_race
            assert not self._sends(endpoint, request.package, flight.numbers[0])
        elif not any(isinstance(event, RequestShortened) for event in answer.events):
            assert flight.length_bytes <= POLICY.max_request_bytes  # a whole object may be shared
        self._check_order(request, untouched)
        self._keep_prefixes(request, [self.flights[n] for n in before])
        claims = {number for number, _ in self._claims(flight)}
        assert not {(request.package, number) for number in claims} & self.verified
        rivals = [
            n
            for n in before
            if self.flights[n].request.package == request.package
            and not self.flights[n].is_cancelled
            and any(
                overlap(a, b) for a in self._claims(flight) for b in self._claims(self.flights[n])
            )
        ]
        assert bool(rivals) == request.is_race, "only a race fetches what is being fetched"
        assert len(rivals) <= 2
        self._check_equals(flight)
        self.flights[request.number] = flight
        return True

    def _check_equals(self, flight: ModelRequest) -> None:
        """No blocks are equal here."""

    def _check_limit(self, request: Request, limit: int, in_use: int, free_bytes: int) -> None:
        """No more than the limit, but for one part while memory is short."""
        assert request.endpoint not in self.dropped
        assert request.buffer_bytes <= free_bytes
        if in_use >= limit:
            assert in_use == limit
            assert free_bytes < BLOCK_BYTES
            assert request.part
            assert request.buffer_bytes == 0

    def _ask_all(self) -> bool:
        """Ask each endpoint once; whether any was given a request."""
        asked = [self._ask(endpoint) for endpoint in self.endpoints]
        return any(asked)

    def _check_order(self, request: Request, untouched: set[Block]) -> None:
        """Nothing later is begun while something earlier is untouched, unless memory is short."""
        rank = {package: n for n, package in enumerate([*self.needed, *self.maybe_needed])}
        if request.part or request.is_race or request.package not in rank:
            return
        assert not [p for p, _ in untouched if rank[p] < rank[request.package]]

    @precondition(lambda self: self.flights)
    @rule(data=st.data(), share=st.floats(0.1, 1.0))
    def receive(self, data: st.DataObject, share: float) -> None:
        self._receive(data.draw(st.sampled_from(sorted(self.flights))), share)

    def _receive(self, number: RequestNumber, share: float) -> None:
        flight = self.flights[number]
        left_bytes = flight.length_bytes - flight.received_bytes
        if left_bytes > 0:
            count_bytes = max(1, int(left_bytes * share))
            flight.received_bytes += count_bytes
            self._note(self.scheduler.received(number, count_bytes, self.now_s))

    @precondition(lambda self: self.flights)
    @rule(data=st.data(), fault=st.sampled_from([None, None, None, *Fault]), good=st.booleans())
    def end(self, data: st.DataObject, fault: Fault | None, good: bool) -> None:
        """A request ends; all of it has arrived unless there is a fault or it is cancelled."""
        number = data.draw(st.sampled_from(sorted(self.flights)))
        if fault is None and not self.flights[number].is_cancelled:
            self._receive(number, 1.0)
        self._judge(self.flights[number], good)
        self._close(number, fault)

    def _judge(self, flight: ModelRequest, good: bool) -> None:
        request = flight.request
        if request.part:
            if flight.received_bytes == flight.length_bytes and not flight.is_cancelled:
                self._part_arrived(flight, request.part, good=good)
            return
        if flight.received_bytes >= flight.length_bytes:
            assert self._arrived(flight) == ()
        at = 0
        for number in flight.numbers:
            start, end = flight.manifest.block_span(*flight.manifest.locate_block(number))
            at += end - start
            if at > flight.received_bytes:
                break
            self._verdict(flight, number, good=good or not self._has_digests(request))

    def _arrived(self, flight: ModelRequest) -> Events:
        flight.uses_connection = False
        return self._note(self.scheduler.arrived(flight.request.number))

    def _part_arrived(self, flight: ModelRequest, part: Span, *, good: bool) -> None:
        request = flight.request
        (number,) = flight.numbers
        arrived = self.arrived.setdefault((request.package, number), {})
        events = self._arrived(flight)
        assert all(part.end <= a.start or a.end <= part.start for a in arrived)
        arrived[part] = request.endpoint
        start, end = flight.manifest.extent_span(request.blocks)
        is_whole = sum(span.length_bytes for span in arrived) == end - start
        assert events == ((SplitBlockFilled(request.number),) if is_whole else ())
        if is_whole:
            self._verdict(flight, number, good=good or not self._has_digests(request))

    def _verdict(self, flight: ModelRequest, number: BlockInPackage, *, good: bool) -> None:
        request, place = flight.request, (flight.request.package, number)
        index, block = flight.manifest.locate_block(number)
        arrived = self.arrived.pop(place, {})
        servers = set(arrived.values()) or {request.endpoint}
        if good:
            blocks = BlockExtent.of(index, block, block + 1)
            self.verified.add(place)
            self._note(self.scheduler.verified(request.number, blocks))
        elif place not in self.verified:
            events = self._note(self.scheduler.rejected(request.number, block, self.now_s))
            culprit = request.endpoint if len(servers) == 1 else None
            portions = () if culprit else in_portions(arrived)
            assert events[0] == BlockRejected(request.package, index, block, culprit, portions)
            self.bad.add(place)

    @precondition(lambda self: self.bad)
    @rule(data=st.data())
    def find_culprit(self, data: st.DataObject) -> None:
        """An endpoint is to blame for a block that was rejected, whoever else may be too."""
        package, number = data.draw(st.sampled_from(sorted(self.bad)))
        endpoint = data.draw(st.sampled_from(self.endpoints))
        index, _ = self.manifests[package].locate_block(number)
        self.last_rejected = package, index
        if endpoint in self.quarantined:
            self.held[package, endpoint].discard(index)
        self._note(self.scheduler.culprit_found(package, index, endpoint, self.now_s))

    def _close(self, number: RequestNumber, fault: Fault | None) -> None:
        flight = self.flights[number]
        request = flight.request
        is_short = flight.end < request.blocks.end
        if request.part and not flight.is_cancelled:
            self._keep_broken(flight, request.part)
        elif not request.part and number % 4:  # else there is no memory for it
            self._keep_start(flight)
        del self.flights[number]
        if flight.is_cancelled or (is_short and not fault):
            self._note(self.scheduler.cancelled(number, self.now_s))
        elif fault:
            if fault in {Fault.NOT_FOUND, Fault.CORRUPT}:
                self.held[request.package, request.endpoint].discard(request.blocks.object)
            self._note(self.scheduler.failed(number, self.now_s, fault, jitter=0.5))
        else:
            self._note(self.scheduler.finished(number, self.now_s))

    @rule(seconds=st.floats(0, 40))
    def wait(self, seconds: float) -> None:
        self.now_s += seconds
        self._note(self.scheduler.tick(self.now_s))

    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        package = data.draw(st.sampled_from(sorted(self.manifests)))
        self.unlocated |= {(package, endpoint) for endpoint in self.endpoints}
        self.exhausted.discard(package)
        self._note(self.scheduler.retry(package))

    def _keep_start(self, flight: ModelRequest) -> None:
        """Requests for parts fetch the rest of the block within which a request ends."""
        request, blocks = flight.request, flight.request.blocks
        whole, start_bytes = divmod(flight.received_bytes, BLOCK_BYTES)
        start, end = flight.manifest.extent_span(blocks)
        if not start_bytes or flight.received_bytes == end - start:
            return
        block = BlockInObject(blocks.first + whole)
        events = self._note(self.scheduler.start_arrived(request.number, block, start_bytes))
        if events:
            assert events == (StartKept(request.number, block),)
            place = request.package, flight.manifest.block_number(blocks.object, block)
            assert place not in self.verified
            assert place not in self.arrived
            self.arrived[place] = {Span(0, start_bytes): request.endpoint}

    # What must hold

    def _note(self, events: Events) -> Events:
        """Each event is right at the moment when it is told, and told once."""
        for event in events:
            self._check_event(event)
        return events

    def _check_event(self, event: Event) -> None:
        match event:
            case RequestCancelled(number):
                assert not self.flights[number].is_cancelled, "each is told once"
                self.flights[number].is_cancelled = True
                self.flights[number].uses_connection = False
            case RequestShortened(number, end_block):
                assert end_block < self.flights[number].end
                self.flights[number].end = end_block
            case EndpointChanged(endpoint, change):
                self._check_change(endpoint, change)
            case ObjectRejected(package, index, str(culprit)):
                self.held[package, culprit].discard(index)
                self.last_rejected = package, index
            case BlockRejected(package, index, _, str(culprit)):
                if culprit in self.quarantined:
                    self.held[package, culprit].discard(index)
                self.last_rejected = package, index
            case SplitBlockDropped(package, blocks):
                self._drop_arrived(package, blocks)
            case PackageComplete(package):
                assert package not in self.complete
                assert not self._missing(package)
                assert not self._in_flight(package)
                self.complete.add(package)
            case PackageExhausted(package, missing, dropped):
                assert package not in self.exhausted
                assert missing == len(self._missing(package))
                assert set(dropped) == self.dropped
                assert self._is_exhausted(package)
                self.exhausted.add(package)
            case _:
                pass

    def _check_change(self, endpoint: str, change: EndpointChange) -> None:
        if change is EndpointChange.DROPPED:
            assert endpoint not in self.dropped
            self.dropped.add(endpoint)
        elif change is EndpointChange.QUARANTINED:
            assert endpoint not in self.quarantined
            self.quarantined.add(endpoint)
            package, index = self.last_rejected
            self.held[package, endpoint].discard(index)
        elif change is EndpointChange.RESUMED:
            self.dropped.discard(endpoint)
        elif change is EndpointChange.WHOLE_OBJECTS_ONLY:
            assert endpoint not in self.without_ranges
            self.without_ranges.add(endpoint)

    @invariant()
    def what_packages_come_to_is_told(self) -> None:
        if not hasattr(self, "has_begun"):
            return
        for package in self.manifests:
            if not self._missing(package) and not self._in_flight(package):
                assert package in self.complete
            elif self._is_exhausted(package) and not self._may_yet_come(package):
                assert package in self.exhausted

    def _may_yet_come(self, package: str) -> bool:
        """Whether something may come of a package though no endpoint serves it: not here."""
        return False

    def _finish_rest(self) -> None:
        """What is not a request comes to a good end: nothing here."""

    def _is_exhausted(self, package: str) -> bool:
        missing = self._missing(package)
        return (
            bool(missing)
            and not self._in_flight(package)
            and not any((package, endpoint) in self.unlocated for endpoint in self.endpoints)
            and not any(self._holders(package, number) for number in missing)
        )

    def teardown(self) -> None:
        """Whatever happened, from here on all goes well: then all that can be fetched is."""
        if not hasattr(self, "has_begun"):
            return
        for package, endpoint in sorted(self.unlocated):
            indices = range(len(self.manifests[package].objects))
            self._note_located(package, endpoint, {ObjectIndex(index) for index in indices})
        self.needed, self.maybe_needed = list(self.manifests), []
        self._note(self.scheduler.order(self.needed, (), set(self.manifests)))
        for _ in range(2000):
            self.wait(1.0)
            for number in sorted(self.flights):
                if not self.flights[number].is_cancelled:
                    self._receive(number, 1.0)
                self._judge(self.flights[number], good=True)
                self._close(number, None)
            self._finish_rest()
            if not self._ask_all() and not self.flights:
                self.wait(1000.0)
                if not self._ask_all():
                    break
        assert set(self.manifests) <= self.complete | self.exhausted
