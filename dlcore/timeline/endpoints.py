"""What each endpoint brought in a run, how it failed, and what was decided about it."""

from __future__ import annotations

from collections import Counter

import msgspec

from dlcore.engine import events
from dlcore.engine.download.meter import BackOff
from dlcore.engine.events import EndpointProgress
from dlcore.errors import Fault
from dlcore.schedule import EndpointChange
from dlcore.timeline.bandwidth import Sample


class Mark(msgspec.Struct, frozen=True):
    """Something that happened at an endpoint.

    Attributes:
        at_s: Seconds into the run.
        kind: ``failed``, ``dropped`` or ``quarantined``.
        text: What happened, in words.
    """

    at_s: float
    kind: str
    text: str


class Cost(msgspec.Struct, frozen=True):
    """What an endpoint cost, in seconds; others may have brought content meanwhile.

    Attributes:
        backed_off_s: In which it was not asked for content, because it had failed or had asked for
            time.
        asked_later_s: For which it put off telling what it holds.
        failed_s: That its failed requests took, all added up.
        rejected_bytes: That it served and that did not match their digest: bytes, not seconds.
        renewals: How often a token, a signature or locations were renewed for it.
        renewed_s: That these took. If they were ahead of time, nothing waited for them.
    """

    backed_off_s: float = 0.0
    asked_later_s: float = 0.0
    failed_s: float = 0.0
    rejected_bytes: int = 0
    renewals: int = 0
    renewed_s: float = 0.0


class EndpointTimes(msgspec.Struct, frozen=True):
    """One endpoint.

    Attributes:
        name: Its name.
        received_bytes: Payload bytes that it brought.
        busy_s: Seconds in which it was asked for something.
        cost: What it cost besides.
        max_connections: The most requests in flight at once.
        failures: How often it failed or served something wrong, all together.
        faults: How often of these in which way, as far as that is recorded.
        marks: What happened, in order.
    """

    name: str
    received_bytes: int
    busy_s: float
    cost: Cost
    max_connections: int
    failures: int
    faults: dict[str, int]
    marks: tuple[Mark, ...]

    @property
    def bytes_per_s(self) -> float:
        """The mean rate while it was asked for something."""
        return self.received_bytes / self.busy_s if self.busy_s else 0.0

    @property
    def quarantined_s(self) -> float | None:
        """When it was put into quarantine; None if it was not."""
        return next((mark.at_s for mark in self.marks if mark.kind == "quarantined"), None)


class EndpointsSoFar:
    """Hears the events of endpoints."""

    def __init__(self) -> None:
        self._marks: dict[str, list[Mark]] = {}
        self._faults: dict[str, Counter[str]] = {}
        self._counted: dict[str, EndpointProgress] = {}
        self._earlier: dict[str, EndpointProgress] = {}
        self._questions: dict[str, BackOff] = {}
        self._renewals: dict[str, list[float]] = {}
        self._now_s = 0.0

    def begin_process(self) -> None:
        """The counters of progress are at zero."""
        self._earlier = {name: self._all_of(name) for name in {**self._earlier, **self._counted}}
        self._counted = {}

    def hear(self, event: events.Event, now_s: float) -> None:
        """Take note of an event, at a time in seconds since the run began."""
        self._now_s = now_s
        match event:
            case events.EndpointBusy(endpoint, wait_s) | events.EndpointAwaited(endpoint, wait_s):
                self._marks.setdefault(endpoint, [])
                self._questions.setdefault(endpoint, BackOff()).lasts(now_s, now_s + wait_s)
            case events.EndpointRenewed(endpoint):
                self._marks.setdefault(endpoint, [])
                self._renewals.setdefault(endpoint, []).append(event.took_s)
            case events.Progress():
                for name, own in event.endpoints.items():
                    self._marks.setdefault(name, [])
                    self._counted[name] = own
            case events.RangeFailed(_, endpoint, fault, message) if endpoint:
                self._fail(endpoint, fault, message, now_s)
            case events.BlockRejected(package, _, block, endpoint) if endpoint:
                text = f"block {block} of an object of {package} does not match its digest"
                self._fail(endpoint, Fault.CORRUPT.value, text, now_s)
            case events.CulpritFound(package, _, block, endpoint):
                text = f"a part of block {block} of an object of {package} did not match its digest"
                self._fail(endpoint, Fault.CORRUPT.value, text, now_s)
            case events.EndpointNote(endpoint, what, reason):
                if what in (EndpointChange.DROPPED, EndpointChange.QUARANTINED):
                    self._mark(endpoint, Mark(now_s, what, reason))

    def all(self, samples: tuple[Sample, ...]) -> tuple[EndpointTimes, ...]:
        """All endpoints, in the order of the settings."""
        return tuple(self._one(name, samples) for name in self._marks)

    def _one(self, name: str, samples: tuple[Sample, ...]) -> EndpointTimes:
        busy = [sample for sample in samples if sample.is_busy(name)]
        faults = self._faults.get(name, Counter())
        counted = self._all_of(name)
        sampled = max((sample.connections.get(name, 0) for sample in busy), default=0)
        return EndpointTimes(
            name,
            received_bytes=sum(sample.by_endpoint.get(name, 0) for sample in busy),
            busy_s=counted.busy_s or sum(sample.length_s for sample in busy),
            cost=self._cost(name, counted),
            max_connections=counted.max_connections or sampled,  # an earlier dlcore did not count
            failures=max(counted.failures, faults.total()),
            faults=dict(faults.most_common()),
            marks=tuple(self._marks[name]),
        )

    def _cost(self, name: str, counted: EndpointProgress) -> Cost:
        renewals = self._renewals.get(name, [])
        return Cost(
            counted.backed_off_s,
            self._questions.get(name, BackOff()).past_s(self._now_s),
            counted.failed_s,
            counted.rejected_bytes,
            len(renewals),
            sum(renewals),
        )

    def _all_of(self, name: str) -> EndpointProgress:
        """What all processes have counted."""
        nothing = EndpointProgress(0, 0.0)
        one, other = self._earlier.get(name, nothing), self._counted.get(name, nothing)
        return EndpointProgress(
            connections=other.connections,
            rate_bytes_per_s=other.rate_bytes_per_s,
            received_bytes=one.received_bytes + other.received_bytes,
            failures=one.failures + other.failures,
            busy_s=one.busy_s + other.busy_s,
            max_connections=max(one.max_connections, other.max_connections),
            backed_off_s=one.backed_off_s + other.backed_off_s,
            failed_s=one.failed_s + other.failed_s,
            rejected_bytes=one.rejected_bytes + other.rejected_bytes,
        )

    def _fail(self, endpoint: str, fault: str, text: str, now_s: float) -> None:
        self._faults.setdefault(endpoint, Counter())[fault] += 1
        self._mark(endpoint, Mark(now_s, "failed", text))

    def _mark(self, endpoint: str, mark: Mark) -> None:
        self._marks.setdefault(endpoint, []).append(mark)
