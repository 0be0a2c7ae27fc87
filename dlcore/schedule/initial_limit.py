"""How many connections to begin with, before their gain could be measured.

Far away, where slow starts take longest, begin with more than in a local network. Work so short
that it is done before gain could be measured is divided among as many connections as deliver it
within a few round trips of slow start: a connection that loses a packet then delays little, and
others fetch that. Longer work begins with few, and `LimitSearch` finds out how many pay.
"""

from __future__ import annotations

from math import ceil

from dlcore.schedule.limit_policy import LimitPolicy


class InitialLimit:
    """What is known of one endpoint before its first answer.

    Args:
        policy: The constants.

    Attributes:
        count: Connections to begin with, as far as is known.
    """

    def __init__(self, policy: LimitPolicy) -> None:
        self.count = policy.initial_limit
        self._policy = policy
        self._idle_s = float("inf")  # until then nothing was in flight

    def waited(self, now_s: float, in_flight: int, left_bytes: int) -> bool:
        """Time passed without an answer.

        Returns:
            Whether that alone shows that the endpoint is far away.
        """
        if not in_flight:
            self._idle_s = now_s
        elif now_s - self._idle_s > self._policy.surely_far_s:
            self.count = initial_far(left_bytes, self._policy)
            return True
        return False

    def answered(self, round_trip_s: float, left_bytes: int) -> None:
        """The first answer came, this long after it was asked for."""
        is_far = round_trip_s > self._policy.near_s
        self.count = initial_far(left_bytes, self._policy) if is_far else self._policy.initial_near


def initial_far(left_bytes: int, policy: LimitPolicy) -> int:
    """Connections to begin with far away.

    Args:
        left_bytes: What is still to be fetched from one endpoint.
        policy: The constants.

    Returns:
        Between `initial_far` and `max_initial`.
    """
    if left_bytes > policy.short_work_bytes:
        return policy.initial_far
    windows = (1 << policy.short_work_round_trips) - 1
    wanted = ceil(left_bytes / (policy.initial_window_bytes * windows))
    return max(policy.initial_far, min(policy.max_initial, wanted))
