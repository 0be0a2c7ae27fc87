"""Transfers over a simulated path, in virtual time, with as many connections as the limit says.

A fluid model in small steps. All connections share one bottleneck with a queue that drops what
does not fit.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from dlcore.schedule.concurrency_limit import ConcurrencyLimit
from dlcore.schedule.policy import Policy
from dlcore.schedule.request_size import fitted_bytes, full_bytes
from dlcore.schedule.token_bucket import TokenBucket
from tests.schedule.tcp import INITIAL_WINDOW_BYTES, MSS_BYTES, Connection, Path, goodput

MAX = 256  # connections allowed
MUCH = 1 << 40  # bytes left: no short work
BLOCK_BYTES = 1 << 20
POLICY = Policy()
MIN_DIVIDED_BYTES = 128 << 10
REVIEW_S = 0.05  # how often the caller asks for the number of connections


def clean() -> Path:
    """1 Gbit/s, 40 ms."""
    return Path(goodput(1000), 0.04)


def far() -> Path:
    """500 Mbit/s, 80 ms, one packet in a thousand lost."""
    return Path(goodput(500), 0.08, loss=0.001)


@dataclass
class Outcome:
    """How a transfer went; `history` is time, wanted connections and rate, every 50 ms."""

    elapsed_s: float = 0.0
    received_bytes: int = 0
    max_wanted: int = 0
    requests: int = 0
    history: list[tuple[float, int, float]] = field(default_factory=list)

    @property
    def rate_bytes_per_s(self) -> float:
        return self.received_bytes / self.elapsed_s

    def mean_rate_bytes_per_s(self, from_s: float, to_s: float) -> float:
        rates = [rate for at_s, _, rate in self.history if from_s <= at_s < to_s]
        return sum(rates) / len(rates)

    def wanted(self, from_s: float, to_s: float) -> list[int]:
        return [count for at_s, count, _ in self.history if from_s <= at_s < to_s]


class Transfer:
    """Fetches from one endpoint over a path, with as many connections as the limit wants.

    Args:
        limit: Decides how many.
        path: What lies between.
        total_bytes: How much there is to fetch; it never runs out if not given.
        seed: Of all chance.
        pace: The bandwidth cap.
        at: Called at each review with the time, to change the path.
        sender: Makes connections.
    """

    def __init__(
        self,
        limit: ConcurrencyLimit,
        path: Path,
        total_bytes: float = float("inf"),
        *,
        seed: int = 0,
        pace: TokenBucket | None = None,
        at: Callable[[float], None] = lambda _: None,
        sender: Callable[[Path, random.Random, float], Connection] = Connection,
    ) -> None:
        self._limit, self._path, self._at, self._sender = limit, path, at, sender
        self._pace = pace or TokenBucket()
        self._chance = random.Random(seed)
        self.left_bytes = total_bytes
        self._busy: list[Connection] = []
        self._resting: list[Connection] = []
        self._backlog_bytes = 0.0
        self._now_s = 0.0
        self._lost_rate = 0.0
        self._burst_until_s = 0.0
        self.outcome = Outcome()

    @property
    def _queue_s(self) -> float:
        return self._backlog_bytes / self._path.rate_bytes_per_s

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

    def _review(self, rate_bytes_per_s: float) -> None:
        self._at(self._now_s)
        self._lost_rate = self._chance.random() * self._path.noise
        count = self._update()
        self.outcome.max_wanted = max(count, self.outcome.max_wanted)
        self.outcome.history.append((self._now_s, count, rate_bytes_per_s))
        while len(self._busy) < count and self.left_bytes:
            connection = (
                self._resting.pop()
                if self._resting
                else self._sender(self._path, self._chance, self._now_s)
            )
            self._busy.append(connection)
            self._ask(connection)

    def _update(self) -> int:
        left_bytes = int(min(self.left_bytes, MUCH))
        in_flight = len(self._busy)
        return self._limit.update(self._now_s, in_flight, is_light=False, left_bytes=left_bytes)

    def _ask(self, connection: Connection) -> None:
        if len(self._busy) > self._path.refuses_above:
            self._limit.pushed_back(self._now_s)
        rate_bytes_per_s = self._limit.connection_bytes_per_s or BLOCK_BYTES
        length_bytes = full_bytes(
            POLICY,
            rate_bytes_per_s=rate_bytes_per_s,
            round_trip_s=self._limit.round_trip_s or 0.0,
            connections=len(self._busy),
            block_bytes=BLOCK_BYTES,
            cap_bytes_per_s=self._pace.cap_bytes_per_s,
        )
        length = fitted_bytes(POLICY, length_bytes, BLOCK_BYTES)
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
        rate_bytes_per_s = self._path.rate_bytes_per_s * (1 - self._lost_rate)
        offers = [connection.offered_bytes_per_s(now_s, queue_s) for connection in self._busy]
        inflow_bytes = sum(offers) * step_s
        there_bytes = self._backlog_bytes + inflow_bytes
        through_bytes = min(there_bytes, rate_bytes_per_s * step_s)
        room_bytes = self._path.queue_s * self._path.rate_bytes_per_s
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
            is_new = connection.is_new
            round_trip_s = connection.ready_s - connection.asked_s + self._burst_s(connection)
            self._limit.answered(round_trip_s, on_new_connection=is_new)
        count_bytes = connection.deliver(count, overflow, now_s, queue_s)
        self.outcome.received_bytes += count_bytes
        self._limit.received(count_bytes)
        connection.held_until_s = now_s + self._pace.spend(count_bytes, now_s)
        if not connection.left_bytes:
            self._next(connection)

    def _burst_s(self, connection: Connection) -> float:
        """How long an answer over a new connection waits behind the first windows of others."""
        if not connection.is_new:
            return 0.0
        connection.is_new = False
        ready_s = connection.ready_s  # the step that notices it is later, by chance
        wait_s = max(0.0, self._burst_until_s - ready_s)
        self._burst_until_s = ready_s + wait_s + INITIAL_WINDOW_BYTES / self._path.rate_bytes_per_s
        return wait_s

    def _next(self, connection: Connection) -> None:
        """Its range has ended: it asks for another, or rests if there are enough without it."""
        enough = len(self._busy) > self._update()
        if not enough and (self.left_bytes or self._is_worth_dividing()):
            self._ask(connection)
            return
        self._busy.remove(connection)
        self._resting.append(connection)

    def _is_worth_dividing(self) -> bool:
        return max(connection.left_bytes for connection in self._busy) > MIN_DIVIDED_BYTES


def running() -> ConcurrencyLimit:
    """A limit after ten seconds of a far transfer, at a moment when nothing is left to judge."""
    limit = ConcurrencyLimit(MAX)
    Transfer(limit, far()).run(9)
    for tick in range(20):
        limit.update(9 + tick * REVIEW_S, 0, is_light=False, left_bytes=MUCH)
    return limit
