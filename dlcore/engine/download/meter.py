"""Counts what the download does: bytes, requests in flight, faults, and the time of work."""

from __future__ import annotations

from collections import Counter, defaultdict, deque

from dlcore.engine.download.arrival_curve import ArrivalCurve
from dlcore.engine.download.ledger import Ledger
from dlcore.engine.events import EndpointProgress
from dlcore.errors import Fault

WINDOW_S = 3.0
SLOTS = 30  # of a window: bytes that came together are counted together


class Rate:
    """Recent bytes per second. Times are seconds on any monotonic clock."""

    def __init__(self) -> None:
        self._slots: deque[list[float]] = deque()  # when it began, and its bytes

    def received(self, count: int, now_s: float) -> None:
        """Bytes arrived."""
        slots = self._slots
        if slots and now_s < slots[-1][0] + WINDOW_S / SLOTS:
            slots[-1][1] += count
        else:
            slots.append([now_s, count])
            if len(slots) > SLOTS:
                slots.popleft()

    def bytes_per_s(self, now_s: float) -> float:
        """Bytes per second over the last `WINDOW_S` seconds."""
        return sum(count for at_s, count in self._slots if at_s >= now_s - WINDOW_S) / WINDOW_S


class Busy:
    """The time in which at least one request was in flight."""

    def __init__(self) -> None:
        self._in_flight = 0
        self._max_in_flight = 0
        self._busy_s = 0.0
        self._since_s = 0.0

    @property
    def in_flight(self) -> int:
        """Number of requests in flight."""
        return self._in_flight

    @property
    def max_in_flight(self) -> int:
        """The most requests that were in flight at once."""
        return self._max_in_flight

    def began(self, now_s: float) -> None:
        """A request was sent."""
        if not self._in_flight:
            self._since_s = now_s
        self._in_flight += 1
        self._max_in_flight = max(self._max_in_flight, self._in_flight)

    def ended(self, now_s: float) -> None:
        """A request came to its end."""
        self._in_flight -= 1
        if not self._in_flight:
            self._busy_s += now_s - self._since_s

    def busy_s(self, now_s: float) -> float:
        """Seconds so far."""
        return self._busy_s + (now_s - self._since_s if self._in_flight else 0.0)


class BackOff:
    """The time in which an endpoint is not asked."""

    def __init__(self) -> None:
        self._told_s = 0.0
        self._until_s = 0.0

    def lasts(self, now_s: float, until_s: float) -> None:
        """It is not asked before ``until_s``."""
        self._told_s += max(0.0, until_s - max(now_s, self._until_s))
        self._until_s = max(self._until_s, until_s)

    def past_s(self, now_s: float) -> float:
        """Seconds so far; what is still to come does not count."""
        return self._told_s - max(0.0, self._until_s - now_s)


class Meter:
    """Bytes received per package and endpoint, and the rates.

    Times are seconds on any monotonic clock, given by the caller.

    Attributes:
        received_bytes: Payload bytes received, by package.
        by_endpoint: Payload bytes received, by endpoint.
        by_package: Payload bytes received, by package and endpoint.
        connections: Of each endpoint, how many requests are in flight, and for how long.
        faults: Of each endpoint, how often which fault occurred.
        back_offs: Of each endpoint, for how long it was not asked after failures.
        failed_s: Of each endpoint, seconds that its failed requests took.
        rejected_by_endpoint: Bytes received that did not match their digest, by endpoint, where it
            is known who sent them.
        ledger: What becomes of the bytes.
        arrivals: How much had arrived when.
    """

    def __init__(self) -> None:
        self.received_bytes: Counter[str] = Counter()
        self.by_endpoint: Counter[str] = Counter()
        self.by_package: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.connections: defaultdict[str, Busy] = defaultdict(Busy)
        self.faults: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.back_offs: defaultdict[str, BackOff] = defaultdict(BackOff)
        self.failed_s: defaultdict[str, float] = defaultdict(float)
        self.rejected_by_endpoint: Counter[str] = Counter()
        self.ledger = Ledger()
        self.arrivals = ArrivalCurve()
        self._rates: defaultdict[str, Rate] = defaultdict(Rate)
        self._link = Busy()

    def request_began(self, endpoint: str, now_s: float) -> None:
        """A request was sent."""
        self._link.began(now_s)
        self.connections[endpoint].began(now_s)

    def request_ended(self, endpoint: str, now_s: float) -> None:
        """A request came to its end."""
        self._link.ended(now_s)
        self.connections[endpoint].ended(now_s)

    def request_failed(self, endpoint: str, took_s: float) -> None:
        """A request has failed after ``took_s`` seconds."""
        self.failed_s[endpoint] += took_s

    def failed(self, endpoint: str, fault: Fault) -> None:
        """A request failed, or what it brought did not match its digest."""
        self.faults[endpoint][fault.value] += 1

    def rejected(self, endpoint: str, count_bytes: int) -> None:
        """Bytes that an endpoint sent did not match their digest."""
        self.rejected_by_endpoint[endpoint] += count_bytes

    def received(self, package: str, endpoint: str, count: int, now_s: float) -> None:
        """``count`` payload bytes arrived."""
        self.received_bytes[package] += count
        self.by_endpoint[endpoint] += count
        self.by_package[package][endpoint] += count
        self._rates[endpoint].received(count, now_s)
        self.arrivals.received(count, now_s)

    def busy_s(self, now_s: float) -> float:
        """Seconds in which at least one request was in flight."""
        return self._link.busy_s(now_s)

    def recent_bytes_per_s(self, now_s: float, endpoint: str | None = None) -> float:
        """Bytes per second over the last `WINDOW_S` seconds, of one endpoint or of all."""
        rates = self._rates.values() if endpoint is None else [self._rates[endpoint]]
        return sum(rate.bytes_per_s(now_s) for rate in rates)

    def progress_of(self, endpoint: str, now_s: float) -> EndpointProgress:
        """What is going on at an endpoint, and what has happened there."""
        connections = self.connections[endpoint]
        return EndpointProgress(
            connections=connections.in_flight,
            rate_bytes_per_s=self.recent_bytes_per_s(now_s, endpoint),
            received_bytes=self.by_endpoint[endpoint],
            failures=self.faults[endpoint].total(),
            busy_s=connections.busy_s(now_s),
            max_connections=connections.max_in_flight,
            backed_off_s=self.back_offs[endpoint].past_s(now_s),
            failed_s=self.failed_s[endpoint],
            rejected_bytes=self.rejected_by_endpoint[endpoint],
        )
