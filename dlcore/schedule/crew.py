"""How many connections one endpoint gets, found by measuring what more of them bring."""

from __future__ import annotations

from dlcore.schedule.pulse import Pulse

START = 8


class Crew:
    """The connections of one endpoint.

    Args:
        most: Never more connections than this.
        cap_bps: The endpoint's bandwidth cap in bytes per second; 0.0: none.

    Attributes:
        connection_bps: Bytes per second of one connection at work; None: not measured yet.
        round_trip_s: From a request to its first byte; None: nothing answered yet.
    """

    def __init__(self, most: int, cap_bps: float = 0.0) -> None:
        self._pulse = Pulse()
        self.connection_bps: float | None = None
        self.limit(most, cap_bps)

    @property
    def round_trip_s(self) -> float | None:
        """From a request to its first byte, smoothed; None: nothing answered yet."""
        return self._pulse.round_trip_s

    def limit(self, most: int, cap_bps: float = 0.0) -> None:
        """Change what is allowed, at once."""
        self._most, self._cap_bps = max(1, most), cap_bps

    def received(self, count_bytes: int, now_s: float) -> None:
        """Bytes arrived, over whichever connection."""

    def answered(self, round_trip_s: float) -> None:
        """The first byte of a range came, that long after it was asked for."""
        self._pulse.answered(round_trip_s)

    def wanted(self, now_s: float, at_work: int) -> int:
        """How many connections should be at work now.

        Args:
            now_s: The time.
            at_work: How many are: they have a range, if only just asked for.
        """
        return min(START, self._most)

    def pushed_back(self, now_s: float) -> None:
        """The endpoint said that it is too much (429, 503)."""
