"""How many connections to begin with, before their gain could be measured.

A few, which suffice on a clean path: what they lack, slow start brings within some round trips.
Where these round trips are long, or a good part of the work, it begins with more, as far as the
path has room for their first windows. The first answers tell that. All were asked for at once, so
one comes after another as soon as the bottleneck has sent the first window of the one before: they
are a packet train (Jain and Routhier, 1986), whose gaps give the bottleneck's rate. Where the
server is what delays the answers, the rate seems lower, and the start is only less wide.
"""

from __future__ import annotations

from itertools import pairwise
from math import ceil

from dlcore.schedule.limit_policy import LimitPolicy

MIN_GAP_S = 0.0002  # what an event loop needs for an answer


class InitialLimit:
    """Waits for the first answers of one endpoint, and decides.

    Args:
        policy: The constants.
    """

    def __init__(self, policy: LimitPolicy) -> None:
        self._policy = policy
        self._round_trips_s: list[float] = []
        self._first_answer_s: float | None = None

    def answered(self, round_trip_s: float) -> None:
        """One of the first answers began, this long after it was asked for."""
        self._round_trips_s.append(round_trip_s)

    def decide(self, now_s: float, in_flight: int, left_bytes: int) -> int | None:
        """How many connections to go on with.

        Args:
            now_s: The time in seconds.
            in_flight: How many requests are.
            left_bytes: What is still to be fetched from the endpoint.

        Returns:
            None until all answers have begun, or have been waited for long enough.
        """
        if not self._round_trips_s:
            return None
        if self._first_answer_s is None:
            self._first_answer_s = now_s
        shortest_s = min(self._round_trips_s)
        waited_s = now_s - self._first_answer_s
        if waited_s > self._policy.first_answers_share * shortest_s:
            return self._policy.initial_limit
        if len(self._round_trips_s) < in_flight:
            return None
        base_s = shortest_s / self._policy.opening_round_trips
        return wide_limit(self._train_bytes_per_s(), base_s, left_bytes, self._policy)

    def _train_bytes_per_s(self) -> float:
        """One window in a short gap: a busy event loop makes most gaps longer, and few shorter."""
        gaps_s = [later - earlier for earlier, later in pairwise(sorted(self._round_trips_s))]
        if not gaps_s:
            return 0.0
        return self._policy.initial_window_bytes / max(MIN_GAP_S, sorted(gaps_s)[len(gaps_s) // 4])


def wide_limit(bytes_per_s: float, base_s: float, left_bytes: int, policy: LimitPolicy) -> int:
    """Connections to begin with.

    Args:
        bytes_per_s: Rate of the bottleneck.
        base_s: The base round trip.
        left_bytes: What is to be fetched.
        policy: The constants.

    Returns:
        Between `initial_limit` and `max_initial`.
    """
    path_bytes = bytes_per_s * base_s
    if left_bytes <= policy.brief_round_trips * path_bytes:
        max_limit = policy.max_initial
    elif left_bytes <= policy.short_round_trips * path_bytes or base_s >= policy.long_s:
        max_limit = policy.lossy_limit
    else:
        max_limit = policy.initial_limit
    fills = ceil(path_bytes / (policy.initial_window_bytes << policy.wide_doublings))
    return max(policy.initial_limit, min(max_limit, fills))
