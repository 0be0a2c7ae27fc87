"""Waits after failures grow, and never beyond their bounds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dlcore.schedule import backoff_s
from dlcore.schedule.backoff import ceiling_s

failures = st.integers(1, 10**9)
seconds = st.floats(0.001, 1e6)
shares = st.floats(0, 1, exclude_max=True)


@given(failures, shares, seconds, seconds)
def test_a_wait_is_within_its_ceiling(
    count: int, share: float, first_s: float, max_s: float
) -> None:
    wait_s = backoff_s(count, share, first_s=first_s, max_s=max_s)
    assert 0 <= wait_s <= ceiling_s(count, first_s, max_s) <= max_s


@given(failures, seconds, seconds)
def test_the_ceiling_doubles_up_to_its_bound(count: int, first_s: float, max_s: float) -> None:
    now_s, next_s = ceiling_s(count, first_s, max_s), ceiling_s(count + 1, first_s, max_s)
    assert now_s <= next_s
    assert next_s == max_s or next_s == 2 * now_s


@given(failures, shares, shares, seconds, seconds)
def test_the_whole_range_below_the_ceiling_is_used(
    count: int, share: float, other: float, first_s: float, max_s: float
) -> None:
    """Full jitter: there is no part of the wait that all clients share."""
    assert backoff_s(count, 0.0, first_s=first_s, max_s=max_s) == 0
    lower, higher = sorted((share, other))
    assert backoff_s(count, lower, first_s=first_s, max_s=max_s) <= backoff_s(
        count, higher, first_s=first_s, max_s=max_s
    )


def test_the_first_ceilings() -> None:
    assert [ceiling_s(n, 20.0, 120.0) for n in range(1, 6)] == [20.0, 40.0, 80.0, 120.0, 120.0]
