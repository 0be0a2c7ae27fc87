"""Counts what the download does: bytes, and the time in which it was at work."""

from __future__ import annotations

from collections import Counter, deque

WINDOW_S = 3.0


class Meter:
    """Bytes received per package and endpoint, and the link's rate.

    Times are seconds on any monotonic clock, given by the caller.

    Attributes:
        received_bytes: Payload bytes received, by package.
        by_endpoint: The same, by endpoint.
    """

    def __init__(self) -> None:
        self.received_bytes: Counter[str] = Counter()
        self.by_endpoint: Counter[str] = Counter()
        self._busy_s = 0.0
        self._busy_since_s: float | None = None
        self._flying = 0
        self._recent: deque[tuple[float, int]] = deque()

    def range_began(self, now_s: float) -> None:
        """A request was sent."""
        self._flying += 1
        if self._busy_since_s is None:
            self._busy_since_s = now_s

    def range_ended(self, now_s: float) -> None:
        """A request came to its end."""
        self._flying -= 1
        if not self._flying and self._busy_since_s is not None:
            self._busy_s += now_s - self._busy_since_s
            self._busy_since_s = None

    def received(self, package: str, endpoint: str, count: int, now_s: float) -> None:
        """``count`` payload bytes arrived."""
        self.received_bytes[package] += count
        self.by_endpoint[endpoint] += count
        self._recent.append((now_s, count))
        while self._recent and self._recent[0][0] < now_s - WINDOW_S:
            self._recent.popleft()

    def busy_s(self, now_s: float) -> float:
        """Seconds in which at least one range was under way."""
        running_s = now_s - self._busy_since_s if self._busy_since_s is not None else 0.0
        return self._busy_s + running_s

    def mean_bps(self, now_s: float) -> float:
        """Bytes per second over all the time at work; 0.0 before the first."""
        busy_s = self.busy_s(now_s)
        return self.received_bytes.total() / busy_s if busy_s > 0 else 0.0

    def recent_bps(self, now_s: float) -> float:
        """Bytes per second over the last `WINDOW_S` seconds."""
        return sum(n for at_s, n in self._recent if at_s >= now_s - WINDOW_S) / WINDOW_S
