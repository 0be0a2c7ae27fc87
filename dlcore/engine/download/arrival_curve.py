"""How much had arrived when: what the link brought, moment by moment. Pure.

The bound of a run is made of it where the link's rate is not given. So it is kept with the figures
of the run, and is small: the longer a run takes, the coarser it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

SLOT_S: Final = 0.1  # what comes within such a time came evenly
MAX_POINTS: Final = 400  # of a run: an error of a four-hundredth of it does not change a verdict


class ArrivalPoint(NamedTuple):
    """A moment.

    Attributes:
        at_s: Seconds since the beginning.
        total_bytes: Payload bytes that had arrived by then.
    """

    at_s: float
    total_bytes: int


class ArrivalCurve:
    """Counts bytes as they arrive. Times are seconds on any monotonic clock."""

    def __init__(self) -> None:
        self._points: list[ArrivalPoint] = []
        self._slot_s = SLOT_S
        self._began_s = float("-inf")  # the slot that is being filled

    def received(self, count_bytes: int, now_s: float) -> None:
        """Bytes arrived."""
        points = self._points
        total_bytes = points[-1].total_bytes if points else 0
        if now_s < self._began_s + self._slot_s and len(points) > 1:
            points[-1] = ArrivalPoint(now_s, total_bytes + count_bytes)
            return
        if not points or now_s >= points[-1].at_s + self._slot_s:
            points.append(ArrivalPoint(now_s, total_bytes))  # nothing had come since the last one
        self._began_s = now_s
        points.append(ArrivalPoint(now_s, total_bytes + count_bytes))
        if len(points) > MAX_POINTS:
            points[:] = thinned(points)
            self._slot_s *= 2

    def since(self, began_s: float) -> tuple[ArrivalPoint, ...]:
        """All moments, counted from a time on that clock."""
        return tuple(ArrivalPoint(max(0.0, at_s - began_s), total) for at_s, total in self._points)


def joined(
    earlier: Sequence[ArrivalPoint], later: Sequence[ArrivalPoint], begin_s: float
) -> tuple[ArrivalPoint, ...]:
    """The moments of two parts of one run; the later part began at that time of the run."""
    before_bytes = earlier[-1].total_bytes if earlier else 0
    moved = (ArrivalPoint(begin_s + at_s, before_bytes + total) for at_s, total in later)
    points = (*earlier, *moved)
    while len(points) > MAX_POINTS:
        points = tuple(thinned(points))
    return points


def thinned(points: Sequence[ArrivalPoint]) -> list[ArrivalPoint]:
    """About half of the moments, the first and the last among them."""
    return [*points[:-1:2], points[-1]]


def arrived_s(points: Sequence[ArrivalPoint], count_bytes: int) -> float:
    """When ``count_bytes`` had arrived; the last moment if they never had."""
    before = ArrivalPoint(0.0, 0)
    for point in points:
        if count_bytes <= point.total_bytes:
            came = point.total_bytes - before.total_bytes
            share = (count_bytes - before.total_bytes) / came if came else 0.0
            return before.at_s + (point.at_s - before.at_s) * max(0.0, share)
        before = point
    return before.at_s
