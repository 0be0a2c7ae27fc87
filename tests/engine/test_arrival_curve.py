"""How much had arrived when, as one process and as several tell it."""

from __future__ import annotations

from itertools import accumulate, pairwise

from hypothesis import given
from hypothesis import strategies as st

from dlcore.engine.download.arrival_curve import (
    MAX_POINTS,
    SLOT_S,
    ArrivalCurve,
    ArrivalPoint,
    arrived_s,
    joined,
)

steps = st.lists(st.tuples(st.floats(0.0, 100.0), st.integers(0, 1 << 30)), max_size=60)


def told(came: list[tuple[float, int]]) -> ArrivalCurve:
    arrivals = ArrivalCurve()
    for at_s, (_, count_bytes) in zip(accumulate(wait_s for wait_s, _ in came), came, strict=True):
        arrivals.received(count_bytes, at_s)
    return arrivals


@given(steps, steps)
def test_times_and_bytes_only_grow_and_nothing_is_lost(
    first: list[tuple[float, int]], second: list[tuple[float, int]]
) -> None:
    begin_s = sum(wait_s for wait_s, _ in first)
    points = joined(told(first).since(0.0), told(second).since(0.0), begin_s)
    assert all(a.at_s <= b.at_s and a.total_bytes <= b.total_bytes for a, b in pairwise(points))
    total_bytes = sum(count for _, count in (*first, *second))
    assert (points[-1].total_bytes if points else 0) == total_bytes
    moments = [arrived_s(points, total_bytes * n // 7) for n in range(8)]
    assert moments == sorted(moments)


def test_a_long_run_has_few_points_and_they_are_right() -> None:
    """A byte each slot, for so long that the points are thinned several times."""
    arrivals = ArrivalCurve()
    for n in range(10 * MAX_POINTS):
        arrivals.received(1, n * SLOT_S)
    points = arrivals.since(0.0)
    assert len(points) <= MAX_POINTS
    length_s = 10 * MAX_POINTS * SLOT_S
    for count in (1000, 2000, 3999):
        assert abs(arrived_s(points, count) - count * SLOT_S) < length_s / 100


def test_a_time_in_which_nothing_came_is_seen() -> None:
    arrivals = ArrivalCurve()
    arrivals.received(10, 5.0)
    arrivals.received(10, 9.0)
    points = arrivals.since(4.0)
    assert points == (
        ArrivalPoint(1.0, 0),
        ArrivalPoint(1.0, 10),
        ArrivalPoint(5.0, 10),
        ArrivalPoint(5.0, 20),
    )
    assert arrived_s(points, 10) == 1.0
    assert arrived_s(points, 11) == 5.0
    assert arrived_s(points, 21) == 5.0
    assert arrived_s((), 5) == 0.0
