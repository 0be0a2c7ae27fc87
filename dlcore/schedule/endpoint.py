"""One endpoint as the scheduler sees it: what it holds, how it stands, how fast it is."""

from __future__ import annotations

from collections.abc import Callable

from dlcore.errors import Fault
from dlcore.model import ObjectIndex
from dlcore.schedule.circuit_breaker import NOTED_ELSEWHERE, CircuitBreaker
from dlcore.schedule.concurrency_limit import ConcurrencyLimit
from dlcore.schedule.policy import Policy
from dlcore.schedule.types import EndpointChange, EndpointChanged, Event, RequestNumber, Terms

UNKNOWN_BYTES_PER_S = float("inf")  # an endpoint that has only just been asked counts as fast


class Endpoint:
    """One endpoint, its requests in flight as numbers, and what was measured of them.

    Args:
        name: Unique among the endpoints.
        policy: The room's constants.
        terms: How it may be used.
        tell: Hears what was decided about it.
    """

    def __init__(
        self, name: str, policy: Policy, terms: Terms, tell: Callable[[Event], None]
    ) -> None:
        self.name = name
        self._policy = policy
        self._terms = terms
        self._cap_bytes_per_s = terms.cap_bytes_per_s
        self._tell_event = tell
        self._breaker = CircuitBreaker(policy, self._tell)
        self._concurrency_limit = ConcurrencyLimit(terms.max_connections, policy=policy.concurrency)
        self._measured_limit = 1  # until the first tick
        self._objects: dict[str, set[ObjectIndex]] = {}
        self._in_flight = self._small_in_flight = 0
        self._connections_in_use = 0  # also by requests that have delivered all that is wanted
        self._open_connections = 0  # also those that have no request
        self._longest_bytes = 0
        self._is_silent = False
        self._heard_s = 0.0  # its last byte, or its first request since it was idle
        self._last_number = RequestNumber(0)
        self._failed_up_to: RequestNumber | None = None  # requests before its last failure
        self._trials: set[RequestNumber] = set()
        self._opening: set[RequestNumber] = set()  # each has to open a connection first
        self._first_asked_s: float | None = None
        self._refused_s = float("-inf")
        self._needed_for: set[str] = set()
        self._sends_ranges = True
        self._rank: int | None = 0
        self._objects_served_bad: set[tuple[str, ObjectIndex]] = set()

    # What it holds, and on which terms

    @property
    def terms(self) -> Terms:
        """How it may be used."""
        return self._terms

    @property
    def cap_bytes_per_s(self) -> float:
        """The bandwidth cap in force: the lower one of its own and the total; 0.0: none."""
        return self._cap_bytes_per_s

    def set_terms(self, terms: Terms, cap_bytes_per_s: float) -> None:
        """These terms hold from now on, and this cap (see `cap_bytes_per_s`)."""
        self._terms, self._cap_bytes_per_s = terms, cap_bytes_per_s
        self._concurrency_limit.configure(terms.max_connections, cap_bytes_per_s)

    def located(self, package: str, objects: frozenset[ObjectIndex]) -> None:
        """It holds these objects of a package, and no others."""
        self._objects[package] = set(objects)

    def lost(self, package: str, index: ObjectIndex) -> None:
        """It does not hold the object after all."""
        self._objects.get(package, set()).discard(index)

    def forget(self, package: str) -> None:
        """Nothing of the package will be asked any more."""
        self._objects.pop(package, None)

    def holds(self, package: str, index: ObjectIndex) -> bool:
        """Whether the object can be asked for, now or after a back-off."""
        return self.is_askable and index in self._objects.get(package, ())

    @property
    def sends_ranges(self) -> bool:
        """Whether it sends parts of objects, as far as is known; else it sends whole ones."""
        return self._sends_ranges

    def lacks_ranges(self) -> None:
        """It sent a whole object where it was asked for a part."""
        if self._sends_ranges:
            self._sends_ranges = False
            reason = "it knows no byte ranges; each object is read in one stream"
            self._tell(EndpointChange.WHOLE_OBJECTS_ONLY, reason, None)

    # How it stands

    def set_rank(self, rank: int | None) -> None:
        """Whether it may be used at all, and what goes before it; see `Scheduler.allow`."""
        self._rank = rank

    @property
    def is_allowed(self) -> bool:
        """Whether it may be used where the machine is."""
        return self._rank is not None

    @property
    def is_askable(self) -> bool:
        """Whether it is asked for anything, now or after a back-off."""
        return self.is_allowed and not self.is_dropped

    @property
    def precedence(self) -> tuple[bool, int]:
        """It is not asked for anything that an endpoint with a lower precedence holds."""
        return self.is_quarantined, self._rank or 0

    @property
    def is_dropped(self) -> bool:
        """Whether it is not asked for anything any more."""
        return self._breaker.dropped_for is not None

    @property
    def is_quarantined(self) -> bool:
        """Whether it is asked only for what no other endpoint holds."""
        return self._breaker.is_quarantined

    @property
    def resume_at_s(self) -> float:
        """It is not asked before this time."""
        return self._breaker.resume_at_s

    @property
    def is_on_trial(self) -> bool:
        """Whether it has failed or fallen silent, and has not succeeded since."""
        return self._max_trials is not None

    @property
    def is_relied_on(self) -> bool:
        """Whether it can be expected to deliver its part of what is left."""
        return self.is_askable and not (self.is_on_trial or self.is_quarantined)

    def may_be_asked(self, now_s: float) -> bool:
        """Whether its standing allows one more request now."""
        if not self.is_askable or now_s < self.resume_at_s:
            return False
        max_trials = self._max_trials
        return max_trials is None or len(self._trials) < max_trials

    def reset(self) -> None:
        """Ask it again although it was dropped, unless that was for bad blocks."""
        self._breaker.reset()

    @property
    def _max_trials(self) -> int | None:
        return 1 if self._is_silent else self._breaker.max_trials

    # How many requests, and how fast

    @property
    def limit(self) -> int:
        """Number of requests that should be in flight."""
        if not self.is_askable:
            return 0
        return min(self.measured_limit, self._breaker.max_trials or self.measured_limit)

    @property
    def measured_limit(self) -> int:
        """Number of requests that pay by the last measurement, whatever its standing."""
        return self._measured_limit

    @property
    def in_flight(self) -> int:
        """Number of requests with bytes still to arrive."""
        return self._in_flight

    @property
    def spare_connections(self) -> int:
        """How many more requests may begin; negative if there are more than the limit."""
        return self.limit - self._connections_in_use

    @property
    def heard_s(self) -> float:
        """When its last byte came, or its first request since it was idle began."""
        return self._heard_s

    @property
    def idle_connections(self) -> int:
        """Connections that are open and have no request, as far as can be known here."""
        return self._open_connections - self._in_flight

    @property
    def longest_bytes(self) -> int:
        """Length of the longest request that arrived whole."""
        return self._longest_bytes

    @property
    def connection_bytes_per_s(self) -> float | None:
        """Rate of one connection; None: not measured yet."""
        return self._concurrency_limit.connection_bytes_per_s

    @property
    def round_trip_s(self) -> float:
        """From a request to its first byte; 0.0: not measured yet."""
        return self._concurrency_limit.round_trip_s or 0.0

    @property
    def window_bytes(self) -> float:
        """What one connection carries in a round trip while bytes flow; 0.0: not known."""
        return self._concurrency_limit.window_bytes

    def total_bytes_per_s(self, now_s: float) -> float:
        """Rate of all its connections; infinite while it is not known and not overdue."""
        if not self.is_askable or now_s < self.resume_at_s:
            return 0.0
        if self.connection_bytes_per_s is not None:
            return self.connection_bytes_per_s * max(self.measured_limit, self.in_flight)
        asked_s = self._first_asked_s
        is_overdue = asked_s is not None and now_s - asked_s > self._policy.max_cheap_wait_s
        return 0.0 if is_overdue else UNKNOWN_BYTES_PER_S

    def tick(self, now_s: float, *, stall_s: float, left_bytes: int) -> None:
        """Notice what only time changes.

        Args:
            now_s: The time.
            stall_s: If nothing has come of its requests for this time, it has fallen silent.
            left_bytes: What is still to be fetched from it, as far as is known.
        """
        if self._in_flight and not self._is_silent and now_s - self._heard_s > stall_s:
            self._is_silent = True
            self._trials.clear()
            reason = f"no byte for {stall_s:.1f} s; one request at a time tries it"
            self._tell(EndpointChange.FELL_SILENT, reason, None)
        self._measured_limit = self._concurrency_limit.update(
            now_s,
            self._in_flight,
            is_light=0 < self._in_flight == self._small_in_flight,
            left_bytes=left_bytes,
        )

    # What happens to its requests

    def began(self, number: RequestNumber, now_s: float, *, is_small: bool) -> None:
        """A request is in flight; ``is_small``: it is for a small object."""
        if not self._in_flight:
            self._heard_s = now_s
        self._in_flight += 1
        self._connections_in_use += 1
        self._small_in_flight += 1 if is_small else 0
        if self._in_flight > self._open_connections:
            self._open_connections = self._in_flight
            self._opening.add(number)
        self._last_number = number
        if self._first_asked_s is None:
            self._first_asked_s = now_s
        if self.is_on_trial:
            self._trials.add(number)
            if self._breaker.is_half_open:
                self._tell(EndpointChange.HALF_OPEN, "one request tries it", None)

    def answered(self, number: RequestNumber, round_trip_s: float) -> None:
        """The first byte of a request came, this many seconds after it was sent."""
        is_on_new_connection = number in self._opening
        self._opening.discard(number)
        self._concurrency_limit.answered(round_trip_s, on_new_connection=is_on_new_connection)

    def received(self, count_bytes: int, now_s: float) -> None:
        """Bytes of any request arrived."""
        self._concurrency_limit.received(count_bytes)
        self._heard_s = now_s
        if self._is_silent:
            self._is_silent = False
            if not self.is_dropped:
                self._tell(EndpointChange.RESUMED, "it delivers again", None)

    def delivered(self, *, is_small: bool) -> None:
        """A request has no more bytes to deliver."""
        self._in_flight -= 1
        self._small_in_flight -= 1 if is_small else 0

    def connection_freed(self) -> None:
        """A connection can take the next request, or was closed."""
        self._connections_in_use -= 1

    def arrived_whole(self, length_bytes: int) -> None:
        """A request of that length arrived whole."""
        self._longest_bytes = max(self._longest_bytes, length_bytes)

    def connection_closed(self) -> None:
        """A connection was given up in the middle of a request and cannot be used again."""
        self._open_connections = max(self._in_flight, self._open_connections - 1)

    def finished(self, number: RequestNumber, *, is_sound: bool) -> None:
        """A request ended without a failure; ``is_sound``: none of its blocks was rejected."""
        self._forget_request(number)
        if is_sound:
            self._breaker.succeeded()

    def cancelled(self, number: RequestNumber) -> None:
        """A request was stopped for our own reasons, which says nothing about the endpoint."""
        self._forget_request(number)

    def failed(
        self,
        number: RequestNumber,
        fault: Fault,
        now_s: float,
        retry_after_s: float | None,
        jitter: float,
    ) -> None:
        """A request failed.

        Requests that were in flight at a failure and then fail too are the same failure: they
        count once, however many connections there are.
        """
        self._forget_request(number)
        self.connection_closed()
        is_new = self._failed_up_to is None or number > self._failed_up_to
        if is_new and self._has_too_many_connections(fault, now_s):
            self._concurrency_limit.pushed_back(now_s)
        if is_new and fault not in NOTED_ELSEWHERE:
            self._failed_up_to = self._last_number
            self._trials.clear()
        self._breaker.failed(
            fault, now_s, retry_after_s=retry_after_s, jitter=jitter, is_new=is_new
        )

    def blame(self, package: str, index: ObjectIndex) -> None:
        """It sent a block, a portion of one, or an object wrong, or says that it would.

        In quarantine it is not asked for that object any more: there, it is the object that is
        wrong.
        """
        is_new_object = (package, index) not in self._objects_served_bad
        self._objects_served_bad.add((package, index))
        self._breaker.served_wrong(is_new_object=is_new_object)
        if self.is_quarantined:
            self.lost(package, index)

    def served_right(self, blocks: int) -> None:
        """Blocks that came from it alone are verified."""
        self._breaker.served_right(blocks)

    def needed_for(self, package: str) -> None:
        """It gets work for a package although others cost less."""
        if package not in self._needed_for:
            self._needed_for.add(package)
            wait_s = self._policy.max_cheap_wait_s
            reason = f"a step waits for {package}; cheaper ones alone need over {wait_s:g} s"
            self._tell(EndpointChange.PUT_TO_WORK, reason, None)

    def _forget_request(self, number: RequestNumber) -> None:
        self._trials.discard(number)
        self._opening.discard(number)

    def _has_too_many_connections(self, fault: Fault, now_s: float) -> bool:
        """Whether it says so, or refuses some connections while others succeed."""
        if fault is not Fault.CONNECT:
            return fault is Fault.BUSY
        if not self._breaker.is_proven:
            return False
        refused_s, self._refused_s = self._refused_s, now_s
        return now_s - refused_s <= self._policy.refusals_s

    def _tell(self, change: EndpointChange, reason: str, fault: Fault | None) -> None:
        has_backed_off = change is EndpointChange.BACKED_OFF
        resume_at_s = self._breaker.resume_at_s if has_backed_off else None
        self._tell_event(EndpointChanged(self.name, change, reason, fault, resume_at_s))
