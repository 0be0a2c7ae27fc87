"""A planner with one package and some endpoints, and short ways to say what happens to it."""

from __future__ import annotations

from collections import Counter

from dlcore.errors import Fault
from dlcore.model import Manifest
from dlcore.schedule import Assignment, Planner, Policy, Terms
from tests.schedule.packages import shape

MIB = 1 << 20


class Scene:
    """Packages are wanted in the order in which they are given.

    Args:
        packages: Key -> blocks of its only object.
        endpoints: Name -> cost; each holds everything.
        policy: The planner's.
        block_bytes: Of every package.
    """

    def __init__(
        self,
        packages: dict[str, int],
        endpoints: dict[str, int],
        policy: Policy | None = None,
        *,
        block_bytes: int = MIB,
    ) -> None:
        self.planner = Planner(policy)
        self.now_s = 0.0
        self.received: Counter[int] = Counter()
        self.manifests: dict[str, Manifest] = {}
        for endpoint, cost in endpoints.items():
            self.planner.add_endpoint(endpoint, Terms(cost=cost))
        for package, count in packages.items():
            self.manifests[package] = shape([count], block_bytes=block_bytes)
            self.planner.want(package, self.manifests[package], bytes(count))
            for endpoint in endpoints:
                self.planner.place(package, endpoint, frozenset([0]))
        self.planner.order(list(packages))

    def ask(self, endpoint: str = "e") -> Assignment:
        """The next range of an endpoint; there must be one."""
        assignment = self.planner.next_range(endpoint, self.now_s)
        assert assignment
        return assignment

    def has_none(self, endpoint: str = "e") -> bool:
        """Whether there is nothing for an endpoint."""
        return self.planner.next_range(endpoint, self.now_s) is None

    def length_bytes(self, assignment: Assignment) -> int:
        """What a range is to deliver now."""
        if assignment.strip:
            return assignment.strip.end - assignment.strip.start
        blocks = assignment.blocks._replace(last=self.planner.last_block(assignment))
        start, end = self.manifests[assignment.package].range_span(blocks)
        return end - start

    def receive(self, assignment: Assignment, share: float, seconds: float = 0.0) -> None:
        """So much of a range arrives, evenly within so many seconds."""
        count_bytes = int(self.length_bytes(assignment) * share)
        for part in range(10):
            self.now_s += seconds / 10
            self.planner.connections(assignment.endpoint, self.now_s)
            part_bytes = count_bytes * (part + 1) // 10 - count_bytes * part // 10
            self.planner.received(assignment, part_bytes, self.now_s)
        self.received[assignment.number] += count_bytes

    def deliver(self, assignment: Assignment, seconds: float = 0.0) -> None:
        """The rest of a range arrives, is verified and done."""
        length_bytes = self.length_bytes(assignment)
        self.receive(assignment, 1 - self.received[assignment.number] / length_bytes, seconds)
        last = self.planner.last_block(assignment)
        if not assignment.strip or self.planner.strip_arrived(assignment):
            self.planner.blocks_done(assignment, assignment.blocks._replace(last=last))
        self.end(assignment)

    def end(self, assignment: Assignment, fault: Fault | None = None, jitter: float = 0.5) -> None:
        """A range comes to its end."""
        self.planner.range_ended(assignment, self.now_s, fault=fault, jitter=jitter)

    def warm_up(self, endpoint: str, rate_bytes_per_s: float, ranges: int = 6) -> None:
        """An endpoint delivers some ranges at that rate of a connection."""
        for _ in range(ranges):
            assignment = self.ask(endpoint)
            self.deliver(assignment, self.length_bytes(assignment) / rate_bytes_per_s)

    def whats(self) -> list[tuple[str, str]]:
        """What was decided about endpoints since it was last asked."""
        return [(note.endpoint, note.what) for note in self.planner.notes()]
