"""A simulated path with TCP connections on it, in virtual time: what `Crew` has to cope with.

A fluid model in small steps. A connection opens in one round trip, asks for one range after the
other (an idle round trip between them), starts slowly from ten segments, and from its first loss
on follows CUBIC: a loss costs three tenths of the window. All share one bottleneck with a queue
that drops what does not fit. Against real CUBIC over a lossy link of the same figures, the rates
of 16 to 100 connections agree, except that the real ones lose what slow start gave them about
twice as fast. Sources: RFC 9438 (CUBIC), RFC 6928 (initial window), RFC 5681 4.1 (idle restart).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from dlcore.schedule.crew import Crew
from dlcore.schedule.lengths import range_bytes
from dlcore.schedule.pace import Pace

MSS_BYTES = 1448
BLOCK_BYTES = 1 << 20
MEMORY_BYTES = 48 << 20
WINDOW_BYTES = 6 << 20  # the largest receive window of Linux (tcp_rmem)
LEAST_DIVIDED_BYTES = 128 << 10
REVIEW_S = 0.05  # how often the caller asks for the number of connections


def goodput(mbit_s: float) -> float:
    """Bytes of payload per second over a link of so many Mbit/s."""
    return mbit_s * 125_000 * 1448 / 1500


@dataclass
class Path:
    """What lies between client and server; may be changed while the transfer runs.

    Attributes:
        rate_bps: Of the bottleneck, in bytes of payload per second.
        round_trip_s: Without queueing.
        loss: Probability that a segment is lost.
        throttle_bps: What the server gives one connection.
        latency_s: What the server needs before the first byte of each answer.
        noise: The bottleneck's rate drops by up to this fraction, anew every 50 ms.
        queue_s: How much the bottleneck queues.
        refuses_above: With more connections than this, a request is pushed back (503).
    """

    rate_bps: float
    round_trip_s: float
    loss: float = 0.0
    throttle_bps: float = float("inf")
    latency_s: float = 0.0
    noise: float = 0.0
    queue_s: float = 0.05
    refuses_above: int = 1 << 30


class Connection:
    """One TCP connection that fetches a range at a time."""

    def __init__(self, path: Path, chance: random.Random, now_s: float) -> None:
        self._path, self._chance = path, chance
        # When it is open; later: when the first byte comes. No two take exactly as long.
        self.ready_s = now_s + path.round_trip_s * chance.uniform(1.0, 1.2)
        self.asked_s = now_s
        self.idle_since_s = now_s
        self.left_bytes = 0.0
        self.answered = True
        self.held_until_s = 0.0
        self._window = 10.0  # segments
        self._threshold = float("inf")
        self._peak = 0.0
        self._throttle_bps = path.throttle_bps * chance.uniform(0.9, 1.1)
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

    def offered_bps(self, now_s: float, queue_s: float) -> float:
        if not self.left_bytes or now_s < self.ready_s or now_s < self.held_until_s:
            return 0.0
        window_bytes = min(self._window * MSS_BYTES, WINDOW_BYTES)
        return min(window_bytes / (self._path.round_trip_s + queue_s), self._throttle_bps)

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


@dataclass
class Outcome:
    """How a transfer went; `history` is time, wanted connections and rate, every 50 ms."""

    elapsed_s: float = 0.0
    received_bytes: int = 0
    most_wanted: int = 0
    requests: int = 0
    history: list[tuple[float, int, float]] = field(default_factory=list)

    @property
    def rate_bps(self) -> float:
        return self.received_bytes / self.elapsed_s

    def mean_rate_bps(self, from_s: float, to_s: float) -> float:
        rates = [rate for at_s, _, rate in self.history if from_s <= at_s < to_s]
        return sum(rates) / len(rates)

    def wanted(self, from_s: float, to_s: float) -> list[int]:
        return [count for at_s, count, _ in self.history if from_s <= at_s < to_s]


class Transfer:
    """Fetches from one endpoint over a path, with as many connections as the crew wants.

    Args:
        crew: Decides how many.
        path: What lies between.
        total_bytes: How much there is to fetch; it never runs out if not given.
        seed: Of all chance.
        pace: The bandwidth cap.
        at: Called at each review with the time, to change the path.
        sender: Makes connections.
    """

    def __init__(
        self,
        crew: Crew,
        path: Path,
        total_bytes: float = float("inf"),
        *,
        seed: int = 0,
        pace: Pace | None = None,
        at: Callable[[float], None] = lambda _: None,
        sender: Callable[[Path, random.Random, float], Connection] = Connection,
    ) -> None:
        self._crew, self._path, self._at, self._sender = crew, path, at, sender
        self._pace = pace or Pace()
        self._chance = random.Random(seed)
        self.left_bytes = total_bytes
        self._busy: list[Connection] = []
        self._resting: list[Connection] = []
        self._backlog_bytes = 0.0
        self._now_s = 0.0
        self._lost_rate = 0.0
        self.outcome = Outcome()

    @property
    def _queue_s(self) -> float:
        return self._backlog_bytes / self._path.rate_bps

    def run(self, seconds: float = float("inf")) -> Outcome:
        """Until all is there, or so many more seconds have gone by."""
        until_s = self._now_s + seconds
        step_s = min(0.01, max(0.002, self._path.round_trip_s / 8))
        review_s, counted_bytes, counted_s = 0.0, 0, -REVIEW_S
        while self._now_s < until_s and (self._busy or self.left_bytes):
            if self._now_s >= review_s:
                self._review(
                    (self.outcome.received_bytes - counted_bytes) / (self._now_s - counted_s)
                )
                counted_bytes, counted_s = self.outcome.received_bytes, self._now_s
                review_s = self._now_s + REVIEW_S
            self._step(step_s)
            self._now_s += step_s
        self.outcome.elapsed_s = self._now_s
        return self.outcome

    def _review(self, rate_bps: float) -> None:
        self._at(self._now_s)
        self._lost_rate = self._chance.random() * self._path.noise
        count = self._crew.wanted(self._now_s, len(self._busy))
        self.outcome.most_wanted = max(count, self.outcome.most_wanted)
        self.outcome.history.append((self._now_s, count, rate_bps))
        while len(self._busy) < count and self.left_bytes:
            connection = (
                self._resting.pop()
                if self._resting
                else self._sender(self._path, self._chance, self._now_s)
            )
            self._busy.append(connection)
            self._ask(connection)

    def _ask(self, connection: Connection) -> None:
        if len(self._busy) > self._path.refuses_above:
            self._crew.pushed_back(self._now_s)
        length = range_bytes(
            rate_bps=self._crew.connection_bps,
            round_trip_s=self._crew.round_trip_s,
            connections=len(self._busy),
            block_bytes=BLOCK_BYTES,
            memory_bytes=MEMORY_BYTES,
            cap_bps=self._pace.cap_bps,
        )
        if not self.left_bytes:  # at the end, half of what somebody else has still to fetch
            victim = max(self._busy, key=lambda other: other.left_bytes)
            length = victim.left_bytes = int(victim.left_bytes // 2)
        else:
            length = int(min(length, self.left_bytes))
            self.left_bytes -= length
        self.outcome.requests += 1
        connection.ask(length, self._now_s, self._queue_s)

    def _step(self, step_s: float) -> None:
        now_s, queue_s = self._now_s, self._queue_s
        rate_bps = self._path.rate_bps * (1 - self._lost_rate)
        offers = [connection.offered_bps(now_s, queue_s) for connection in self._busy]
        inflow_bytes = sum(offers) * step_s
        there_bytes = self._backlog_bytes + inflow_bytes
        through_bytes = min(there_bytes, rate_bps * step_s)
        room_bytes = self._path.queue_s * self._path.rate_bps
        dropped_bytes = max(0.0, there_bytes - through_bytes - room_bytes)
        self._backlog_bytes = there_bytes - through_bytes - dropped_bytes
        overflow = dropped_bytes / MSS_BYTES / len(offers) if offers else 0.0
        for connection, offer in zip(tuple(self._busy), offers, strict=True):
            if offer:
                count = through_bytes * offer * step_s / inflow_bytes
                self._arrive(connection, count, overflow, queue_s)

    def _arrive(
        self, connection: Connection, count: float, overflow: float, queue_s: float
    ) -> None:
        now_s = self._now_s
        if not connection.answered:
            connection.answered = True
            self._crew.answered(connection.ready_s - connection.asked_s)
        count_bytes = connection.deliver(count, overflow, now_s, queue_s)
        self.outcome.received_bytes += count_bytes
        self._crew.received(count_bytes, now_s)
        connection.held_until_s = now_s + self._pace.spend(count_bytes, now_s)
        if not connection.left_bytes:
            self._next(connection)

    def _next(self, connection: Connection) -> None:
        """Its range has ended: it asks for another, or rests if there are enough without it."""
        enough = len(self._busy) > self._crew.wanted(self._now_s, len(self._busy))
        if not enough and (self.left_bytes or self._is_worth_dividing()):
            self._ask(connection)
            return
        self._busy.remove(connection)
        self._resting.append(connection)

    def _is_worth_dividing(self) -> bool:
        return max(connection.left_bytes for connection in self._busy) > LEAST_DIVIDED_BYTES
