"""Rates and round trips of one endpoint, as measured.

Idle time does not count: a rate is bytes per second in which at least one connection was at
work, and a connection's rate is bytes per second of one connection's work. Bytes are counted as
they come and looked at a few times a round trip, so bursts do not matter.
"""

from __future__ import annotations

from math import exp
from typing import NamedTuple

SMOOTHING = 1 / 8  # of a round trip. Source: RFC 6298, section 2.3 (alpha)
RECENT_S = 0.5  # long enough for bursts to even out, short enough to follow slow start
PATH_S = 10.0  # the shortest round trip of that long is the path's own, without queueing.
# Source: BBR's MinRTTFilterLen (draft-ietf-ccwg-bbr)


# A round trip is late if it is longer than the path's own by an eighth of it, within bounds.
# Source: RFC 9406 (HyStart++), section 4.2
LATE, MIN_LATE_S, MAX_LATE_S = 1 / 8, 0.004, 0.016


class Window(NamedTuple):
    """What arrived between two cuts.

    Attributes:
        received_bytes: Over all connections.
        busy_s: Seconds in which at least one connection was at work.
        work_s: Seconds of work, summed over the connections.
        answers: Number of round trips measured.
        late: How many of them were longer than the path's own: they had to queue.
        waited_s: Their sum: work in which a connection had nothing to receive yet.
    """

    received_bytes: float = 0.0
    busy_s: float = 0.0
    work_s: float = 0.0
    answers: float = 0.0
    late: float = 0.0
    waited_s: float = 0.0

    @property
    def rate_bytes_per_s(self) -> float:
        """Of all connections together, while any was at work."""
        return self.received_bytes / self.busy_s if self.busy_s else 0.0

    @property
    def connections(self) -> float:
        """How many were at work on average, while any was."""
        return self.work_s / self.busy_s if self.busy_s else 0.0

    def and_then(self, later: Window, fade: float = 1.0) -> Window:
        """This one, counted `fade` times, and a later one as one."""
        return Window(
            self.received_bytes * fade + later.received_bytes,
            self.busy_s * fade + later.busy_s,
            self.work_s * fade + later.work_s,
            self.answers * fade + later.answers,
            self.late * fade + later.late,
            self.waited_s * fade + later.waited_s,
        )


class Pulse:
    """Measures one endpoint.

    Attributes:
        round_trip_s: From a request to its first byte, smoothed; None: nothing answered yet.
    """

    def __init__(self) -> None:
        self.round_trip_s: float | None = None
        self._shortest_s = self._shortest_before_s = float("inf")
        self._answered_s = float("inf")  # the shortest since the last look
        self._answers = self._late = 0
        self._waited_s = 0.0
        self._turned_s = 0.0
        self._window = self._recent = Window()
        self._arrived_bytes = 0
        self._looked_s = float("inf")
        self._at_work = 0

    def received(self, count_bytes: int) -> None:
        """Bytes arrived, over whichever connection."""
        self._arrived_bytes += count_bytes

    def answered(self, round_trip_s: float) -> None:
        """A first byte came, that long after it was asked for."""
        self._late += self._is_late(round_trip_s)
        self._answers += 1
        self._waited_s += round_trip_s
        self._answered_s = min(self._answered_s, round_trip_s)
        if self.round_trip_s is None:
            self.round_trip_s = round_trip_s
        self.round_trip_s += (round_trip_s - self.round_trip_s) * SMOOTHING

    @property
    def path_s(self) -> float:
        """The shortest round trip in the last 5 to 10 s; 0.0: nothing answered yet."""
        if self.round_trip_s is None:
            return 0.0
        return min(self._shortest_s, self._shortest_before_s, self._answered_s, self.round_trip_s)

    @property
    def connection_bytes_per_s(self) -> float | None:
        """Bytes per second of one connection at work, of late; None: nothing received yet."""
        recent = self._recent
        return (
            recent.received_bytes / recent.work_s
            if recent.work_s and recent.received_bytes
            else None
        )

    @property
    def flow_bytes_per_s(self) -> float:
        """Bytes per second of one connection while they flow, of late; 0.0: cannot be told."""
        flow_s = self._recent.work_s - self._recent.waited_s
        return self._recent.received_bytes / flow_s if flow_s > 0 else 0.0

    def look(self, now_s: float, at_work: int) -> None:
        """Count what came since the last look; so many connections are at work from now on."""
        past_s = max(0.0, now_s - self._looked_s)
        busy_s = past_s if self._at_work else 0.0
        latest = Window(
            self._arrived_bytes,
            busy_s,
            past_s * self._at_work,
            self._answers,
            self._late,
            self._waited_s,
        )
        self._window = self._window.and_then(latest)
        self._keep_shortest(now_s)
        if self.round_trip_s is not None:  # before, nothing could arrive
            self._recent = self._recent.and_then(latest, exp(-busy_s / RECENT_S))
        self._looked_s, self._at_work = now_s, at_work
        self._arrived_bytes = self._answers = self._late = 0
        self._waited_s = 0.0

    def cut(self) -> Window:
        """End the window at the last look, begin another, and return the one that ended."""
        ended, self._window = self._window, Window()
        return ended

    def _is_late(self, round_trip_s: float) -> bool:
        path_s = self.path_s or round_trip_s
        return round_trip_s - path_s > min(MAX_LATE_S, max(MIN_LATE_S, path_s * LATE))

    def _keep_shortest(self, now_s: float) -> None:
        if now_s - self._turned_s > PATH_S / 2:
            self._turned_s = now_s
            self._shortest_before_s, self._shortest_s = self._shortest_s, float("inf")
        self._shortest_s = min(self._shortest_s, self._answered_s)
        self._answered_s = float("inf")
