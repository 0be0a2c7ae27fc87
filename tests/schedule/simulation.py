"""Plays a sequence of steps in virtual time: the real planner over a simulated network.

The simulation does what the engine does: it keeps as many ranges under way as the planner wants,
tells it what arrives, stops ranges that were shortened or lost a race, has blocks judged when they
are whole, and opens a step's gate when its package is complete. Along the way it checks what must
hold always.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from dlcore.errors import Fault
from dlcore.model import Manifest
from dlcore.schedule import Assignment, Need, Note, Planner, Policy, Terms
from tests.schedule.landing import Landed, Landing
from tests.schedule.network import CLOSED, Flow, Path, Terrain

Steps = list[tuple[Manifest | None, float]]
TICK_S = 0.1  # so often the engine looks at everything
FRESH_S = 0.02  # the planner knows at least what had arrived then
WATCHDOG_S = 15.0  # without a byte, a range fails
SLOW = 0.15  # of the others' rate is what a slow connection carries
RETRY_S, MAX_RETRIES = 15.0, 4
STALLS_S = (0.5, 30.0)


class Played(NamedTuple):
    """What came of it.

    Attributes:
        makespan_s: From the first step's start to the last one's end.
        content_bytes: Of all packages.
        arrived_bytes: Over the network.
        wasted_bytes: Of races and of ranges that were stopped.
        lost_bytes: Of ranges that broke, and of bad blocks.
        faults: How ranges failed.
        ranges: How many there were.
        notes: What the planner said of endpoints.
    """

    makespan_s: float
    content_bytes: int
    arrived_bytes: int
    wasted_bytes: int
    lost_bytes: int
    faults: Counter[Fault]
    ranges: int
    notes: list[Note]


class _Range(Flow):
    """A range under way."""

    __slots__ = (
        "assignment",
        "endpoint",
        "fault",
        "latest_s",
        "length_bytes",
        "seen_bytes",
        "stall_s",
        "stalls_at",
    )

    def __init__(self, assignment: Assignment, length_bytes: int, weight: float, now_s: float):
        super().__init__(weight)
        self.assignment = assignment
        self.endpoint = assignment.endpoint
        self.length_bytes = length_bytes  # what it carries, if it does not fail before
        self.seen_bytes = 0  # what the planner was told
        self.latest_s = now_s
        self.fault: Fault | None = None
        self.stalls_at = self.stall_s = 0.0


class Simulation:
    """One run of a sequence, each step with at most one package of its own."""

    def __init__(self, steps: Steps, terrains: dict[str, Terrain], chance: random.Random) -> None:
        self.planner = Planner(Policy())
        self._steps = steps
        self._step = -1
        self._is_waiting = False
        self._chance = chance
        self._now_s = 0.0
        self._paths = {endpoint: Path(terrain) for endpoint, terrain in terrains.items()}
        self._manifests = {str(n): m for n, (m, _) in enumerate(steps) if m}
        bad = {endpoint: terrain.bad for endpoint, terrain in terrains.items()}
        self._landing = Landing(self.planner, self._manifests, bad)
        self._ranges: dict[int, _Range] = {}
        self._at_work: Counter[str] = Counter()
        self._warm: Counter[str] = Counter()  # connections that are open and idle
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._played = Counter[str]()
        self._faults: Counter[Fault] = Counter()
        self._notes: list[Note] = []
        self._due: dict[str, float] = {}
        self._tick_s = self._told_s = 0.0
        for endpoint, terrain in terrains.items():
            self.planner.add_endpoint(endpoint, Terms(terrain.max_connections))
            for at_s, factor in terrain.changes:
                self._at(at_s, partial(self._change, endpoint, factor))
        for package, manifest in self._manifests.items():
            self.planner.want(package, manifest, bytes(manifest.first_blocks[-1]))
            for endpoint in terrains:
                self.planner.place(package, endpoint, frozenset(range(len(manifest.objects))))

    def play(self) -> Played:
        """Run all steps, each behind its gate."""
        self._next_step()
        while self._step < len(self._steps):
            if not self._events:
                self._try_again()
                continue
            self._now_s, _, event = heapq.heappop(self._events)
            assert self._now_s < 1e5, "it never ends"
            event()
        content_bytes = sum(m.content_bytes for m in self._manifests.values())
        return Played(
            self._now_s,
            content_bytes,
            self._played["arrived"],
            self.planner.wasted_bytes,
            self._landing.lost_bytes,
            self._faults,
            self._played["ranges"],
            self._notes,
        )

    def _try_again(self) -> None:
        """Nobody is left to ask: as the engine does, ask all of them again after a while."""
        package = str(self._step)
        assert self.planner.is_exhausted(package), "nothing is under way and nobody waits"
        assert self._played["retries"] < MAX_RETRIES, "nobody is left for good"
        self._played["retries"] += 1
        self._now_s += RETRY_S
        self.planner.revive()
        self._refill()

    # Time

    def _at(self, at_s: float, event: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (max(at_s, self._now_s), self._count, event))

    def _tick(self) -> None:
        """The engine's regular look at everything."""
        if self._tick_s > self._now_s:
            return
        self._tell_all()
        for item in list(self._ranges.values()):
            if self._now_s - item.latest_s >= WATCHDOG_S:
                item.fault = Fault.STALL
                self._end(item)
        self._refill()

    def _tell_all(self) -> None:
        self._told_s = self._now_s
        for item in list(self._ranges.values()):
            self._tell(item)

    def _refill(self) -> None:
        if self._now_s >= self._told_s + FRESH_S:
            self._tell_all()
        self._call_off()
        for endpoint in self._paths:
            wanted = self.planner.connections(endpoint, self._now_s)
            while self._at_work[endpoint] < wanted:
                assignment = self.planner.next_range(endpoint, self._now_s)
                if assignment is None:
                    break
                self._begin(assignment)
                self._call_off()
        self._notes += self.planner.notes()
        resume_s = [self.planner.resume_at_s(endpoint) for endpoint in self._paths]
        if self._tick_s <= self._now_s and (self._ranges or max(resume_s) > self._now_s):
            self._tick_s = self._now_s + TICK_S
            self._at(self._tick_s, self._tick)

    # Steps

    def _next_step(self) -> None:
        self._step += 1
        self._is_waiting = self._step < len(self._steps)
        self._review()

    def _review(self) -> None:
        """Open the gate if it can be opened; order what is still to come."""
        if not self._is_waiting:
            return
        manifest, run_s = self._steps[self._step]
        package = str(self._step)
        if not manifest or self.planner.is_complete(package):
            self._is_waiting = False
            self._at(self._now_s + run_s, self._next_step)
        order = [p for p in self._manifests if int(p) >= self._step]
        self.planner.order(order, (), {package} if self._is_waiting else ())
        self._stop_shortened()
        self._refill()

    def _call_off(self) -> None:
        """Ranges that nobody needs any more end."""
        for number in self.planner.superseded():
            if number in self._ranges:
                self._dismiss(self._ranges[number])

    # Ranges

    def _begin(self, assignment: Assignment) -> None:
        self._played["ranges"] += 1
        path, terrain = self._paths[assignment.endpoint], self._paths[assignment.endpoint].terrain
        manifest = self._manifests[assignment.package]
        start, end = assignment.strip or manifest.range_span(assignment.blocks)
        weight = SLOW if self._chance.random() < terrain.slow else 1.0
        item = _Range(assignment, end - start, weight, self._now_s)
        if self._chance.random() < terrain.breaks:
            item.fault = Fault.TRUNCATED
            item.length_bytes = int(item.length_bytes * self._chance.random())
        if self._chance.random() < terrain.stalls:
            item.stall_s = self._chance.uniform(*STALLS_S)
            item.stalls_at = item.length_bytes * self._chance.random()
        others = [(other.assignment, other.seen_bytes) for other in self._ranges.values()]
        self._landing.take_over(assignment, others)
        self._ranges[assignment.number] = item
        self._at_work[assignment.endpoint] += 1
        wait_s = terrain.round_trip_s
        if self._warm[assignment.endpoint]:
            self._warm[assignment.endpoint] -= 1
        else:
            wait_s += terrain.warm_up_s
        if path.is_closed:
            item.fault = Fault.CONNECT
            self._at(self._now_s + terrain.round_trip_s, partial(self._end, item))
        else:
            self._at(self._now_s + wait_s, partial(self._move, item))
        if not assignment.strip and not assignment.race:
            self._stop_shortened()

    def _move(self, item: _Range) -> None:
        """The range's bytes flow, up to its end or to where it stalls."""
        if item.assignment.number in self._ranges:
            path = self._paths[item.endpoint]
            path.go_on(self._now_s)
            path.move(item, item.stalls_at if item.stall_s else item.length_bytes)
            self._watch(item.endpoint)

    def _watch(self, endpoint: str) -> None:
        """Be there when the next flow of the path is where it was to get."""
        found = self._paths[endpoint].next_end()
        if found and self._due.get(endpoint) != found[0]:
            self._due[endpoint] = found[0]
            self._at(found[0], partial(self._arrive, endpoint, found[0]))

    def _arrive(self, endpoint: str, due_s: float) -> None:
        if self._due.get(endpoint) != due_s:
            return
        path = self._paths[endpoint]
        path.go_on(self._now_s)
        while (found := path.next_end()) and found[0] <= self._now_s + 1e-9:
            item = found[1]
            assert isinstance(item, _Range)
            if item.stall_s:
                path.stop(item)
                self._tell(item)
                self._at(self._now_s + item.stall_s, partial(self._move, item))
                item.stall_s = 0.0
            else:
                self._end(item)
        self._due.pop(endpoint, None)
        self._watch(endpoint)
        self._refill()

    def _tell(self, item: _Range) -> None:
        """The planner learns what has arrived."""
        path = self._paths[item.endpoint]
        path.go_on(self._now_s)
        arrived = min(item.length_bytes, round(path.carried_bytes(item)))
        if arrived > item.seen_bytes:
            item.latest_s = self._now_s
            self.planner.received(item.assignment, arrived - item.seen_bytes, self._now_s)
            self._played["arrived"] += arrived - item.seen_bytes
            item.seen_bytes = arrived

    def _stop_shortened(self) -> None:
        """Ranges whose end was given away end there."""
        for item in list(self._ranges.values()):
            assignment = item.assignment
            last = self.planner.last_block(assignment)
            if last < assignment.blocks.last:
                blocks = assignment.blocks._replace(last=last)
                length_bytes = 0
                if last > blocks.first:
                    start, end = self._manifests[assignment.package].range_span(blocks)
                    length_bytes = end - start
                self._tell(item)
                if item.seen_bytes >= length_bytes:
                    self._dismiss(item)
                elif item.length_bytes > length_bytes:
                    item.length_bytes = length_bytes
                    item.fault = None
                    if item.is_moving and not item.stall_s:
                        self._move(item)

    def _dismiss(self, item: _Range) -> None:
        self._tell(item)
        self._end(item, dismissed=True)

    def _end(self, item: _Range, *, dismissed: bool = False) -> None:
        assignment = item.assignment
        if self._ranges.pop(assignment.number, None) is None:
            return
        self._tell(item)
        path = self._paths[item.endpoint]
        path.stop(item)
        self._watch(item.endpoint)
        self._at_work[item.endpoint] -= 1
        is_short = self.planner.last_block(assignment) < assignment.blocks.last
        self._warm[item.endpoint] += not (dismissed or item.fault or is_short)
        landed = Landed(item.seen_bytes, bool(item.fault) and not dismissed, dismissed)
        self._landing.land(assignment, landed, self._now_s)
        if item.fault and not dismissed:
            self._faults[item.fault] += 1
        self.planner.range_ended(
            assignment,
            self._now_s,
            fault=None if dismissed else item.fault,
            jitter=self._chance.random(),
            dismissed=dismissed or (is_short and not item.fault),
        )
        self._review()

    # The network

    def _change(self, endpoint: str, factor: float) -> None:
        path = self._paths[endpoint]
        path.go_on(self._now_s)
        path.slow_to(factor)
        if factor == CLOSED:
            for item in [i for i in self._ranges.values() if i.endpoint == endpoint]:
                item.fault = Fault.TRUNCATED
                self._end(item)
        self._due.pop(endpoint, None)
        self._watch(endpoint)
        self._refill()


def needs_of(steps: Steps) -> list[Need]:
    return [Need(manifest.content_bytes if manifest else 0, run_s) for manifest, run_s in steps]
