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
from dlcore.schedule.assignment import Assignment, Note
from dlcore.schedule.cutting import next_length
from dlcore.schedule.demand import STRIPS, Demand
from dlcore.schedule.policy import Policy
from dlcore.schedule.race import Budget
from dlcore.schedule.rights import Rights
from dlcore.schedule.source import Source
from dlcore.schedule.tail import Tail
from dlcore.schedule.taking import Taking
from dlcore.schedule.terms import Terms
from dlcore.schedule.under_way import UnderWay, open_block

LEFT_BYTES = 1 << 62  # short work is not told apart: more may be wanted at any time


class Planner:
    """Demand and endpoints in, ranges out."""

    def __init__(self, policy: Policy | None = None) -> None:
        self._policy = policy or Policy()
        self._demands: dict[str, Demand] = {}
        self._sources: dict[str, Source] = {}
        self._cap_bytes_per_s = 0.0
        self._rights = Rights(self._policy, self._sources)
        self._budget = Budget(self._policy.waste)
        self._under_way = UnderWay(self._sources, self._budget)
        self._taking = Taking(
            self._policy, self._demands, self._sources, self._rights, self._under_way
        )
        self._tail = Tail(self._policy, self._under_way, self._sources, self._rights, self._budget)
        self._urgent: tuple[str, ...] = ()
        self._idle: tuple[str, ...] = ()
        self._candidates: list[Demand] | None = None
        self._now_s = 0.0

    @property
    def wasted_bytes(self) -> int:
        """Received and not used: of races lost and of ranges stopped."""
        return self._budget.wasted_bytes

    # What is wanted

    def want(self, package: str, manifest: Manifest, have: bytes | bytearray) -> None:
        """Add a package, with one byte per block that is non-zero where it is done already."""
        demand = self._demands[package] = Demand(package, manifest, have)
        self._budget.want(demand.missing_bytes, manifest.block_bytes)
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

    def add_endpoint(self, endpoint: str, terms: Terms) -> None:
        """Add an endpoint that is asked on these terms."""
        self._sources[endpoint] = Source(endpoint, self._policy, terms)
        self._share_cap()

    def set_terms(self, endpoint: str, terms: Terms) -> None:
        """From now on these terms hold."""
        self._sources[endpoint].terms = terms
        self._share_cap()

    def limit(self, cap_bytes_per_s: float) -> None:
        """Set the bandwidth cap of all endpoints together; 0.0: none."""
        self._cap_bytes_per_s = self._tail.cap_bytes_per_s = cap_bytes_per_s
        self._share_cap()

    def place(self, package: str, endpoint: str, held: frozenset[int]) -> None:
        """The endpoint holds these objects of the package."""
        self._sources[endpoint].held[package] = set(held)
        self._make_way()

    # Decisions

    def connections(self, endpoint: str, now_s: float) -> int:
        """How many connections should be at work now; 0 once the endpoint is dropped."""
        source = self._sources[endpoint]
        source.listen(now_s, self._tail.patience_s(source))
        return source.connections(now_s, LEFT_BYTES)

    def next_range(self, endpoint: str, now_s: float) -> Assignment | None:
        """Decide what a free connection to ``endpoint`` fetches; None: nothing for now."""
        source = self._sources[endpoint]
        self._now_s = now_s
        if not source.is_askable(now_s):
            return None
        before: list[str] = []  # packages of which nothing is left for this endpoint
        for demand in self._to_serve():
            if demand.missing or demand.open:
                assignment = self._tail.help(source, before, now_s, idle=False)
                assignment = assignment or self._take(source, demand)
                if assignment:
                    return assignment
                if self._taking.is_short:
                    break
            before.append(demand.package)
        for demand in self._demands.values():
            if demand.open:
                length_bytes = self._length_bytes(source, demand)
                assignment = self._taking.finish(source, demand, length_bytes, now_s)
                if assignment:
                    return assignment
        return self._tail.help(source, before, now_s, idle=True)

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
        flight = self._under_way.flights.get(assignment.number)
        return flight.last_block if flight else assignment.blocks.last

    def superseded(self) -> tuple[int, ...]:
        """Numbers of ranges whose bytes nobody needs any more; each is told once."""
        return self._under_way.superseded()

    def notes(self) -> tuple[Note, ...]:
        """What was decided about endpoints since it was last asked, and why."""
        return tuple(note for source in self._sources.values() for note in source.notes())

    # What happened

    def received(self, assignment: Assignment, count_bytes: int, now_s: float) -> None:
        """Bytes of a range arrived; none: its answer began, and bytes will be handed over later."""
        self._now_s = now_s
        self._under_way.received(assignment.number, count_bytes, now_s)

    def strip_arrived(self, assignment: Assignment) -> bool:
        """All bytes of a strip are in its block's buffer.

        Returns:
            Whether the block is whole now: then it is to be verified, and `blocks_done` or
            `block_bad` told with this assignment.
        """
        opened = open_block(self._demands[assignment.package], assignment)
        if opened is None or assignment.strip is None:
            return False
        counts = opened.arrived(assignment.strip, assignment.number, assignment.endpoint)
        return counts and opened.is_whole

    def keep_start(self, assignment: Assignment, block: int, arrived_bytes: int) -> bool:
        """A range that was not for a strip ends within a block, and is about to be told ended.

        Args:
            assignment: The range.
            block: Number of the block in the object.
            arrived_bytes: Of its start; at least one, and not all.

        Returns:
            Whether they count: then they are to be in the block's buffer, as a strip would be.
        """
        return self._under_way.keep_start(assignment, block, arrived_bytes)

    def blocks_done(self, assignment: Assignment, blocks: BlockRange) -> None:
        """Blocks of a range were verified and written."""
        demand = self._demands[assignment.package]
        losers = demand.done(_owner(assignment), blocks)
        if losers:
            self._under_way.supersede(losers, blocks)
        if demand.is_complete:
            self._candidates = None

    def block_bad(self, assignment: Assignment, block: int, now_s: float) -> str:
        """A block of a range did not match its digest: it is missing again.

        Returns:
            The endpoint that is blamed; empty if the block was put together from several: then it
            is fetched again whole, from one.
        """
        demand, culprit = self._demands[assignment.package], assignment.endpoint
        opened = open_block(demand, assignment) if assignment.strip else None
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
        if not self._under_way.end(assignment):
            return
        source = self._sources[assignment.endpoint]
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

    def _take(self, source: Source, demand: Demand) -> Assignment | None:
        length_bytes = self._length_bytes(source, demand)
        return self._taking.take(source, demand, length_bytes, self._now_s)

    def _length_bytes(self, source: Source, demand: Demand) -> int:
        block_bytes = demand.manifest.block_bytes
        is_awaited = demand.package in self._rights.waiting
        left = [demand] if is_awaited else self._to_serve()
        left_bytes = sum(other.missing_bytes for other in left)
        return next_length(
            self._policy,
            source,
            self._sources.values(),
            block_bytes,
            left_bytes,
            self._cap_bytes_per_s,
        )

    def _make_way(self) -> None:
        """While a step waits, long ranges of other packages end as soon as they can."""
        waiting = self._rights.waiting
        if any(d.missing for d in self._to_serve() if d.package in waiting):
            self._tail.make_way(self._now_s)

    def _share_cap(self) -> None:
        total = self._cap_bytes_per_s
        for source in self._sources.values():
            caps = [cap for cap in (total, source.terms.cap_bytes_per_s) if cap]
            source.limit.configure(source.terms.max_connections, min(caps, default=0.0))


def _owner(assignment: Assignment) -> int:
    return STRIPS if assignment.strip else assignment.number
