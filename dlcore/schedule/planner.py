"""The state machine that answers one question: which range should this connection fetch now?

Guarantees:

* The earliest-needed package is served first, with the whole link; later ones get what is left.
* Packages that perhaps nobody will need are served only when nothing else is missing or under way.
* A block is under way at most once, and is done only when its verifier said so.
* What a failed range did not deliver is missing again at once.

A new order takes effect with the next range. Towards the end of a package ranges get shorter, so
that its last bytes do not wait for one slow connection.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from dlcore.errors import Fault
from dlcore.model import BlockRange, Manifest
from dlcore.schedule.assignment import Assignment, Note
from dlcore.schedule.demand import Demand
from dlcore.schedule.health import Health, Policy
from dlcore.schedule.terms import Terms


class _Source:
    """One endpoint as the planner sees it."""

    def __init__(self, policy: Policy, terms: Terms) -> None:
        self.health = Health(policy)
        self.terms = terms
        self.held: dict[str, set[int]] = {}
        self.news_from = 0  # ranges with lower numbers were asked before its last news

    def holds(self, package: str, object_index: int) -> bool:
        return not self.health.dropped and object_index in self.held.get(package, ())


class Planner:
    """Demand and endpoints in, ranges out.

    Attributes:
        wasted_bytes: Received and not used: of races lost and of ranges stopped.
    """

    def __init__(self, policy: Policy | None = None) -> None:
        self._policy = policy or Policy()
        self._demands: dict[str, Demand] = {}
        self._sources: dict[str, _Source] = {}
        self._urgent: tuple[str, ...] = ()
        self._idle: tuple[str, ...] = ()
        self._next_number = 0
        self.wasted_bytes = 0

    # What is wanted

    def want(self, package: str, manifest: Manifest, have: bytes | bytearray) -> None:
        """Add a package, with one byte per block that is non-zero where it is done already."""
        self._demands[package] = Demand(manifest, have)

    def forget(self, package: str) -> None:
        """The package is not wanted any more; none of its blocks is under way."""
        del self._demands[package]
        for source in self._sources.values():
            source.held.pop(package, None)

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

    # Who has it

    def add_endpoint(self, endpoint: str, terms: Terms | int) -> None:
        """Add an endpoint; a number means that many connections at most."""
        if isinstance(terms, int):
            terms = Terms(terms)
        self._sources[endpoint] = _Source(self._policy, terms)

    def set_terms(self, endpoint: str, terms: Terms) -> None:
        """From now on these terms hold."""
        self._sources[endpoint].terms = terms

    def place(self, package: str, endpoint: str, held: frozenset[int]) -> None:
        """The endpoint holds these objects of the package."""
        self._sources[endpoint].held[package] = set(held)

    # Decisions

    def connections(self, endpoint: str, now_s: float) -> int:
        """How many connections should be at work now; 0 once the endpoint is dropped."""
        source = self._sources[endpoint]
        return 0 if source.health.dropped else source.terms.most_connections

    def next_range(self, endpoint: str, now_s: float) -> Assignment | None:
        """Decide what a free connection to ``endpoint`` fetches; None: nothing for now."""
        source = self._sources[endpoint]
        if source.health.dropped or now_s < source.health.resume_at_s:
            return None
        for package in self._candidates():
            blocks = self._take(package, endpoint, source)
            if blocks:
                self._next_number += 1
                return Assignment(self._next_number - 1, package, endpoint, blocks)
        return None

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
        return assignment.blocks.last

    def superseded(self) -> tuple[int, ...]:
        """Numbers of ranges whose bytes nobody needs any more; each is told once."""
        return ()

    def notes(self) -> tuple[Note, ...]:
        """What was decided about endpoints since it was last asked, and why."""
        return ()

    # What happened

    def received(self, assignment: Assignment, count_bytes: int, now_s: float) -> None:
        """Bytes of a range arrived."""

    def strip_arrived(self, assignment: Assignment) -> bool:
        """All bytes of a strip are in its block's buffer.

        Returns:
            Whether the block is whole now: then it is to be verified, and `blocks_done` or
            `block_bad` told with this assignment.
        """
        return True

    def blocks_done(self, assignment: Assignment, blocks: BlockRange) -> None:
        """Blocks of a range were verified and written."""
        self._demands[assignment.package].done(assignment.number, blocks)

    def block_bad(self, assignment: Assignment, block: int, now_s: float) -> None:
        """A block of a range did not match its digest: its endpoint is blamed."""
        demand, endpoint = self._demands[assignment.package], assignment.endpoint
        demand.bad(assignment.number, assignment.blocks.object, block, endpoint)
        self._sources[endpoint].health.failed(Fault.CORRUPT, now_s, None, 0.0)

    def object_bad(self, assignment: Assignment, now_s: float) -> tuple[str, int]:
        """A whole object without block digests did not match: all of it is missing again.

        Whose bytes were wrong cannot be told if several endpoints served it. From now on one at a
        time does, and is blamed if that fails.

        Returns:
            Who is blamed, empty if nobody is; and the bytes that were done and are missing again.
        """
        culprit, undone_bytes = self._demands[assignment.package].undo(assignment.blocks.object)
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

        Ranges that were under way when their endpoint failed say nothing new when they fail too:
        they are one failure, however many connections there are.

        Args:
            assignment: The range.
            now_s: The time.
            fault: What went wrong; None if all bytes arrived.
            retry_after_s: Seconds the endpoint asked to wait, if it did.
            jitter: In ``[0, 1)``.
            dismissed: It was stopped because of `last_block` or `superseded`, which says nothing
                about its endpoint.
        """
        self._demands[assignment.package].give_back(assignment.number, assignment.blocks)
        source = self._sources[assignment.endpoint]
        if dismissed:
            return
        if fault is None:
            source.health.succeeded()
            return
        if fault is Fault.NOT_FOUND:
            source.held[assignment.package].discard(assignment.blocks.object)
            return
        is_news = assignment.number >= source.news_from
        if is_news:
            source.news_from = self._next_number
        source.health.failed(fault, now_s, retry_after_s, jitter, is_news=is_news)

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
        return bool(demand.missing and not demand.flying) and not demand.is_servable(
            lambda index: any(s.holds(package, index) for s in self._sources.values())
        )

    def missing_blocks(self, package: str) -> int:
        """Number of blocks not done yet."""
        demand = self._demands[package]
        return demand.missing + demand.flying

    def _candidates(self) -> tuple[str, ...]:
        """The packages to serve, in order."""
        wanted = [self._demands[p] for p in self._urgent if p in self._demands]
        if all(demand.is_complete for demand in wanted):
            return tuple(p for p in self._idle if p in self._demands)
        return tuple(p for p in self._urgent if p in self._demands)

    def _take(self, package: str, endpoint: str, source: _Source) -> BlockRange | None:
        demand = self._demands[package]
        if not demand.missing:
            return None
        blocks = demand.take(
            self._next_number,
            lambda index: (
                source.holds(package, index) and self._is_its_turn(package, demand, endpoint, index)
            ),
            lambda number: self._leaves_to_others(
                package,
                demand.manifest.locate_block(number)[0],
                endpoint,
                demand.served_bad[number],
            ),
            self._most_blocks(demand),
        )
        if blocks and blocks.object in demand.alone:
            demand.alone[blocks.object] = endpoint
        return blocks

    def _is_its_turn(self, package: str, demand: Demand, endpoint: str, index: int) -> bool:
        """Whether ``endpoint`` may serve an object that only one at a time may."""
        alone = demand.alone.get(index, endpoint)
        if alone and self._sources[alone].holds(package, index):
            return alone == endpoint
        culprits = demand.failed_alone.get(index, set())
        return not self._leaves_to_others(package, index, endpoint, culprits)

    def _leaves_to_others(
        self, package: str, index: int, endpoint: str, culprits: Container[str]
    ) -> bool:
        """Whether ``endpoint`` served the object's bytes wrong and somebody else has not yet."""
        return endpoint in culprits and any(
            name not in culprits and source.holds(package, index)
            for name, source in self._sources.items()
        )

    def _most_blocks(self, demand: Demand) -> int:
        """The longest range now: a full one, or a fair share of what is left of the package."""
        full = max(1, self._policy.range_bytes // demand.manifest.block_bytes)
        connections = sum(
            s.terms.most_connections for s in self._sources.values() if not s.health.dropped
        )
        return max(1, min(full, demand.missing // (2 * max(1, connections))))
