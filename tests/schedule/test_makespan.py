"""The lower bound is the makespan of an ideal link, and behaves as a bound should."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.schedule import (
    StepLoad,
    lower_bound_of_arrivals_s,
    lower_bound_s,
    without_overlap_s,
)
from tests.schedule.packages import LAW

STEPS = st.lists(
    st.builds(StepLoad, st.integers(0, 10**9), st.floats(0, 1e4, allow_subnormal=False)),
    max_size=12,
)
LINKS = st.floats(1e3, 1e9)


def ideal_makespan_s(steps: list[StepLoad], link_bytes_per_s: float) -> float:
    """Play it: the whole link serves the next step's content, steps run as soon as they may."""
    arrived_s = free_s = 0.0
    for step in steps:
        arrived_s += step.new_bytes / link_bytes_per_s
        free_s = max(free_s, arrived_s) + step.run_s
    return free_s


@LAW
@given(STEPS, LINKS)
def test_the_bound_is_what_an_ideal_link_reaches(
    steps: list[StepLoad], link_bytes_per_s: float
) -> None:
    assert lower_bound_s(steps, link_bytes_per_s) == pytest.approx(
        ideal_makespan_s(steps, link_bytes_per_s)
    )


@LAW
@given(STEPS, LINKS)
def test_no_overlap_is_never_quicker(steps: list[StepLoad], link_bytes_per_s: float) -> None:
    bound_s = lower_bound_s(steps, link_bytes_per_s)
    total_bytes, run_s = sum(n.new_bytes for n in steps), sum(n.run_s for n in steps)
    assert without_overlap_s(total_bytes, run_s, link_bytes_per_s) >= bound_s * (1 - 1e-9)
    assert bound_s * (1 + 1e-9) >= max(run_s, total_bytes / link_bytes_per_s)


@LAW
@given(STEPS.filter(len), LINKS, st.data())
def test_more_work_never_lowers_the_bound(
    steps: list[StepLoad], link_bytes_per_s: float, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(steps) - 1))
    more = list(steps)
    more[at] = StepLoad(
        steps[at].new_bytes + data.draw(st.integers(0, 10**9)),
        steps[at].run_s + data.draw(st.floats(0, 1e4)),
    )
    assert lower_bound_s(more, link_bytes_per_s) >= lower_bound_s(steps, link_bytes_per_s) * (
        1 - 1e-9
    )


@LAW
@given(STEPS, LINKS, st.floats(1, 100))
def test_a_faster_link_never_raises_the_bound(
    steps: list[StepLoad], link_bytes_per_s: float, factor: float
) -> None:
    assert lower_bound_s(steps, link_bytes_per_s * factor) <= lower_bound_s(
        steps, link_bytes_per_s
    ) * (1 + 1e-9)


def test_a_hand_computed_sequence() -> None:
    steps = [StepLoad(100, 3.0), StepLoad(0, 4.0), StepLoad(900, 1.0)]
    # Content arrives after 1 s and after 10 s; steps run 1..4, 4..8, 10..11.
    assert lower_bound_s(steps, 100.0) == 11.0
    assert without_overlap_s(1000, 8.0, 100.0) == 18.0


def test_without_a_link_only_run_times_count() -> None:
    assert lower_bound_s([StepLoad(0, 2.0), StepLoad(0, 3.0)], 0.0) == 5.0
    assert lower_bound_s([], 0.0) == 0.0


def test_a_link_that_becomes_slow_has_a_bound_of_its_own() -> None:
    """100 bytes in the first second, then 10 a second."""

    def arrived_s(count_bytes: int) -> float:
        return count_bytes / 100 if count_bytes <= 100 else 1.0 + (count_bytes - 100) / 10

    steps = [StepLoad(100, 2.0), StepLoad(50, 1.0)]
    assert lower_bound_of_arrivals_s(steps, arrived_s) == 7.0
    assert lower_bound_of_arrivals_s(steps[:1], arrived_s) == 3.0
