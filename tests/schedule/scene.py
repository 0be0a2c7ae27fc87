"""A scheduler with some packages and endpoints, and short ways to say what happens to it."""

from __future__ import annotations

from collections import Counter

from dlcore.errors import Fault
from dlcore.model import BlockInObject, Manifest, ObjectIndex
from dlcore.schedule import (
    BlockRejected,
    DeadlineScheduler,
    EndpointChange,
    EndpointChanged,
    Event,
    Events,
    PackageComplete,
    Policy,
    Request,
    RequestCancelled,
    RequestNumber,
    RequestShortened,
    SplitBlockFilled,
    StartKept,
    Terms,
)
from dlcore.schedule.limit_policy import LimitPolicy
from tests.schedule.packages import shape

MIB = 1 << 20
PLENTY_BYTES = 1 << 40  # of free memory
WIDE = LimitPolicy(initial_limit=200, initial_near=200, max_initial=200)
DROPPED = {EndpointChange.DROPPED, EndpointChange.QUARANTINED}
EVERYTHING = frozenset([ObjectIndex(0)])


class Scene:
    """Packages are wanted in the order in which they are given.

    Args:
        packages: Key -> blocks of its only object.
        endpoints: Name -> cost; each holds everything.
        policy: The scheduler's.
        block_bytes: Of every package.
        is_shared: Whether the packages, which are equally long, have the same content.

    Attributes:
        events: All that the scheduler returned, and `take` has not taken.
    """

    def __init__(
        self,
        packages: dict[str, int],
        endpoints: dict[str, int],
        policy: Policy | None = None,
        *,
        block_bytes: int = MIB,
        is_shared: bool = False,
    ) -> None:
        self.scheduler = DeadlineScheduler(
            {name: Terms(cost=cost) for name, cost in endpoints.items()}, policy
        )
        self.now_s = 0.0
        self.events: list[Event] = []
        self.received: Counter[RequestNumber] = Counter()
        self.end_block: dict[RequestNumber, BlockInObject] = {}
        self.manifests: dict[str, Manifest] = {}
        self.complete: set[str] = set()
        self.dropped: set[str] = set()
        manifest: Manifest | None = None
        for package, count in packages.items():
            if manifest is None or not is_shared:
                manifest = shape([count], block_bytes=block_bytes)
            self.manifests[package] = manifest
            self.note(self.scheduler.want(package, self.manifests[package], bytes(count)))
            for endpoint in endpoints:
                self.note(self.scheduler.located(package, endpoint, EVERYTHING))
        self.note(self.scheduler.order(list(packages)))
        self.tick()

    def note(self, events: Events) -> Events:
        """Keep what the scheduler returned."""
        self.events += events
        for event in events:
            if isinstance(event, RequestShortened):
                self.end_block[event.number] = event.end_block
            if isinstance(event, PackageComplete):
                self.complete.add(event.package)
            if isinstance(event, EndpointChanged) and event.change in DROPPED:
                self.dropped.add(event.endpoint)
        return events

    def is_complete(self, package: str) -> bool:
        """Whether the scheduler said so."""
        return package in self.complete

    def is_dropped(self, endpoint: str) -> bool:
        """Whether the scheduler said so."""
        return endpoint in self.dropped

    def end_of(self, request: Request) -> BlockInObject:
        """Where a request is to end now."""
        return self.end_block.get(request.number, request.blocks.end)

    def take(self, kind: type[Event]) -> list[Event]:
        """The events of a kind since this was last asked for."""
        found = [event for event in self.events if isinstance(event, kind)]
        self.events = [event for event in self.events if not isinstance(event, kind)]
        return found

    def next_request(self, endpoint: str = "e", free_bytes: int = PLENTY_BYTES) -> Request | None:
        """What the endpoint is asked for next, with as many connections as there are requests."""
        answer = self.scheduler.next_request(endpoint, self.now_s, free_bytes)
        self.note(answer.events)
        return answer.request

    def ask(self, endpoint: str = "e") -> Request:
        """The next request of an endpoint; there must be one."""
        request = self.next_request(endpoint)
        assert request
        return request

    def has_none(self, endpoint: str = "e") -> bool:
        """Whether there is nothing for an endpoint."""
        return self.next_request(endpoint) is None

    def tick(self) -> None:
        """Time has passed."""
        self.note(self.scheduler.tick(self.now_s))

    def length_bytes(self, request: Request) -> int:
        """What a request is to deliver now."""
        if request.part:
            return request.part.length_bytes
        blocks = request.blocks._replace(end=self.end_of(request))
        start, end = self.manifests[request.package].extent_span(blocks)
        return end - start

    def receive(self, request: Request, share: float, seconds: float = 0.0) -> None:
        """A share of a request arrives, evenly within some seconds."""
        count_bytes = int(self.length_bytes(request) * share)
        for part in range(10):
            self.now_s += seconds / 10
            self.tick()
            part_bytes = count_bytes * (part + 1) // 10 - count_bytes * part // 10
            self.arrive(request, part_bytes)
        self.received[request.number] += count_bytes

    def arrive(self, request: Request, count_bytes: int) -> None:
        """Bytes of a request arrive now."""
        self.note(self.scheduler.received(request.number, count_bytes, self.now_s))

    def fills(self, request: Request) -> bool:
        """All of a request has arrived; whether that makes a split block whole."""
        events = self.note(self.scheduler.arrived(request.number))
        return events == (SplitBlockFilled(request.number),)

    def keeps_start(self, request: Request, block: int, arrived_bytes: int) -> bool:
        """A request ends within a block; whether the start of that is of use."""
        number = BlockInObject(block)
        events = self.note(self.scheduler.start_arrived(request.number, number, arrived_bytes))
        return events == (StartKept(request.number, number),)

    def deliver(self, request: Request, seconds: float = 0.0) -> None:
        """The rest of a request arrives and is verified."""
        length_bytes = self.length_bytes(request)
        self.receive(request, 1 - self.received[request.number] / length_bytes, seconds)
        blocks = request.blocks._replace(end=self.end_of(request))
        is_filled = self.fills(request)
        if not request.part or is_filled:
            self.note(self.scheduler.verified(request.number, blocks))
        self.end(request)

    def reject(self, request: Request, block: int = 0) -> str | None:
        """A block of a request does not match; who is blamed."""
        number = BlockInObject(block)
        events = self.note(self.scheduler.rejected(request.number, number, self.now_s))
        (rejected,) = [event for event in events if isinstance(event, BlockRejected)]
        assert rejected.block == number
        return rejected.endpoint

    def culprit_found(self, package: str, endpoint: str) -> None:
        """It turns out that an endpoint sent some of a rejected block wrong."""
        self.note(self.scheduler.culprit_found(package, ObjectIndex(0), endpoint, self.now_s))

    def end(self, request: Request, fault: Fault | None = None, jitter: float = 0.5) -> None:
        """A request comes to its end."""
        if fault:
            self.note(self.scheduler.failed(request.number, self.now_s, fault, jitter=jitter))
        else:
            self.note(self.scheduler.finished(request.number, self.now_s))

    def cancel(self, request: Request) -> None:
        """A request is stopped."""
        self.note(self.scheduler.cancelled(request.number, self.now_s))

    def warm_up(self, endpoint: str, rate_bytes_per_s: float, requests: int = 6) -> None:
        """An endpoint delivers some requests at that rate of a connection."""
        for _ in range(requests):
            request = self.ask(endpoint)
            self.deliver(request, self.length_bytes(request) / rate_bytes_per_s)

    def order(self, needed: list[str], awaited: set[str] | None = None) -> None:
        """Set the deadline order."""
        self.note(self.scheduler.order(needed, (), awaited or set()))

    def cancelled(self) -> list[RequestNumber]:
        """The requests that were cancelled since this was last asked for."""
        return [e.number for e in self.take(RequestCancelled) if isinstance(e, RequestCancelled)]

    def changes(self) -> list[tuple[str, EndpointChange]]:
        """What was decided about endpoints since this was last asked for."""
        found = self.take(EndpointChanged)
        return [(e.endpoint, e.change) for e in found if isinstance(e, EndpointChanged)]
