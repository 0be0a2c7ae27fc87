"""A network in virtual time: endpoints behind paths that slow down, break, stall and lie.

The flows of one path share its rate evenly, each up to what one connection can carry; a slow
connection carries a fraction of the others. Nothing is stepped: a path keeps the bytes that a flow
of full speed would have carried so far (its *mark*), and each flow ends when the mark reaches a
value known in advance. So an event costs O(log n), and a thousand transfers take seconds.
"""

from __future__ import annotations

import heapq
import math
from typing import NamedTuple

INITIAL_WINDOW_BYTES = 14_480
SILENT, CLOSED = 0.0, -1.0


class Terrain(NamedTuple):
    """What the way to one endpoint is like.

    Attributes:
        rate_bytes_per_s: Of all its connections together.
        connection_bytes_per_s: Of one.
        round_trip_s: Between a request and its first byte; opening a connection takes another.
        max_connections: Allowed there.
        slow: Probability that a connection is slow.
        breaks: Probability that a range breaks off.
        stalls: Probability that a range stalls for some seconds.
        bad: Probability that a block is served wrong, always.
        changes: Times, in order, at which the rate becomes a fraction of what it was first.
            `SILENT`: nothing arrives and nobody answers. `CLOSED`: all connections break, and no
            new ones are accepted.
    """

    rate_bytes_per_s: float
    connection_bytes_per_s: float
    round_trip_s: float
    max_connections: int = 16
    slow: float = 0.0
    breaks: float = 0.0
    stalls: float = 0.0
    bad: float = 0.0
    changes: tuple[tuple[float, float], ...] = ()

    @property
    def full_bytes_per_s(self) -> float:
        """What it carries when all connections are used."""
        return min(self.rate_bytes_per_s, self.connection_bytes_per_s * self.max_connections)

    @property
    def warm_up_s(self) -> float:
        """What a new connection loses until it is at full speed: opening it, and slow start.

        Source: RFC 9293 (one round trip to open), RFC 5681 and RFC 6928 (doubling from 10 segments
        each round trip).
        """
        window_bytes = min(self.connection_bytes_per_s, self.rate_bytes_per_s) * self.round_trip_s
        doublings = math.log2(max(1.0, window_bytes / INITIAL_WINDOW_BYTES))
        return self.round_trip_s * (1 + doublings / 2)


class Flow:
    """Bytes on their way."""

    __slots__ = ("begin_mark", "carried_bytes", "due", "end_mark", "is_moving", "weight")

    def __init__(self, weight: float) -> None:
        self.weight = weight
        self.carried_bytes = 0.0  # before it last began to move
        self.begin_mark = self.end_mark = 0.0
        self.is_moving = False
        self.due = 0  # counts its changes: which entry of the queue is the valid one


class Path:
    """The flows of one endpoint."""

    def __init__(self, terrain: Terrain) -> None:
        self.terrain = terrain
        self.factor = 1.0
        self._mark = 0.0
        self._as_of_s = 0.0
        self._speed = 0.0
        self._weight = 0.0
        self._ends: list[tuple[float, int, int, Flow]] = []
        self._count = 0

    def carried_bytes(self, flow: Flow) -> float:
        """So much of a flow has arrived."""
        moved = (self._mark - flow.begin_mark) * flow.weight if flow.is_moving else 0.0
        return flow.carried_bytes + moved

    def go_on(self, now_s: float) -> None:
        """Carry all flows up to now."""
        self._mark += (now_s - self._as_of_s) * self._speed
        self._as_of_s = now_s

    def move(self, flow: Flow, until_bytes: float) -> None:
        """The flow moves until it has carried so much in all; again to change that."""
        if flow.is_moving:
            flow.carried_bytes = self.carried_bytes(flow)
        else:
            self._weight += flow.weight
        flow.is_moving = True
        flow.begin_mark = self._mark
        flow.end_mark = self._mark + max(0.0, until_bytes - flow.carried_bytes) / flow.weight
        flow.due += 1
        self._count += 1
        heapq.heappush(self._ends, (flow.end_mark, self._count, flow.due, flow))
        self._set_speed()

    def stop(self, flow: Flow) -> None:
        """The flow does not move any more."""
        if flow.is_moving:
            flow.carried_bytes = self.carried_bytes(flow)
            flow.is_moving = False
            flow.due += 1
            self._weight -= flow.weight
            self._set_speed()

    def slow_to(self, factor: float) -> None:
        """The path's rate is that fraction of what it was first."""
        self.factor = factor
        self._set_speed()

    @property
    def is_closed(self) -> bool:
        """Whether nobody may connect."""
        return self.factor == CLOSED

    def next_end(self) -> tuple[float, Flow] | None:
        """When a flow will have carried what it is to carry, and which."""
        while self._ends and self._ends[0][2] != self._ends[0][3].due:
            heapq.heappop(self._ends)
        if not self._ends or not self._speed:
            return None
        end_mark, _, _, flow = self._ends[0]
        return self._as_of_s + max(0.0, end_mark - self._mark) / self._speed, flow

    def _set_speed(self) -> None:
        if self._weight > 1e-9:
            factor = max(SILENT, self.factor)
            share_bytes_per_s = self.terrain.rate_bytes_per_s * factor / self._weight
            self._speed = min(self.terrain.connection_bytes_per_s, share_bytes_per_s)
        else:
            self._weight = self._speed = 0.0
