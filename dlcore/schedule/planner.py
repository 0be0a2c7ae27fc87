"""The state machine that answers one question: which range should this connection fetch now?

Guarantees:

* The earliest-needed package is served first, with the whole link; later ones get what is left.
  While a step waits for a package, long ranges of others make way.
* Packages that perhaps nobody will need are served only when nothing else is missing or under way.
* A block is done only when its verifier said so. No byte is under way twice, except where a late
  range is raced, which wastes at most `Policy.waste` of what is wanted.
* What a failed range did not deliver is missing again at once.

A new order takes effect with the next range. A range is a run of blocks, or, where a connection is
slow, a strip of one block, which others fetch the rest of. Ranges become late with time: a
connection for which there was nothing asks again after `LOOK_S`.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

from dlcore.errors import Fault
from dlcore.model import BlockRange, Manifest
from dlcore.schedule.assignment import Assignment, Note, Strip
from dlcore.schedule.cutting import next_length
from dlcore.schedule.demand import STRIPS, Demand
from dlcore.schedule.flight import Flight
from dlcore.schedule.policy import Policy
from dlcore.schedule.race import Budget
from dlcore.schedule.rights import Rights
from dlcore.schedule.source import Source
from dlcore.schedule.strips import OpenBlock
from dlcore.schedule.tail import Tail
from dlcore.schedule.terms import Terms

OPEN_SHARE = 3 / 4  # of the memory for blocks made of strips; the rest are being verified


class Planner:
    """Demand and endpoints in, ranges out."""

    def __init__(self, policy: Policy | None = None) -> None:
        self._policy = policy or Policy()
        self._demands: dict[str, Demand] = {}
        self._sources: dict[str, Source] = {}
        self._flights: dict[int, Flight] = {}
        self._rights = Rights(self._policy, self._sources)
        self._budget = Budget(self._policy.waste)
        self._tail = Tail(self._policy, self._flights, self._sources, self._rights, self._budget)
        self._urgent: tuple[str, ...] = ()
        self._idle: tuple[str, ...] = ()
        self._candidates: list[Demand] | None = None
        self._superseded: list[int] = []
        self._next_number = 0
        self._now_s = 0.0

    @property
    def wasted_bytes(self) -> int:
        """Received and not used: of races lost and of ranges stopped."""
        return self._budget.wasted_bytes

    # What is wanted

    def want(self, package: str, manifest: Manifest, have: bytes | bytearray) -> None:
        """Add a package, with one byte per block that is non-zero where it is done already."""
        demand = self._demands[package] = Demand(package, manifest, have)
        self._budget.want(_missing_bytes(demand), manifest.block_bytes)
        self._candidates = None

    def forget(self, package: str) -> None:
        """The package is not wanted any more; none of its blocks is under way."""
        del self._demands[package]
        for source in self._sources.values():
            source.held.pop(package, None)
        self._candidates = None

    def order(
        self, urgent: Sequence[str], idle: Sequence[str] = (), waiting: Container[str] = ()
    ) -> None:
        """Set the deadline order; packages in neither list are not fetched for now.

        Args:
            urgent: Keys of packages that will be needed, earliest first.
            idle: Keys of packages that may be needed, earliest first.
            waiting: Keys of packages for which a step waits now.
        """
        self._urgent, self._idle = tuple(urgent), tuple(idle)
        self._rights.waiting = waiting
        self._candidates = None
        self._make_way()

    # Who has it

    def add_endpoint(self, endpoint: str, terms: Terms | int) -> None:
        """Add an endpoint; a number means that many connections at most."""
        if isinstance(terms, int):
            terms = Terms(terms)
        self._sources[endpoint] = Source(endpoint, self._policy, terms)
        self.set_terms(endpoint, terms)

    def set_terms(self, endpoint: str, terms: Terms) -> None:
        """From now on these terms hold."""
        self._sources[endpoint].terms = terms
        self._share_cap()

    def limit(self, cap_bps: float) -> None:
        """Set the bandwidth cap of all endpoints together; 0.0: none."""
        self._tail.cap_bps = cap_bps
        self._share_cap()

    def place(self, package: str, endpoint: str, held: frozenset[int]) -> None:
        """The endpoint holds these objects of the package."""
        self._sources[endpoint].held[package] = set(held)
        self._make_way()

    # Decisions

    def connections(self, endpoint: str, now_s: float) -> int:
        """How many connections should be at work now; 0 once the endpoint is dropped."""
        return self._sources[endpoint].connections(now_s)

    def next_range(self, endpoint: str, now_s: float) -> Assignment | None:
        """Decide what a free connection to ``endpoint`` fetches; None: nothing for now."""
        source = self._sources[endpoint]
        self._now_s = now_s
        if not source.is_askable(now_s):
            return None
        under_way: list[str] = []  # packages before the one at hand
        for demand in self._to_serve():
            if demand.missing or demand.open:
                assignment = self._rescue(source, under_way, idle=False)
                assignment = assignment or self._begin(source, demand)
                if assignment:
                    return assignment
            under_way.append(demand.package)
        return self._finish_open(source) or self._rescue(source, under_way, idle=True)

    def resume_at_s(self, endpoint: str) -> float:
        """The endpoint is not asked before this time."""
        return self._sources[endpoint].health.resume_at_s

    def dropped(self, endpoint: str) -> str:
        """Why the endpoint is not asked any more; empty while it is."""
        return self._sources[endpoint].health.dropped

    def last_block(self, assignment: Assignment) -> int:
        """Where a range is to end now: it shrinks when its end was given to another connection.

        Returns:
            Number in the object of the first block that it need not deliver any more.
        """
        flight = self._flights.get(assignment.number)
        return flight.last_block if flight else assignment.blocks.last

    def superseded(self) -> tuple[int, ...]:
        """Numbers of ranges whose bytes nobody needs any more; each is told once."""
        numbers, self._superseded = tuple(self._superseded), []
        return numbers

    def notes(self) -> tuple[Note, ...]:
        """What was decided about endpoints since it was last asked, and why."""
        return tuple(note for source in self._sources.values() for note in source.notes())

    # What happened

    def received(self, assignment: Assignment, count_bytes: int, now_s: float) -> None:
        """Bytes of a range arrived."""
        self._now_s = now_s
        flight = self._flights.get(assignment.number)
        if flight is None:
            return
        source = self._sources[assignment.endpoint]
        if flight.received(count_bytes, now_s):
            source.crew.answered(now_s - flight.began_s)
        source.crew.received(count_bytes, now_s)
        self._count_out(flight)
        if flight.rival:
            self._decide(flight, flight.rival)

    def strip_arrived(self, assignment: Assignment) -> bool:
        """All bytes of a strip are in its block's buffer.

        Returns:
            Whether the block is whole now: then it is to be verified, and `blocks_done` or
            `block_bad` told with this assignment.
        """
        opened = self._open_block(assignment)
        if opened is None or assignment.strip is None:
            return False
        losers = opened.arrived(assignment.strip, assignment.number, assignment.endpoint)
        if losers is None:  # it was superseded itself
            return False
        self._supersede(losers, assignment.blocks)
        return opened.is_whole

    def blocks_done(self, assignment: Assignment, blocks: BlockRange) -> None:
        """Blocks of a range were verified and written."""
        demand = self._demands[assignment.package]
        losers = demand.done(_owner(assignment), blocks)
        if losers:
            self._supersede(losers, blocks)
        if demand.is_complete:
            self._candidates = None

    def block_bad(self, assignment: Assignment, block: int, now_s: float) -> str:
        """A block of a range did not match its digest: it is missing again.

        Returns:
            The endpoint that is blamed; empty if the block was put together from several: then it
            is fetched again whole, from one.
        """
        demand, culprit = self._demands[assignment.package], assignment.endpoint
        opened = self._open_block(assignment)
        if opened and opened.served_by != {culprit}:
            culprit = ""
        demand.bad(_owner(assignment), assignment.blocks.object, block, culprit)
        if culprit:
            self._sources[culprit].health.failed(Fault.CORRUPT, now_s, None, 0.0)
        return culprit

    def object_bad(self, assignment: Assignment, now_s: float) -> tuple[str, int]:
        """A whole object without block digests did not match: all of it is missing again.

        Whose bytes were wrong cannot be told if several endpoints served it. From now on one at a
        time does, and is blamed if that fails.

        Returns:
            Who is blamed, empty if nobody is; and the bytes that were done and are missing again.
        """
        culprit, undone_bytes = self._demands[assignment.package].undo(assignment.blocks.object)
        self._candidates = None
        if culprit:
            self._sources[culprit].health.failed(Fault.CORRUPT, now_s, None, 0.0)
        return culprit, undone_bytes

    def range_ended(
        self,
        assignment: Assignment,
        now_s: float,
        *,
        fault: Fault | None = None,
        retry_after_s: float | None = None,
        jitter: float = 0.0,
        dismissed: bool = False,
    ) -> None:
        """A range came to its end; what was not done of it is missing again.

        Args:
            assignment: The range.
            now_s: The time.
            fault: What went wrong; None if all bytes arrived.
            retry_after_s: Seconds the endpoint asked to wait, if it did.
            jitter: In ``[0, 1)``.
            dismissed: It was stopped because of `last_block` or `superseded`, which says nothing
                about its endpoint.
        """
        self._now_s = now_s
        flight = self._flights.pop(assignment.number, None)
        if flight is None:
            return
        source = self._sources[assignment.endpoint]
        self._count_out(flight, has_ended=True)
        self._budget.ended(assignment.number, flight.surplus_bytes)
        if assignment.strip is None:
            flight.demand.give_back(assignment.number, assignment.blocks)
        elif opened := self._open_block(assignment):
            opened.failed(assignment.strip, assignment.number)
        if fault is Fault.NOT_FOUND:
            source.held.get(assignment.package, set()).discard(assignment.blocks.object)
        if dismissed:
            source.dismissed(assignment.number)
        else:
            source.ended(assignment.number, fault, now_s, retry_after_s, jitter)

    def revive(self) -> None:
        """Begin a retry: dropped endpoints are asked again, except quarantined ones."""
        for source in self._sources.values():
            source.health.revive()

    # Answers

    def is_complete(self, package: str) -> bool:
        """Whether every block of the package is done."""
        return self._demands[package].is_complete

    def is_exhausted(self, package: str) -> bool:
        """Whether blocks are missing, none is under way, and nobody is left to ask for any."""
        demand = self._demands[package]
        return (
            not demand.is_complete
            and demand.is_at_rest
            and not demand.is_servable(lambda index: self._rights.is_held(package, index))
        )

    def missing_blocks(self, package: str) -> int:
        """Number of blocks not done yet."""
        return self._demands[package].unfinished

    # Taking what is missing

    def _to_serve(self) -> list[Demand]:
        """The packages to serve, in order."""
        if self._candidates is None:
            self._candidates = self._unfinished(self._urgent) or self._unfinished(self._idle)
        return self._candidates

    def _unfinished(self, packages: Iterable[str]) -> list[Demand]:
        demands = [self._demands[package] for package in packages if package in self._demands]
        return [demand for demand in demands if not demand.is_complete]

    def _begin(self, source: Source, demand: Demand) -> Assignment | None:
        """The next strip of an open block, or the next missing blocks of a package."""
        length_bytes = self._length_bytes(source, demand)
        for opened in demand.open.values():
            if opened.has_rest and self._continues(source, demand, opened):
                return self._cut(source, demand, opened, length_bytes)
        if not demand.missing:
            return None
        is_divided = length_bytes < demand.manifest.block_bytes
        if is_divided and self._is_full(demand.manifest.block_bytes):
            return None
        return self._take(source, demand, length_bytes, is_divided)

    def _take(
        self, source: Source, demand: Demand, length_bytes: int, is_divided: bool
    ) -> Assignment | None:
        blocks = demand.take(
            self._next_number,
            lambda index: self._rights.may_serve(source, demand, index, self._now_s),
            lambda number: self._rights.avoids(source, demand, number),
            max(1, length_bytes // demand.manifest.block_bytes),
        )
        if blocks is None:
            return None
        number = demand.manifest.block_number(blocks.object, blocks.first)
        if blocks.object in demand.alone:
            demand.alone[blocks.object] = source.name
        elif is_divided and number not in demand.served_bad:
            start, end = demand.manifest.range_span(blocks)
            if length_bytes < end - start:
                opened = demand.open_up(self._next_number, blocks, source.name)
                return self._cut(source, demand, opened, length_bytes)
        return self._assign(source, demand, blocks)

    def _cut(
        self, source: Source, demand: Demand, opened: OpenBlock, length_bytes: int
    ) -> Assignment:
        opened.endpoint = source.name
        blocks = BlockRange(opened.object_index, opened.block, opened.block + 1)
        strip = opened.cut(length_bytes, self._next_number)
        return self._assign(source, demand, blocks, strip)

    def _continues(self, source: Source, demand: Demand, opened: OpenBlock) -> bool:
        """Whether an open block is this endpoint's to go on with."""
        if not self._rights.may_serve(source, demand, opened.object_index, self._now_s):
            return False
        server = self._sources[opened.endpoint]
        return server is source or not (
            server.is_askable(self._now_s) and server.holds(demand.package, opened.object_index)
        )

    def _finish_open(self, source: Source) -> Assignment | None:
        """Nothing else can be begun: go on with whatever block is open, whoever serves it."""
        for demand in self._demands.values():
            for opened in demand.open.values():
                if opened.has_rest and self._rights.may_serve(
                    source, demand, opened.object_index, self._now_s
                ):
                    length_bytes = self._length_bytes(source, demand)
                    return self._cut(source, demand, opened, length_bytes)
        return None

    def _is_full(self, block_bytes: int) -> bool:
        """Whether no more blocks may be opened; one always may."""
        most = max(1, int(self._policy.memory_bytes * OPEN_SHARE) // block_bytes)
        return sum(len(demand.open) for demand in self._demands.values()) >= most

    def _length_bytes(self, source: Source, demand: Demand) -> int:
        block_bytes = demand.manifest.block_bytes
        is_awaited = demand.package in self._rights.waiting
        left = [demand] if is_awaited else self._to_serve()
        left_bytes = sum(other.missing * other.manifest.block_bytes for other in left)
        return next_length(
            self._policy,
            source,
            self._sources.values(),
            block_bytes,
            left_bytes,
            self._tail.cap_bps,
        )

    # Ranges under way

    def _assign(
        self,
        source: Source,
        demand: Demand,
        blocks: BlockRange,
        strip: Strip | None = None,
        race: bool = False,
    ) -> Assignment:
        number = self._next_number
        self._next_number += 1
        assignment = Assignment(number, demand.package, source.name, blocks, strip, race)
        self._flights[number] = Flight(assignment, demand, self._now_s)
        source.asked(number, self._now_s)
        return assignment

    def _rescue(self, source: Source, packages: Sequence[str], *, idle: bool) -> Assignment | None:
        """Help the latest range of these packages, if that is worth it."""
        found = self._tail.latest(source, packages, self._now_s, idle=idle)
        if found is None:
            return None
        flight, blocks, is_race, is_stalled, stake_bytes = found
        demand, old = flight.demand, flight.assignment
        if not is_race and old.strip:
            return self._take_strip(source, flight, old.strip)
        if not is_race:
            demand.hand_over(old.number, self._next_number, blocks)
            flight.shorten(blocks.first)
            self._count_out(flight)
            return self._assign(source, demand, blocks)
        self._budget.began(self._next_number, stake_bytes)
        if old.strip is None:
            demand.race(self._next_number, blocks)
        elif opened := self._open_block(old):
            opened.race(old.strip, self._next_number)
        assignment = self._assign(source, demand, blocks, old.strip, race=True)
        if is_stalled:
            flight.rival = self._flights[assignment.number]
        return assignment

    def _take_strip(self, source: Source, flight: Flight, strip: Strip) -> Assignment | None:
        """The rest of a strip that does not move any more is another connection's."""
        old, opened = flight.assignment, self._open_block(flight.assignment)
        if opened is None:
            return None
        arrived_bytes = flight.received_bytes
        rest, losers = opened.take_over(strip, arrived_bytes, old.endpoint, self._next_number)
        self._supersede(losers, old.blocks)
        flight.length_bytes = arrived_bytes
        return self._assign(source, flight.demand, old.blocks, rest)

    def _decide(self, flight: Flight, rival: Flight) -> None:
        """A range that had stalled moves again: who has more to go leaves the rest to the other.

        So the race wastes no more than what had arrived when it began.
        """
        flight.rival = None
        if rival.is_at_work and flight.is_at_work:
            slower = flight if flight.rest_bytes > rival.rest_bytes else rival
            self._supersede([slower.assignment.number], flight.rest)

    def _make_way(self) -> None:
        """While a step waits, long ranges of other packages end as soon as they can."""
        waiting = self._rights.waiting
        if not any(d.missing for d in self._to_serve() if d.package in waiting):
            return
        for flight in self._tail.in_the_way(self._now_s):
            blocks = flight.rest._replace(first=self._tail.kept_until(flight, self._now_s))
            if blocks.first < blocks.last:
                flight.demand.give_back(flight.assignment.number, blocks)
                flight.shorten(blocks.first)
                self._count_out(flight)

    def _supersede(self, numbers: Iterable[int], blocks: BlockRange) -> None:
        """Nobody needs what these ranges have to deliver from the raced block on."""
        for number in numbers:
            flight = self._flights.get(number)
            if flight:
                flight.shorten(blocks.first)
                self._count_out(flight)
                self._superseded.append(number)

    def _count_out(self, flight: Flight, *, has_ended: bool = False) -> None:
        """A connection is free again as soon as the last byte that it is to deliver is there."""
        if flight.is_at_work and (has_ended or not flight.rest_bytes):
            flight.is_at_work = False
            self._sources[flight.assignment.endpoint].at_work -= 1

    def _open_block(self, assignment: Assignment) -> OpenBlock | None:
        if assignment.strip is None or assignment.package not in self._demands:
            return None
        demand = self._demands[assignment.package]
        number = demand.manifest.block_number(assignment.blocks.object, assignment.blocks.first)
        return demand.open.get(number)

    def _share_cap(self) -> None:
        total = self._tail.cap_bps
        for source in self._sources.values():
            caps = [cap for cap in (total, source.terms.cap_bps) if cap]
            source.crew.limit(source.terms.most_connections, min(caps, default=0.0))


def _owner(assignment: Assignment) -> int:
    return STRIPS if assignment.strip else assignment.number


def _missing_bytes(demand: Demand) -> int:
    """How much is missing; about, if something is there already."""
    count = demand.manifest.first_blocks[-1]
    return demand.manifest.content_bytes * demand.missing // max(1, count)
