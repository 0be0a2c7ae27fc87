"""What one endpoint delivers with so many connections: windows in which they stay as many.

Rates are medians of windows, because bytes come in bursts. What windows differ by themselves is the
*noise*, and the more of it, the longer they are. Nothing is concluded from idle times, from windows
in which not as many connections were at work as were wanted, or from the slow start of new ones.
Not for: deciding what follows.
"""

from __future__ import annotations

from math import log2
from statistics import fmean, median
from typing import NamedTuple

from dlcore.schedule.opening import INITIAL_WINDOW_BYTES
from dlcore.schedule.pulse import Pulse, Window

WINDOW_S, WINDOW_ROUND_TRIPS = 0.2, 4  # bursts and sawtooths even out over it
STRETCH, MAX_STRETCH = 10, 4  # the more windows differ, the longer they get
OPENING_ROUND_TRIPS = 2  # slow start doubles every one, so its growth shows within two
STILL_OPENING = 1.25  # grew by more: slow starts are not over
MAX_DOUBLINGS = 8  # of slow start, to 3.7 MB a round trip: the rest may be measured
LOOKS = 3  # windows that a belief is made of
LOOKS_KEPT = 9  # a cap lets few and large bursts through: it takes longer to see that it is used
OFF_COUNT = 0.15  # a window with so many more or fewer at work than wanted tells nothing
OFF_OPENING = 0.5  # at the beginning they only gather
QUEUED = 0.5  # of the answers were late: the queue stood most of the time
NOISE_SMOOTHING = 1 / 8


class Look(NamedTuple):
    """One window: the rate of all connections, and what share of the answers was late."""

    rate_bytes_per_s: float
    late: float


class Looks:
    """The windows of one endpoint since the number of its connections changed.

    Args:
        pulse: Measures the endpoint.

    Attributes:
        is_opening: Whether all connections are in slow start, and only gather.
        noise: How much rates differ from window to window, although nothing was changed.
    """

    def __init__(self, pulse: Pulse) -> None:
        self.is_opening = True
        self.noise = 0.0
        self._pulse = pulse
        self._looks: list[Look] = []  # latest last
        self._late = 0.0  # share of the answers, when there were any
        self._is_settling = True  # there is no window yet, or none that may tell something
        self._ends_s = float("-inf")

    # What they say

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._looks)

    @property
    def rate_bytes_per_s(self) -> float:
        """Of all connections together, of late."""
        return median(look.rate_bytes_per_s for look in self._looks[-LOOKS:])

    @property
    def mean_bytes_per_s(self) -> float:
        """The same over a longer time, all bursts included."""
        return fmean(look.rate_bytes_per_s for look in self._looks)

    @property
    def is_queued(self) -> bool:
        """Whether a queue stands: the link is full. It is certain only in the second window."""
        windows = 1 if self.is_opening else 2
        return min(look.late for look in self._looks[-windows:]) > QUEUED

    @property
    def is_rising(self) -> bool:
        """Whether slow starts go on."""
        return self._looks[-1].rate_bytes_per_s > STILL_OPENING * self._looks[0].rate_bytes_per_s

    # Windows

    def look(self, wanted: int) -> bool:
        """Look at the window that is due to end, if one is.

        Args:
            wanted: So many connections were to be at work.

        Returns:
            Whether there was one, and it tells something. `go_on` is then to be called.
        """
        window = self._pulse.cut()
        if self._is_settling:
            self._is_settling = False
            return False
        if not self._tells_something(window, wanted):
            return False
        if window.answers:
            self._late = window.late / window.answers
        latest = Look(window.rate_bytes_per_s, self._late)
        if self._looks and not self.is_opening:
            self._hear(self._looks[-1].rate_bytes_per_s, latest.rate_bytes_per_s)
        self._looks = [*self._looks[1 - LOOKS_KEPT :], latest]
        return True

    def go_on(self, now_s: float) -> None:
        """The next window begins, unless new connections have to settle first."""
        if self._is_settling:
            return
        self._pulse.cut()
        round_trips = OPENING_ROUND_TRIPS if self.is_opening else WINDOW_ROUND_TRIPS
        stretch = min(MAX_STRETCH, 1 + STRETCH * self.noise)
        self._ends_s = now_s + stretch * max(WINDOW_S, round_trips * self._pulse.path_s)

    def is_due(self, now_s: float) -> bool:
        """Whether a window ends, or the first is to begin."""
        return now_s >= self._ends_s

    def forget(self, *, all_but: int = 0) -> None:
        """The windows so far tell nothing any more, except for so many of the latest."""
        self._looks = self._looks[len(self._looks) - all_but :]

    def settle(self, now_s: float) -> None:
        """The number was changed: windows begin again when new connections are as fast as others.

        Two round trips to their first bytes, and one for every doubling in slow start.
        """
        window_bytes = (self._pulse.connection_bytes_per_s or 0.0) * self._pulse.path_s
        doublings = min(MAX_DOUBLINGS, log2(1 + window_bytes / INITIAL_WINDOW_BYTES))
        self._ends_s = now_s + max(WINDOW_S / 2, self._pulse.path_s * (2 + doublings))
        self._looks, self._is_settling, self.is_opening = [], True, False

    def _tells_something(self, window: Window, wanted: int) -> bool:
        off = max(1.0, (OFF_OPENING if self.is_opening else OFF_COUNT) * wanted)
        is_manned = abs(window.connections - wanted) <= off
        return (
            is_manned
            and window.rate_bytes_per_s > 0
            and not (self.is_opening and not window.answers)
        )

    def _hear(self, earlier_bytes_per_s: float, later_bytes_per_s: float) -> None:
        noise = abs(later_bytes_per_s - earlier_bytes_per_s) / (
            later_bytes_per_s + earlier_bytes_per_s
        )
        self.noise += (noise - self.noise) * NOISE_SMOOTHING
