"""Plays a sequence of steps in virtual time: the real scheduler over a simulated network.

The simulation does what the engine does: it begins as many requests as the scheduler gives out,
tells it what arrives, stops requests that were shortened or cancelled, has blocks judged when they
are whole, and opens a step's gate when its package is complete. Along the way it checks what must
always hold.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from dlcore.errors import Fault
from dlcore.model import BlockInObject, Manifest, ObjectIndex
from dlcore.schedule import (
    DeadlineScheduler,
    EndpointChanged,
    Events,
    PackageComplete,
    PackageExhausted,
    Policy,
    Request,
    RequestCancelled,
    RequestNumber,
    RequestShortened,
    StepLoad,
    Terms,
)
from tests.schedule.landing import Landed, Landing
from tests.schedule.network import CLOSED, Flow, Path, Terrain

Steps = list[tuple[Manifest | None, float]]
TICK_S = 0.1  # so often the engine looks at everything
FRESH_S = 0.02  # the scheduler knows at least what had arrived then
WATCHDOG_S = 15.0  # without a byte, a request fails
PLENTY_BYTES = 1 << 40  # of free memory
SLOW = 0.15  # of the others' rate is what a slow connection carries
RETRY_S, MAX_RETRIES = 15.0, 4
STALLS_S = (0.5, 30.0)


class Played(NamedTuple):
    """What came of it.

    Attributes:
        makespan_s: From the first step's start to the last one's end.
        content_bytes: Of all packages.
        arrived_bytes: Over the network.
        wasted_bytes: Of races and of requests that were cancelled.
        lost_bytes: Of requests that broke, and of bad blocks.
        faults: How requests failed.
        requests: How many there were.
        changes: What the scheduler said of endpoints.
    """

    makespan_s: float
    content_bytes: int
    arrived_bytes: int
    wasted_bytes: int
    lost_bytes: int
    faults: Counter[Fault]
    requests: int
    changes: list[EndpointChanged]


class _InFlight(Flow):
    """A request in flight."""

    __slots__ = (
        "endpoint",
        "fault",
        "latest_s",
        "length_bytes",
        "request",
        "seen_bytes",
        "stall_s",
        "stalls_at",
    )

    def __init__(self, request: Request, length_bytes: int, weight: float, now_s: float):
        super().__init__(weight)
        self.request = request
        self.endpoint = request.endpoint
        self.length_bytes = length_bytes  # what it carries, if it does not fail before
        self.seen_bytes = 0  # what the scheduler was told
        self.latest_s = now_s
        self.fault: Fault | None = None
        self.stalls_at = self.stall_s = 0.0


class Simulation:
    """One run of a sequence, each step with at most one package of its own."""

    def __init__(self, steps: Steps, terrains: dict[str, Terrain], chance: random.Random) -> None:
        self.scheduler = DeadlineScheduler(
            {name: Terms(terrain.max_connections) for name, terrain in terrains.items()}, Policy()
        )
        self._steps = steps
        self._step = -1
        self._is_waiting = False
        self._chance = chance
        self._now_s = 0.0
        self._paths = {endpoint: Path(terrain) for endpoint, terrain in terrains.items()}
        self._manifests = {str(n): m for n, (m, _) in enumerate(steps) if m}
        bad = {endpoint: terrain.bad for endpoint, terrain in terrains.items()}
        self._landing = Landing(self.scheduler, self._note, self._manifests, bad)
        self._in_flight: dict[RequestNumber, _InFlight] = {}
        self._end_block: dict[RequestNumber, BlockInObject] = {}
        self._cancelled: list[RequestNumber] = []
        self._complete: set[str] = set()
        self._exhausted: set[str] = set()
        self._warm: Counter[str] = Counter()  # connections that are open and idle
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._played = Counter[str]()
        self._faults: Counter[Fault] = Counter()
        self._changes: list[EndpointChanged] = []
        self._due: dict[str, float] = {}
        self._tick_s = self._told_s = 0.0
        for endpoint, terrain in terrains.items():
            for at_s, factor in terrain.changes:
                self._at(at_s, partial(self._change, endpoint, factor))
        for package, manifest in self._manifests.items():
            self._note(self.scheduler.want(package, manifest, bytes(manifest.first_blocks[-1])))
            self._locate(package)

    def _locate(self, package: str) -> None:
        """Every endpoint holds everything."""
        indices = range(len(self._manifests[package].objects))
        for endpoint in self._paths:
            objects = frozenset(ObjectIndex(index) for index in indices)
            self._note(self.scheduler.located(package, endpoint, objects))

    def _note(self, events: Events) -> None:
        """Do what the scheduler says; requests that are cancelled end with `_call_off`."""
        for event in events:
            match event:
                case RequestCancelled(number):
                    assert number not in self._cancelled, "each is told once"
                    self._cancelled.append(number)
                case RequestShortened(number, end_block):
                    self._end_block[number] = end_block
                case EndpointChanged():
                    self._changes.append(event)
                case PackageComplete(package):
                    self._complete.add(package)
                case PackageExhausted(package):
                    self._exhausted.add(package)
                case _:
                    pass

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
            self.scheduler.spent_bytes,
            self._landing.lost_bytes,
            self._faults,
            self._played["requests"],
            self._changes,
        )

    def _try_again(self) -> None:
        """Nobody is left to ask: as the engine does, ask all of them again after a while."""
        package = str(self._step)
        assert package in self._exhausted, "nothing is in flight and nobody waits"
        self._exhausted.remove(package)
        assert self._played["retries"] < MAX_RETRIES, "nobody is left for good"
        self._played["retries"] += 1
        self._now_s += RETRY_S
        self._note(self.scheduler.retry(package))
        self._locate(package)
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
        for item in list(self._in_flight.values()):
            if self._now_s - item.latest_s >= WATCHDOG_S:
                item.fault = Fault.STALL
                self._end(item)
        self._refill()

    def _tell_all(self) -> None:
        self._told_s = self._now_s
        for item in list(self._in_flight.values()):
            self._tell(item)

    def _refill(self) -> None:
        if self._now_s >= self._told_s + FRESH_S:
            self._tell_all()
        self._note(self.scheduler.tick(self._now_s))
        self._call_off()
        for endpoint in self._paths:
            is_asked = True
            while is_asked:
                answer = self.scheduler.next_request(endpoint, self._now_s, PLENTY_BYTES)
                self._note(answer.events)
                is_asked = answer.request is not None
                if answer.request:
                    self._begin(answer.request)
                self._call_off()
        if self._tick_s <= self._now_s and self.scheduler.wake_at_s(self._now_s) is not None:
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
        if not manifest or package in self._complete:
            self._is_waiting = False
            self._at(self._now_s + run_s, self._next_step)
        order = [p for p in self._manifests if int(p) >= self._step]
        self._note(self.scheduler.order(order, (), {package} if self._is_waiting else ()))
        self._stop_shortened()
        self._refill()

    def _call_off(self) -> None:
        """Requests that nobody needs any more end."""
        while self._cancelled:
            item = self._in_flight.get(self._cancelled.pop(0))
            if item:
                self._cancel(item)

    # Requests

    def _begin(self, request: Request) -> None:
        self._played["requests"] += 1
        path, terrain = self._paths[request.endpoint], self._paths[request.endpoint].terrain
        manifest = self._manifests[request.package]
        start, end = request.part or manifest.extent_span(request.blocks)
        weight = SLOW if self._chance.random() < terrain.slow else 1.0
        item = _InFlight(request, end - start, weight, self._now_s)
        if self._chance.random() < terrain.breaks:
            item.fault = Fault.TRUNCATED
            item.length_bytes = int(item.length_bytes * self._chance.random())
        if self._chance.random() < terrain.stalls:
            item.stall_s = self._chance.uniform(*STALLS_S)
            item.stalls_at = item.length_bytes * self._chance.random()
        others = [(other.request, other.seen_bytes) for other in self._in_flight.values()]
        self._landing.take_over(request, others)
        self._in_flight[request.number] = item
        wait_s = terrain.round_trip_s
        if self._warm[request.endpoint]:
            self._warm[request.endpoint] -= 1
        else:
            wait_s += terrain.warm_up_s
        if path.is_closed:
            item.fault = Fault.CONNECT
            self._at(self._now_s + terrain.round_trip_s, partial(self._end, item))
        else:
            self._at(self._now_s + wait_s, partial(self._move, item))
        if not request.part and not request.is_race:
            self._stop_shortened()

    def _move(self, item: _InFlight) -> None:
        """The request's bytes flow, up to its end or to where it stalls."""
        if item.request.number in self._in_flight:
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
            assert isinstance(item, _InFlight)
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

    def _tell(self, item: _InFlight) -> None:
        """The scheduler learns what has arrived."""
        path = self._paths[item.endpoint]
        path.go_on(self._now_s)
        arrived = min(item.length_bytes, round(path.carried_bytes(item)))
        if arrived > item.seen_bytes:
            item.latest_s = self._now_s
            self._note(
                self.scheduler.received(item.request.number, arrived - item.seen_bytes, self._now_s)
            )
            self._played["arrived"] += arrived - item.seen_bytes
            item.seen_bytes = arrived

    def _stop_shortened(self) -> None:
        """Requests whose end was given away end there."""
        for item in list(self._in_flight.values()):
            request = item.request
            end_block = self._end_block.get(request.number, request.blocks.end)
            if end_block < request.blocks.end:
                blocks = request.blocks._replace(end=end_block)
                length_bytes = 0
                if end_block > blocks.first:
                    start, end = self._manifests[request.package].extent_span(blocks)
                    length_bytes = end - start
                self._tell(item)
                if item.seen_bytes >= length_bytes:
                    self._cancel(item)
                elif item.length_bytes > length_bytes:
                    item.length_bytes = length_bytes
                    item.fault = None
                    if item.is_moving and not item.stall_s:
                        self._move(item)

    def _cancel(self, item: _InFlight) -> None:
        self._tell(item)
        self._end(item, cancelled=True)

    def _end(self, item: _InFlight, *, cancelled: bool = False) -> None:
        request = item.request
        if self._in_flight.pop(request.number, None) is None:
            return
        self._tell(item)
        path = self._paths[item.endpoint]
        path.stop(item)
        self._watch(item.endpoint)
        end_block = self._end_block.get(request.number, request.blocks.end)
        is_short = end_block < request.blocks.end
        if not (cancelled or item.fault or is_short):
            self._warm[item.endpoint] += 1
        is_broken = bool(item.fault) and not cancelled
        landed = Landed(item.seen_bytes, end_block, is_broken, cancelled)
        self._landing.land(request, landed, self._now_s)
        jitter = self._chance.random()
        if item.fault and not cancelled:
            self._faults[item.fault] += 1
            self._note(
                self.scheduler.failed(request.number, self._now_s, item.fault, jitter=jitter)
            )
        elif cancelled or is_short:
            self._note(self.scheduler.cancelled(request.number, self._now_s))
        else:
            self._note(self.scheduler.finished(request.number, self._now_s))
        self._review()

    # The network

    def _change(self, endpoint: str, factor: float) -> None:
        path = self._paths[endpoint]
        path.go_on(self._now_s)
        path.slow_to(factor)
        if factor == CLOSED:
            for item in [i for i in self._in_flight.values() if i.endpoint == endpoint]:
                item.fault = Fault.TRUNCATED
                self._end(item)
        self._due.pop(endpoint, None)
        self._watch(endpoint)
        self._refill()


def loads_of(steps: Steps) -> list[StepLoad]:
    return [StepLoad(manifest.content_bytes if manifest else 0, run_s) for manifest, run_s in steps]
