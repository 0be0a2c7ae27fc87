"""A simulated path with TCP connections on it, in virtual time: what `ConcurrencyLimit` copes with.

A connection opens in one round trip, asks for one range after the other (an idle round trip
between them), starts slowly from ten segments, and from its first loss on follows CUBIC: a loss
costs three tenths of the window. Against real CUBIC over a lossy link of the same figures, the
rates of 16 to 100 connections agree, except that the real ones lose what slow start gave them
about twice as fast. Sources: RFC 9438 (CUBIC), RFC 6928 (initial window), RFC 5681 4.1 (idle
restart).
"""

from __future__ import annotations

import random
from dataclasses import dataclass

MSS_BYTES = 1448
INITIAL_WINDOW_BYTES = 10 * MSS_BYTES
WINDOW_BYTES = 6 << 20  # the largest receive window of Linux (tcp_rmem)


def goodput(mbit_s: float) -> float:
    """Bytes of payload per second over a link of so many Mbit/s."""
    return mbit_s * 125_000 * 1448 / 1500


@dataclass
class Path:
    """What lies between client and server; may be changed while the transfer runs.

    Attributes:
        rate_bytes_per_s: Of the bottleneck, in bytes of payload per second.
        round_trip_s: Without queueing.
        loss: Probability that a segment is lost.
        throttle_bytes_per_s: What the server gives one connection.
        latency_s: What the server needs before the first byte of each answer.
        noise: The bottleneck's rate drops by up to this fraction, anew every 50 ms.
        queue_s: How much the bottleneck queues.
        refuses_above: With more connections than this, a request is pushed back (503).
    """

    rate_bytes_per_s: float
    round_trip_s: float
    loss: float = 0.0
    throttle_bytes_per_s: float = float("inf")
    latency_s: float = 0.0
    noise: float = 0.0
    queue_s: float = 0.05
    refuses_above: int = 1 << 30


class Connection:
    """One TCP connection that fetches a range at a time."""

    def __init__(self, path: Path, chance: random.Random, now_s: float) -> None:
        self._path, self._chance = path, chance
        # When it is open; later: when the first byte comes. No two take exactly as long.
        self.ready_s = now_s + path.round_trip_s * chance.uniform(1.0, 1.02)
        self.asked_s = now_s
        self.idle_since_s = now_s
        self.left_bytes = 0.0
        self.answered = True
        self.is_new = True
        self.held_until_s = 0.0
        self._window = 10.0  # segments
        self._threshold = float("inf")
        self._peak = 0.0
        self._throttle_bytes_per_s = path.throttle_bytes_per_s * chance.uniform(0.9, 1.1)
        self._zeal = chance.uniform(0.6, 1.0)  # bursts and delayed answers: no two grow alike
        self._cut_s = -1.0
        self._back_s = 0.0  # from the cut until the window is at its peak again
        self._until_loss = self._next_loss()

    def ask(self, count_bytes: int, now_s: float, queue_s: float) -> None:
        path = self._path
        if now_s - self.idle_since_s > 0.2 + path.round_trip_s:
            self._window = min(self._window, 10.0)
            self._threshold = max(self._threshold, self._peak)
        sent_s = max(now_s, self.ready_s)
        self.ready_s = sent_s + path.round_trip_s + path.latency_s + queue_s
        self.asked_s, self.left_bytes, self.answered = now_s, float(count_bytes), False

    def offered_bytes_per_s(self, now_s: float, queue_s: float) -> float:
        if not self.left_bytes or now_s < self.ready_s or now_s < self.held_until_s:
            return 0.0
        window_bytes = min(self._window * MSS_BYTES, WINDOW_BYTES)
        return min(window_bytes / (self._path.round_trip_s + queue_s), self._throttle_bytes_per_s)

    def deliver(self, count_bytes: float, overflow: float, now_s: float, queue_s: float) -> int:
        count_bytes = min(count_bytes, self.left_bytes)
        self.left_bytes -= count_bytes
        if self.left_bytes < 1:
            self.left_bytes, self.idle_since_s = 0.0, now_s
        segments = count_bytes / MSS_BYTES
        self._until_loss -= segments * self._path.loss
        if self._until_loss <= 0 or self._chance.random() < overflow:
            self._until_loss = self._next_loss()
            self._lose(now_s, queue_s)
        else:
            self._grow(segments, now_s, queue_s)
        return int(count_bytes)

    def _next_loss(self) -> float:
        return self._chance.expovariate(1.0)

    def _lose(self, now_s: float, queue_s: float) -> None:
        if now_s - self._cut_s < self._path.round_trip_s + queue_s:
            return  # one cut a round trip
        self._cut_s, self._peak = now_s, self._window
        self._window = self._threshold = max(2.0, self._window * 0.7)
        self._back_s = (self._peak * 0.3 / 0.4) ** (1 / 3)

    def _grow(self, segments: float, now_s: float, queue_s: float) -> None:
        if self._window < self._threshold:
            self._window += segments * self._zeal
            return
        since_s = now_s - self._cut_s
        cubic = 0.4 * (since_s - self._back_s) ** 3 + self._peak
        reno = self._peak * 0.7 + 0.53 * since_s / (self._path.round_trip_s + queue_s)
        self._window = min(max(self._window, cubic, reno), self._window + segments / 2)
