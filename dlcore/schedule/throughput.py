"""What one endpoint delivers: throughput samples, and what they say.

Idle time does not count: a rate is bytes per second in which at least one request was in flight,
and a connection's rate is bytes per second of one request in flight. `ThroughputMeter` counts the
bytes as they arrive and is read a few times per round trip. `ThroughputSamples` cuts the time into
intervals with an unchanged limit, one sample each, so that limits can be compared.

A sample is the rate over an interval, and rates are medians of samples, because bytes arrive in
bursts. Samples differ even when nothing was changed; that is the *noise*, and more noise makes the
intervals longer. Nothing is concluded from idle time, from intervals in which the number in flight
was not the limit, or from the slow start of new connections. Not here: what follows from it.
"""

from __future__ import annotations

from math import exp, log2
from statistics import fmean, median
from typing import NamedTuple

from dlcore.schedule.limit_policy import LimitPolicy
from dlcore.schedule.round_trip import RoundTrips


class Interval(NamedTuple):
    """What arrived between two cuts.

    Attributes:
        received_bytes: Over all connections.
        busy_s: Seconds with at least one request in flight.
        in_flight_s: Seconds in flight, summed over all requests.
        round_trips: Number of round-trip samples.
        late: How many of them exceeded the base round trip: they waited in a queue.
        waited_s: Their sum: time in flight in which a connection had nothing to receive yet.
    """

    received_bytes: float = 0.0
    busy_s: float = 0.0
    in_flight_s: float = 0.0
    round_trips: float = 0.0
    late: float = 0.0
    waited_s: float = 0.0

    @property
    def bytes_per_s(self) -> float:
        """Of all connections together, while any was busy."""
        return self.received_bytes / self.busy_s if self.busy_s else 0.0

    @property
    def in_flight(self) -> float:
        """Mean number of requests in flight, while there was any."""
        return self.in_flight_s / self.busy_s if self.busy_s else 0.0

    def and_then(self, later: Interval, fade: float = 1.0) -> Interval:
        """This interval, weighted by `fade`, and a later one as one."""
        sums = [own * fade + other for own, other in zip(self, later, strict=True)]
        return Interval(*sums)


class ThroughputMeter:
    """Counts what one endpoint delivers.

    Args:
        policy: The constants.
    """

    def __init__(self, policy: LimitPolicy) -> None:
        self._policy = policy
        self._path = RoundTrips(policy)
        self._received_bytes = 0  # this and the next three: since the last reading
        self._round_trips = self._late = 0
        self._waited_s = 0.0
        self._interval = self._recent = Interval()
        self._read_s = float("inf")
        self._in_flight = 0

    def received(self, count_bytes: int) -> None:
        """Bytes arrived, over any connection."""
        self._received_bytes += count_bytes

    def answered(self, round_trip_s: float, *, on_new_connection: bool = False) -> None:
        """A first byte arrived, this long after it was asked for; see `RoundTrips.add`."""
        if self._path.add(round_trip_s, on_new_connection=on_new_connection):
            self._late += 1
        self._round_trips += 1
        self._waited_s += round_trip_s

    @property
    def round_trip_s(self) -> float | None:
        """From a request to its first byte, smoothed; None before the first answer."""
        return self._path.smoothed_s

    @property
    def base_round_trip_s(self) -> float:
        """That of the empty path; 0.0 before the first answer."""
        return self._path.base_s

    @property
    def is_near(self) -> bool:
        """Whether the endpoint is in the local network, as far as the base round trip tells."""
        return self.base_round_trip_s <= self._policy.near_s

    @property
    def connection_bytes_per_s(self) -> float | None:
        """Recent rate of one request in flight; None before the first byte."""
        recent = self._recent
        if not (recent.in_flight_s and recent.received_bytes):
            return None
        return recent.received_bytes / recent.in_flight_s

    @property
    def flow_bytes_per_s(self) -> float:
        """Recent rate of one connection while its bytes flow; 0.0 if it cannot be told."""
        flow_s = self._recent.in_flight_s - self._recent.waited_s
        return self._recent.received_bytes / flow_s if flow_s > 0 else 0.0

    def read(self, now_s: float, in_flight: int) -> None:
        """Count what arrived since the last reading; from now on this many are in flight."""
        past_s = max(0.0, now_s - self._read_s)
        busy_s = past_s if self._in_flight else 0.0
        latest = Interval(
            received_bytes=self._received_bytes,
            busy_s=busy_s,
            in_flight_s=past_s * self._in_flight,
            round_trips=self._round_trips,
            late=self._late,
            waited_s=self._waited_s,
        )
        self._interval = self._interval.and_then(latest)
        self._path.renew(now_s)
        if self.round_trip_s is not None:  # nothing could arrive before
            self._recent = self._recent.and_then(latest, exp(-busy_s / self._policy.recent_s))
        self._read_s, self._in_flight = now_s, in_flight
        self._received_bytes = self._round_trips = self._late = 0
        self._waited_s = 0.0

    def cut(self) -> Interval:
        """End the interval at the last reading, begin another, and return the one that ended."""
        ended, self._interval = self._interval, Interval()
        return ended


class ThroughputSample(NamedTuple):
    """One interval.

    Attributes:
        bytes_per_s: Rate of all connections together.
        late_share: Share of the round trips that was late; of an earlier interval if it had none.
        is_fresh: Whether the interval had round-trip samples of its own.
    """

    bytes_per_s: float
    late_share: float
    is_fresh: bool


class ThroughputSamples:
    """The throughput samples of one endpoint since its limit changed.

    Args:
        meter: Counts what the endpoint delivers.
        policy: The constants.

    Attributes:
        is_startup: Whether all connections are in their first slow start.
        noise: How much rates differ from sample to sample although nothing was changed.
    """

    def __init__(self, meter: ThroughputMeter, policy: LimitPolicy) -> None:
        self.is_startup = True
        self.noise = 0.0
        self._meter, self._policy = meter, policy
        self._samples: list[ThroughputSample] = []  # latest last
        self._late_share = 0.0  # in the last interval with round-trip samples
        self._is_waiting = True  # no interval has begun since the limit changed
        self._ends_s = float("-inf")

    # What they say

    @property
    def count(self) -> int:
        """Number of samples."""
        return len(self._samples)

    @property
    def bytes_per_s(self) -> float:
        """Recent rate of all connections together."""
        latest = self._samples[-self._policy.samples :]
        return median(sample.bytes_per_s for sample in latest)

    @property
    def latest_bytes_per_s(self) -> float:
        """Mean rate of the two latest samples, or of the only one: one alone may be a burst."""
        return fmean(sample.bytes_per_s for sample in self._samples[-2:])

    def highest_bytes_per_s(self, count: int) -> float:
        """The highest rate of the latest samples."""
        return max(sample.bytes_per_s for sample in self._samples[-count:])

    @property
    def mean_bytes_per_s(self) -> float:
        """Mean rate of all samples: over a longer time than the others, bursts included."""
        return fmean(sample.bytes_per_s for sample in self._samples)

    @property
    def is_queued(self) -> bool:
        """Whether a queue stands: the link is full. Certain only with the second sample."""
        count = 1 if self.is_startup else 2
        late_share = min(sample.late_share for sample in self._samples[-count:])
        return late_share > self._policy.queued_share

    @property
    def is_fresh(self) -> bool:
        """Whether the latest sample had round trips: whether `is_queued` is about now."""
        return self._samples[-1].is_fresh

    @property
    def is_rising(self) -> bool:
        """Whether slow starts go on."""
        first, latest = self._samples[0], self._samples[-1]
        return latest.bytes_per_s > self._policy.rising * first.bytes_per_s

    # Intervals

    def end_interval(self, limit: int) -> bool:
        """End the interval that is due.

        Args:
            limit: The number that was to be in flight.

        Returns:
            Whether it gave a sample. In any case `begin_interval` comes next.
        """
        interval = self._meter.cut()
        if interval.round_trips:
            self._late_share = interval.late / interval.round_trips
        if self._is_waiting:
            self._is_waiting = False
            return False
        if not self._tells_something(interval, limit):
            return False
        latest = ThroughputSample(interval.bytes_per_s, self._late_share, interval.round_trips > 0)
        self._samples = [*self._samples[1 - self._policy.max_samples :], latest]
        if len(self._samples) > 2 and not self.is_startup:
            self._measure_noise(*(sample.bytes_per_s for sample in self._samples[-3:]))
        return True

    def begin_interval(self, now_s: float) -> None:
        """The next interval begins, unless new connections are not up to speed yet."""
        if self._is_waiting:
            return
        self._meter.cut()
        policy = self._policy
        stretch = min(policy.max_stretch, 1 + policy.noise_stretch * self.noise)
        base_s, current_s = self._meter.base_round_trip_s, self._meter.round_trip_s or 0.0
        if self.is_startup:
            length_s = max(policy.startup_interval_s, base_s)
        else:
            round_trips_s = (
                policy.interval_round_trips * base_s,
                policy.queued_round_trips * current_s,
            )
            length_s = max(policy.interval_s, *round_trips_s)
        self._ends_s = now_s + stretch * length_s

    def is_due(self, now_s: float) -> bool:
        """Whether an interval ends, or the first is to begin."""
        return now_s >= self._ends_s

    def forget(self, *, all_but: int = 0) -> None:
        """The samples so far tell nothing any more, except for this many of the latest."""
        self._samples = self._samples[len(self._samples) - all_but :]

    def end_startup(self) -> None:
        """The slow starts are over; the samples count on."""
        self.is_startup = False

    def wait_for_new_connections(self, now_s: float) -> None:
        """The limit was changed: intervals begin again when new connections are up to speed.

        That takes two round trips to their first bytes, and one for every doubling in slow start.
        """
        policy, base_s = self._policy, self._meter.base_round_trip_s
        window_bytes = (self._meter.connection_bytes_per_s or 0.0) * base_s
        doublings = min(policy.max_doublings, log2(1 + window_bytes / policy.initial_window_bytes))
        self._ends_s = now_s + max(policy.interval_s / 2, base_s * (2 + doublings))
        self._samples, self._is_waiting, self.is_startup = [], True, False

    def _tells_something(self, interval: Interval, limit: int) -> bool:
        policy = self._policy
        max_off = policy.max_off_startup if self.is_startup else policy.max_off
        is_manned = abs(interval.in_flight - limit) <= max(1.0, max_off * limit)
        return is_manned and interval.bytes_per_s > 0

    def _measure_noise(self, first: float, second: float, third: float) -> None:
        """A trend is not noise: what counts is how far a sample is off its neighbors' mean."""
        difference = abs(first - 2 * second + third) / 3**0.5
        noise = difference / (first + second + third) * 1.5
        self.noise += (noise - self.noise) * self._policy.noise_smoothing
