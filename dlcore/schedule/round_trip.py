"""Round-trip samples of one endpoint: the base round trip, and which samples waited in a queue.

The base round trip is that of an empty path: the shortest of a minute. What exceeds it was spent in
a queue, so the link was full then.

The first answer on a new connection takes at least two round trips, since the connection has to be
opened. Such answers are compared with each other. Half of the shortest is all that is known of the
base at first.
"""

from __future__ import annotations

from dlcore.schedule.limit_policy import LimitPolicy

UNKNOWN_S = float("inf")


class RoundTrips:
    """The round trips of one endpoint.

    Args:
        policy: The constants.

    Attributes:
        smoothed_s: From a request to its first byte; None before the first answer.
    """

    def __init__(self, policy: LimitPolicy) -> None:
        self.smoothed_s: float | None = None
        self._policy = policy
        self._new = _ShortestRoundTrip(policy.base_lifetime_s)
        self._reused = _ShortestRoundTrip(policy.base_lifetime_s)
        self._reused_count = 0

    @property
    def base_s(self) -> float:
        """The base round trip; 0.0 before the first answer.

        The first answers on open connections may all have waited in the queue that slow start left,
        so until there are `base_samples` of them, half of what opening took counts too. Later it
        does not: a server's own time is in both, and half of it would be missing.
        """
        if self.smoothed_s is None:
            return 0.0
        if self._reused_count >= self._policy.base_samples:
            return self._reused.shortest_s
        opening_s = self._new.shortest_s / self._policy.opening_round_trips
        return min(self._reused.shortest_s, opening_s)

    def add(self, round_trip_s: float, *, on_new_connection: bool) -> bool:
        """Count a sample.

        Args:
            round_trip_s: Seconds from a request to its first byte.
            on_new_connection: Whether they include opening a connection.

        Returns:
            Whether it is late: it waited in a queue.
        """
        if on_new_connection:
            self._new.add(round_trip_s)
            self._smooth(round_trip_s / self._policy.opening_round_trips)
            return self._is_late(round_trip_s, self._new.shortest_s)
        self._reused_count += 1
        self._reused.add(round_trip_s)
        self._smooth(round_trip_s)
        return self._is_late(round_trip_s, self.base_s)

    def renew(self, now_s: float) -> None:
        """Forget what is too old."""
        self._new.renew(now_s)
        self._reused.renew(now_s)

    def _smooth(self, round_trip_s: float) -> None:
        before_s = round_trip_s if self.smoothed_s is None else self.smoothed_s
        weight = self._policy.round_trip_smoothing
        self.smoothed_s = before_s + (round_trip_s - before_s) * weight

    def _is_late(self, round_trip_s: float, base_s: float) -> bool:
        policy = self._policy
        tolerance_s = max(policy.min_late_s, base_s * policy.late_share)
        return round_trip_s - base_s > min(policy.max_late_s, tolerance_s)


class _ShortestRoundTrip:
    """The shortest round trip of the last half or whole period."""

    def __init__(self, lifetime_s: float) -> None:
        self._lifetime_s = lifetime_s
        self._current_s = self._before_s = UNKNOWN_S
        self._renewed_s = 0.0

    @property
    def shortest_s(self) -> float:
        """Infinite if there was none."""
        return min(self._current_s, self._before_s)

    def add(self, round_trip_s: float) -> None:
        """Count a round trip."""
        self._current_s = min(self._current_s, round_trip_s)

    def renew(self, now_s: float) -> None:
        """Forget what is older than the period, if there is something newer."""
        if now_s - self._renewed_s > self._lifetime_s / 2 and self._current_s < UNKNOWN_S:
            self._renewed_s = now_s
            self._before_s, self._current_s = self._current_s, UNKNOWN_S
