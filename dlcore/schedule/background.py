"""Background mode: use only what other traffic leaves unused, by watching the queue.

Packets wait in a queue when more is sent than a link carries. The round trip then exceeds the base
round trip, which is that of an empty path. `BackgroundWindow` limits the bytes under way,
so that the queue stays too short for other traffic to notice. If the queue is longer, somebody else
is sending, and the window falls to almost nothing within a few round trips.

This is LEDBAT++ (draft-irtf-iccrg-ledbat-plus-plus) at the receiver, as RFC 9840 (rLEDBAT) has it:
a receiver bounds a sender by the window that it offers. It differs in three points. The window is
that of all connections together, which are one program's. The target is a share of the base round
trip (see `BackgroundPolicy.target_share`). And the window moves in proportion to what the queue
lacks or has too much, so that a long and fast path is filled in seconds; LEDBAT++ adds a segment in
each round trip, which is still the least here.

A base round trip that was measured beside somebody else's queue is too long. So the window falls
to its minimum for two round trips now and then (*slowdown*); if the queue was ours, it drains, and
the true base shows. Against a queue that another sender keeps standing all the time this does not
help; but such a queue grows and shrinks, and the base is its shortest.

Not here: how round trips are measured, and how a window is enforced (`transfer`, `engine`).
"""

from __future__ import annotations

from collections import deque
from enum import Enum, auto

from dlcore.schedule.background_policy import BackgroundPolicy

UNKNOWN_S = float("inf")


class Phase(Enum):
    """What the window is doing."""

    STARTUP = auto()  # slow start: it grows by a factor with each round trip
    STEADY = auto()  # it keeps the queue at the target
    SLOWDOWN = auto()  # it is at its minimum, so that the queue drains


class BaseRoundTrip:
    """The shortest round trip of the last minutes: that of an empty path.

    Args:
        policy: The constants.
    """

    def __init__(self, policy: BackgroundPolicy) -> None:
        self._policy = policy
        self._shortest_s: deque[float] = deque(maxlen=policy.base_intervals)
        self._ends_s = float("-inf")

    @property
    def shortest_s(self) -> float:
        """Infinite if there was no sample."""
        return min(self._shortest_s, default=UNKNOWN_S)

    def add(self, round_trip_s: float, now_s: float) -> None:
        """Count a sample."""
        if now_s >= self._ends_s:
            self._ends_s = now_s + self._policy.base_interval_s
            self._shortest_s.append(round_trip_s)
        else:
            self._shortest_s[-1] = min(self._shortest_s[-1], round_trip_s)


class BackgroundWindow:
    """How many bytes may be under way, over all connections together.

    Times are seconds on any monotonic clock, given by the caller.

    Args:
        policy: The constants.

    Attributes:
        window_bytes: Bytes that may be under way now.
    """

    def __init__(self, policy: BackgroundPolicy | None = None) -> None:
        self._policy = policy = policy or BackgroundPolicy()
        self.window_bytes = float(policy.first_window_segments * policy.segment_bytes)
        self._base = BaseRoundTrip(policy)
        self._samples: deque[tuple[float, float]] = deque(maxlen=policy.latest_samples)
        self._phase = Phase.STARTUP
        self._startup_end_bytes = float(policy.max_window_bytes)
        self._updated_s: float | None = None
        self._sampled_s = float("-inf")
        self._received_bytes = 0.0
        self._unused = 0  # how often in a row slow start found the window unused
        self._slowdown_s = UNKNOWN_S  # when the next one begins
        self._slowdown_began_s = self._slowdown_ends_s = 0.0

    # What happens

    def sampled(self, round_trip_s: float, now_s: float) -> None:
        """A round trip was measured, on any connection; one that is not positive is dropped."""
        if not 0 < round_trip_s < UNKNOWN_S:
            return
        self._base.add(round_trip_s, now_s)
        self._samples.append((round_trip_s, now_s))
        self._sampled_s = now_s

    def received(self, count_bytes: int) -> None:
        """Bytes arrived, over any connection."""
        self._received_bytes += count_bytes

    def paused(self) -> None:
        """Nothing is fetched for a while: begin as if new, but with the base that is known."""
        policy = self._policy
        self.window_bytes = float(policy.first_window_segments * policy.segment_bytes)
        self._samples.clear()
        self._phase, self._updated_s = Phase.STARTUP, None
        self._startup_end_bytes = float(policy.max_window_bytes)
        self._received_bytes, self._slowdown_s, self._unused = 0.0, UNKNOWN_S, 0

    def update(self, now_s: float) -> None:
        """Decide again, once in a round trip at most; to be called every `tick_s`."""
        round_trip_s = self.round_trip_s(now_s)
        if round_trip_s is None:
            return
        if self._updated_s is None:
            self._updated_s, self._received_bytes = now_s, 0.0
            return
        past_s = now_s - self._updated_s
        if past_s < round_trip_s or self._sampled_s <= self._updated_s:
            return
        is_used = self._is_used(round_trip_s / past_s)
        self._updated_s, self._received_bytes = now_s, 0.0
        round_trips = min(past_s / round_trip_s, self._policy.max_round_trips)
        if self._phase is Phase.SLOWDOWN:
            self._slow_down(now_s)
        elif self._phase is Phase.STARTUP:
            self._start_up(now_s, is_used=is_used)
        elif now_s >= self._slowdown_s:
            self._begin_slowdown(now_s, round_trip_s)
        else:
            self._keep(round_trip_s, round_trips, is_used=is_used)

    # What follows from it

    @property
    def base_s(self) -> float:
        """The base round trip; infinite before the first sample."""
        return self._base.shortest_s

    @property
    def target_s(self) -> float:
        """How long the queue may be."""
        policy = self._policy
        wanted_s = self.base_s * policy.target_share
        return min(max(policy.min_target_s, wanted_s), policy.max_target_s)

    def round_trip_s(self, now_s: float) -> float | None:
        """The round trip as it is now; None if there is no sample that is recent enough."""
        fresh = [taken_s for taken_s, at_s in self._samples if now_s - at_s < self._policy.stale_s]
        return min(fresh, default=None)

    def queue_s(self, now_s: float) -> float:
        """How long packets wait now; 0.0 if that is not known."""
        round_trip_s = self.round_trip_s(now_s)
        return 0.0 if round_trip_s is None else max(0.0, round_trip_s - self.base_s)

    def rate_bytes_per_s(self, now_s: float) -> float:
        """The rate at which bytes may be read; 0.0: as fast as the window allows."""
        policy = self._policy
        round_trip_s = self.round_trip_s(now_s) or self.base_s
        if round_trip_s == UNKNOWN_S:
            round_trip_s = policy.assumed_round_trip_s
        if not round_trip_s:
            return 0.0
        wanted = policy.rate_headroom * self.window_bytes / round_trip_s
        return max(wanted, float(policy.min_rate_bytes_per_s))

    @property
    def connections(self) -> int:
        """How many connections there should be."""
        policy = self._policy
        wanted = 1 + int(self.window_bytes // policy.bytes_per_connection)
        is_startup = self._phase is Phase.STARTUP
        return min(wanted, policy.startup_connections if is_startup else policy.max_connections)

    # The phases

    def _start_up(self, now_s: float, *, is_used: bool) -> None:
        round_trip_s = self._samples[-1][0]  # a late one ends it too early, which costs little
        queue_s = round_trip_s - self.base_s
        if queue_s > self._policy.startup_end * self.target_s:
            self._set(self.window_bytes * self.base_s / round_trip_s)
            self._begin_steady(now_s)
        elif self.window_bytes >= self._startup_end_bytes:
            self._begin_steady(now_s)
        elif is_used:
            self._unused = 0
            wanted = self._policy.startup_growth * self.window_bytes
            self._set(min(wanted, self._startup_end_bytes))
        else:
            self._unused += 1
            if self._unused >= self._policy.unused_updates:
                self._begin_steady(now_s)

    def _begin_steady(self, now_s: float) -> None:
        policy = self._policy
        self._phase, self._unused = Phase.STEADY, 0
        took_s = now_s - self._slowdown_began_s if self._slowdown_began_s else 0.0
        gap_s = max(policy.min_slowdown_gap_s, policy.slowdown_factor * took_s)
        self._slowdown_s = now_s + gap_s

    def _keep(self, round_trip_s: float, round_trips: float, *, is_used: bool) -> None:
        policy = self._policy
        queue_s, target_s = round_trip_s - self.base_s, self.target_s
        if queue_s > target_s:
            lost_share = round_trips * policy.decrease * (queue_s / target_s - 1)
            self._set(self.window_bytes * (1 - min(lost_share, policy.max_decrease)))
        elif is_used:
            missing_bytes = (target_s - queue_s) / round_trip_s * self.window_bytes
            least = policy.segment_bytes * (1 - queue_s / target_s)
            self._set(self.window_bytes + round_trips * max(policy.growth * missing_bytes, least))

    def _begin_slowdown(self, now_s: float, round_trip_s: float) -> None:
        self._phase, self._slowdown_began_s = Phase.SLOWDOWN, now_s
        self._slowdown_ends_s = now_s + self._policy.slowdown_round_trips * round_trip_s
        self._startup_end_bytes = self.window_bytes
        self._set(0.0)

    def _slow_down(self, now_s: float) -> None:
        if now_s >= self._slowdown_ends_s:
            self._phase = Phase.STARTUP
            self._set(self._policy.recovered_share * self._startup_end_bytes)

    def _is_used(self, part: float) -> bool:
        """Whether enough arrived; ``part``: of the time since the last update, a round trip's."""
        return self._received_bytes * part >= self._policy.used_share * self.window_bytes

    def _set(self, window_bytes: float) -> None:
        policy = self._policy
        self.window_bytes = min(
            max(window_bytes, policy.min_window_bytes), float(policy.max_window_bytes)
        )
