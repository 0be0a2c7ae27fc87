"""A simulated sender that models the path, as BBR does: it takes no notice of loss.

It sends at the highest rate it has seen of late, and now and then probes for more. Many of them
on one link have all seen too much, so a queue stands nearly all the time, and overflows. What is
behind a lost segment waits a round trip for it, so the reader gets its bytes in bursts.
Source: draft-cardwell-iccrg-bbr-congestion-control-00 (BBR version 1, as Linux has it).
"""

from __future__ import annotations

import random
from collections import deque

from tests.schedule.tcp import MSS_BYTES, WINDOW_BYTES, Connection, Path

INITIAL_BYTES = 10 * MSS_BYTES
STARTUP_GAIN, WINDOW_GAIN = 2.89, 2.0
CYCLE = (1.25, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)  # of pacing, a round trip each
FILTER_ROUND_TRIPS = 10  # the highest rate in so many counts
STILL_RISING, PATIENCE = 1.25, 3  # startup ends after so many round trips without such a rise
PROBE_EVERY_S, PROBE_S, PROBE_SEGMENTS = 10.0, 0.2, 4  # it lets the queue drain, to see the path


class BbrConnection(Connection):
    """One connection with such a sender."""

    def __init__(self, path: Path, chance: random.Random, now_s: float) -> None:
        super().__init__(path, chance, now_s)
        self._rates = deque([INITIAL_BYTES / path.round_trip_s], maxlen=FILTER_ROUND_TRIPS)
        self._round_s, self._round_bytes, self._was_idle = now_s, 0.0, True
        self._rising_bytes_per_s, self._patience = 0.0, PATIENCE
        self._phase = chance.randrange(len(CYCLE))
        self._opened_s = now_s
        self._waiting_bytes = 0.0  # behind a hole
        self._hole_until_s = 0.0

    def ask(self, count_bytes: int, now_s: float, queue_s: float) -> None:
        super().ask(count_bytes, now_s, queue_s)
        self._was_idle = True

    def offered_bytes_per_s(self, now_s: float, queue_s: float) -> float:
        if not self.left_bytes or now_s < self.ready_s or now_s < self.held_until_s:
            return 0.0
        path_s, rate_bytes_per_s = self._path.round_trip_s, max(self._rates)
        is_probing = (now_s - self._opened_s) % PROBE_EVERY_S > PROBE_EVERY_S - PROBE_S
        if is_probing or self._waiting_bytes >= self.left_bytes:  # then it only fills the hole
            return PROBE_SEGMENTS * MSS_BYTES / (path_s + queue_s)
        if self._patience > 0:
            return STARTUP_GAIN * self._zeal * rate_bytes_per_s * path_s / (path_s + queue_s)
        if self._patience == 0:  # what startup put into the queue flows off
            return rate_bytes_per_s / STARTUP_GAIN
        window_bytes = min(WINDOW_GAIN * rate_bytes_per_s * path_s, WINDOW_BYTES)
        return min(CYCLE[self._phase] * rate_bytes_per_s, window_bytes / (path_s + queue_s))

    def deliver(self, count_bytes: float, overflow: float, now_s: float, queue_s: float) -> int:
        self._waiting_bytes += min(count_bytes, self.left_bytes - self._waiting_bytes)
        self._round_bytes += count_bytes
        if now_s - self._round_s >= self._path.round_trip_s + queue_s:
            self._end_round(now_s)
        if now_s < self._hole_until_s:
            return 0
        loss = overflow + self._path.loss * count_bytes / MSS_BYTES
        if self._chance.random() < loss:
            self._hole_until_s = now_s + self._path.round_trip_s + queue_s
        arrived_bytes, self._waiting_bytes = min(self._waiting_bytes, self.left_bytes), 0.0
        self.left_bytes -= arrived_bytes
        if self.left_bytes < 1:
            self.left_bytes, self.idle_since_s = 0.0, now_s
        return int(arrived_bytes)

    def _end_round(self, now_s: float) -> None:
        rate_bytes_per_s = self._round_bytes / (now_s - self._round_s)
        if not self._was_idle or rate_bytes_per_s > max(self._rates):
            self._rates.append(rate_bytes_per_s)
        if rate_bytes_per_s > STILL_RISING * self._rising_bytes_per_s:
            self._rising_bytes_per_s, self._patience = rate_bytes_per_s, PATIENCE
        else:
            self._patience = max(-1, self._patience - 1)
        self._phase = (self._phase + 1) % len(CYCLE)
        self._round_s, self._round_bytes, self._was_idle = now_s, 0.0, False
