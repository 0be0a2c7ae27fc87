"""When content that has a deadline may no longer wait for spare bandwidth.

Background mode takes what other traffic leaves, which may be nothing for hours and all of the link
at night. So the rate so far says little about the rate to come, and hurry is put off as long as can
be: until what is left would just be in time with the whole link, with a reserve. If it would then
be in time at the background rate, too, nothing changes. Once there is hurry, it stays: other
traffic is not to meet a load that comes and goes.
"""

from __future__ import annotations

from collections import deque

import msgspec


class DeadlinePolicy(msgspec.Struct, frozen=True):
    """The constants, each with its reason.

    Attributes:
        reserve: Factor on the time that the whole link needs at its best rate: other traffic goes
            on, and a server may be slower than the link.
        reserve_s: What verifying, retries and the start of connections need besides.
        peak_s: The best rate is over periods of at least this length. A shorter one may be a burst.
        recent_s: The background rate is that of this long, pauses included.
        assumed_bytes_per_s: The rate of the whole link while nothing is known of it: 8 Mbit/s, a
            slow line of a home.
    """

    reserve: float = 1.5
    reserve_s: float = 60.0
    peak_s: float = 10.0
    recent_s: float = 600.0
    assumed_bytes_per_s: float = 1_000_000.0


class Deadline:
    """Watches how content arrives, and says when there is hurry.

    Times are seconds on one clock, that of ``by_s``.

    Args:
        by_s: When all is to be there.
        link_bytes_per_s: The rate of the link; 0.0 if it is not known.
        policy: The constants.
    """

    def __init__(
        self, by_s: float, link_bytes_per_s: float = 0.0, policy: DeadlinePolicy | None = None
    ) -> None:
        self.by_s = by_s
        self._link_bytes_per_s = link_bytes_per_s
        self._policy = policy or DeadlinePolicy()
        self._arrived: deque[tuple[float, int]] = deque()  # when, and how much had by then
        self._peak_bytes_per_s = 0.0
        self._has_hurry = False

    def arrived(self, total_bytes: int, now_s: float) -> None:
        """Note how much has arrived until now; the number never falls."""
        policy = self._policy
        self._arrived.append((now_s, total_bytes))
        while len(self._arrived) > 2 and self._arrived[1][0] <= now_s - policy.recent_s:
            self._arrived.popleft()
        before = [entry for entry in self._arrived if entry[0] <= now_s - policy.peak_s]
        if before:
            since_s, had_bytes = before[-1]
            rate = (total_bytes - had_bytes) / (now_s - since_s)
            self._peak_bytes_per_s = max(self._peak_bytes_per_s, rate)

    def has_hurry(self, left_bytes: int, now_s: float) -> bool:
        """Whether what is left may no longer wait for spare bandwidth."""
        if left_bytes and not self._has_hurry and now_s >= self.latest_start_s(left_bytes):
            self._has_hurry = now_s + self._needs_s(left_bytes) > self.by_s
        return self._has_hurry

    def latest_start_s(self, left_bytes: int) -> float:
        """When the whole link must be used at the latest."""
        policy = self._policy
        link = max(self._link_bytes_per_s, self._peak_bytes_per_s) or policy.assumed_bytes_per_s
        return self.by_s - policy.reserve_s - policy.reserve * left_bytes / link

    def _needs_s(self, left_bytes: int) -> float:
        """How long what is left takes at the recent rate."""
        if not self._arrived:
            return float("inf")
        (first_s, first_bytes), (last_s, last_bytes) = self._arrived[0], self._arrived[-1]
        if last_s <= first_s or last_bytes <= first_bytes:
            return float("inf")
        return left_bytes * (last_s - first_s) / (last_bytes - first_bytes)
