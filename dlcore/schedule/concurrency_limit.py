"""The concurrency limit of one endpoint: how many requests should be in flight there.

One TCP connection fills a clean path. Where packets are lost, its rate is bounded by loss and round
trip, whatever the link carries, and a server may throttle each connection. So the limit is found by
measuring: `InitialLimit` says what to begin with, `ThroughputMeter` and `ThroughputSamples`
measure, `LimitSearch` decides from the samples whether more or fewer do better, and `Ceiling`
bounds the result. Not here: dividing work between endpoints, or choosing what is asked for.
"""

from __future__ import annotations

from math import ceil

from dlcore.schedule.initial_limit import InitialLimit
from dlcore.schedule.limit_policy import LimitPolicy
from dlcore.schedule.limit_search import LimitSearch
from dlcore.schedule.throughput import ThroughputMeter, ThroughputSamples


class ConcurrencyLimit:
    """How many requests should be in flight at one endpoint.

    Args:
        max_connections: The most that are allowed there; less than 1 counts as 1.
        cap_bytes_per_s: The endpoint's bandwidth cap in bytes per second; 0.0 if there is none.
        policy: The constants.
    """

    def __init__(
        self,
        max_connections: int,
        cap_bytes_per_s: float = 0.0,
        policy: LimitPolicy | None = None,
    ) -> None:
        policy = policy or LimitPolicy()
        self._policy = policy
        self._meter = ThroughputMeter(policy)
        self._samples = ThroughputSamples(self._meter, policy)
        self._ceiling = Ceiling(policy)
        self._initial = InitialLimit(policy)
        self._search = LimitSearch(self._meter, self._samples, policy, policy.initial_limit)
        self._has_begun = False
        self.configure(max_connections, cap_bytes_per_s)

    # What is allowed, and what happens

    def configure(self, max_connections: int, cap_bytes_per_s: float = 0.0) -> None:
        """Change what is allowed, at once; the arguments are those of the class."""
        if self._ceiling.configure(max_connections, cap_bytes_per_s):
            self._search.begin_again(self._ceiling.to_begin_with(self._search.limit))

    def received(self, count_bytes: int) -> None:
        """Bytes arrived, over any connection."""
        self._meter.received(count_bytes)

    def answered(self, round_trip_s: float, *, on_new_connection: bool = False) -> None:
        """The first byte of an answer came.

        Args:
            round_trip_s: Seconds since it was asked for.
            on_new_connection: Whether they include opening a connection.
        """
        if not self._has_begun:
            self._initial.answered(round_trip_s)
        self._meter.answered(round_trip_s, on_new_connection=on_new_connection)
        if self._samples.is_startup and self._meter.is_near:
            self._search.lower_to(self._policy.initial_near)

    def pushed_back(self, now_s: float) -> None:
        """The endpoint has too much (429, 503): half as many, and slowly more again."""
        fewer = self._ceiling.push_back(self._search.limit, now_s)
        if fewer is not None:
            self._search.back_off(fewer, now_s)

    def update(self, now_s: float, in_flight: int, *, is_light: bool, left_bytes: int) -> int:
        """Read what arrived, and decide.

        Args:
            now_s: The time in seconds.
            in_flight: How many requests are: asked for, and not all of their bytes have arrived.
            is_light: Whether all of them fetch small objects, over before slow start matters.
            left_bytes: What is still to be fetched from this endpoint, as far as is known.

        Returns:
            How many requests should be in flight now. At least 1, and at most what is allowed.
        """
        self._meter.read(now_s, in_flight)
        self._ceiling.recover(now_s)
        if not self._has_begun:
            initial = self._initial.decide(now_s, in_flight, left_bytes)
            if initial is not None:
                self._has_begun = True
                initial = (
                    min(initial, self._policy.initial_near) if self._meter.is_near else initial
                )
                self._search.begin(self._ceiling.to_begin_with(initial))
        elif self._samples.is_due(now_s):
            if self._samples.end_interval(self._limit):
                self._decide(now_s, is_light=is_light, left_bytes=left_bytes)
            self._samples.begin_interval(now_s)
        return self._limit

    # What was measured

    @property
    def round_trip_s(self) -> float | None:
        """From a request to its first byte, smoothed; None before the first answer."""
        return self._meter.round_trip_s

    @property
    def connection_bytes_per_s(self) -> float | None:
        """Recent bytes per second of one request in flight; None before the first byte."""
        return self._meter.connection_bytes_per_s

    @property
    def window_bytes(self) -> float:
        """What one connection carries per round trip while bytes flow; 0.0 if it is not known.

        It is not known during slow start: it is not yet what it will be.
        """
        if self._samples.is_startup:
            return 0.0
        return self._meter.flow_bytes_per_s * (self._meter.round_trip_s or 0.0)

    @property
    def _limit(self) -> int:
        return min(self._search.limit, self._ceiling.max_connections)

    def _decide(self, now_s: float, *, is_light: bool, left_bytes: int) -> None:
        is_capped = self._ceiling.is_cap_used(self._samples.mean_bytes_per_s)
        max_limit = self._ceiling.max_connections
        self._search.decide(
            now_s,
            max_limit=max_limit,
            is_capped=is_capped,
            is_light=is_light,
            left_bytes=left_bytes,
        )


class Ceiling:
    """The most connections that one endpoint may get, whatever more of them would bring.

    Three things bound them: what is allowed; a bandwidth cap, since many connections would each
    wait most of the time; and the endpoint itself, when it pushes back.
    """

    def __init__(self, policy: LimitPolicy) -> None:
        self._policy = policy
        self._allowed, self._cap_bytes_per_s = 1, 0.0
        self._pushed_back_to: int | None = None
        self._pushed_s = self._recover_s = float("-inf")

    @property
    def max_connections(self) -> int:
        """Never more connections than this; at least 1."""
        allowed = self._allowed
        if self._pushed_back_to is not None:
            allowed = min(allowed, self._pushed_back_to)
        if not self._cap_bytes_per_s:
            return allowed
        return min(allowed, ceil(self._cap_bytes_per_s / self._policy.min_capped_bytes_per_s))

    def configure(self, max_connections: int, cap_bytes_per_s: float) -> bool:
        """Set what is allowed, and the cap (0.0 for none); returns whether the cap changed."""
        has_changed = cap_bytes_per_s != self._cap_bytes_per_s
        self._allowed, self._cap_bytes_per_s = max(1, max_connections), cap_bytes_per_s
        return has_changed

    def to_begin_with(self, count: int) -> int:
        """This many connections, or fewer because of the cap."""
        if not self._cap_bytes_per_s:
            return count
        return min(count, ceil(self._cap_bytes_per_s / self._policy.capped_bytes_per_s))

    def is_cap_used(self, bytes_per_s: float) -> bool:
        """Whether the cap allows no more than this rate."""
        return 0.0 < self._policy.cap_used * self._cap_bytes_per_s < bytes_per_s

    def push_back(self, count: int, now_s: float) -> int | None:
        """The endpoint has too much of this many connections.

        Returns:
            How many it gets; None if that was decided already.
        """
        policy = self._policy
        if now_s - self._pushed_s < policy.push_back_s:
            return None
        self._pushed_s, self._recover_s = now_s, now_s + policy.recovery_s
        self._pushed_back_to = max(1, min(count, self.max_connections) // 2)
        return self._pushed_back_to

    def recover(self, now_s: float) -> None:
        """Time passed since it pushed back."""
        if self._pushed_back_to is not None and now_s >= self._recover_s:
            self._recover_s = now_s + self._policy.recovery_s
            higher = ceil(self._pushed_back_to * self._policy.recovery)
            self._pushed_back_to = higher if higher < self._allowed else None
