"""When there is hurry: as late as can be, and never too late."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dlcore.schedule.deadline import Deadline, DeadlinePolicy

POLICY = DeadlinePolicy()
HOUR_S = 3600.0
GB = 1_000_000_000
LINK = 10_000_000.0


def simulated(
    left_bytes: int, by_s: float, spare_bytes_per_s: float, link_bytes_per_s: float = LINK
) -> tuple[float | None, int]:
    """When hurry began, and what was left at the end: with spare bandwidth, then the whole link."""
    deadline, now_s, left, since_s = Deadline(by_s, LINK), 0.0, float(left_bytes), None
    while now_s < by_s and left > 0:
        deadline.arrived(round(left_bytes - left), now_s)
        has_hurry = deadline.has_hurry(round(left), now_s)
        if has_hurry and since_s is None:
            since_s = now_s
        left = max(0.0, left - 10 * (link_bytes_per_s if has_hurry else spare_bytes_per_s))
        now_s += 10
    return since_s, round(left)


def test_what_arrives_in_time_never_hurries() -> None:
    assert simulated(10 * GB, 8 * HOUR_S, 1_000_000.0) == (None, 0)


def test_hurry_is_put_off_until_the_whole_link_is_just_enough() -> None:
    since_s, left_bytes = simulated(20 * GB, 8 * HOUR_S, 0.0)
    needed_s = POLICY.reserve * 20 * GB / LINK + POLICY.reserve_s
    assert since_s is not None
    assert abs(since_s - (8 * HOUR_S - needed_s)) <= 10
    assert left_bytes == 0


def test_without_any_figure_a_slow_link_is_assumed() -> None:
    deadline = Deadline(8 * HOUR_S)
    assert deadline.latest_start_s(GB) == 8 * HOUR_S - 60 - 1.5 * GB / POLICY.assumed_bytes_per_s


def test_the_best_rate_that_was_seen_stands_for_the_link() -> None:
    deadline = Deadline(8 * HOUR_S)
    deadline.arrived(0, 0.0)
    deadline.arrived(50_000_000, 10.0)
    deadline.arrived(50_000_000, 600.0)
    assert deadline.latest_start_s(GB) == 8 * HOUR_S - 60 - 1.5 * GB / 5_000_000


def test_hurry_stays() -> None:
    deadline = Deadline(100.0, LINK)
    assert deadline.has_hurry(GB, 0.0)
    for second in range(1, 50):
        deadline.arrived(second * 100_000_000, float(second))
        assert deadline.has_hurry(1, float(second))


def test_when_nothing_is_left_there_is_no_hurry() -> None:
    assert not Deadline(100.0, LINK).has_hurry(0, 99.0)


@given(
    st.integers(1, 100 * GB),
    st.floats(600.0, 24 * HOUR_S),
    st.floats(0.0, LINK),
)
def test_with_a_link_as_it_was_said_to_be_it_is_there_in_time_if_it_can_be(
    left_bytes: int, by_s: float, spare_bytes_per_s: float
) -> None:
    _, missing_bytes = simulated(left_bytes, by_s, spare_bytes_per_s)
    if POLICY.reserve * left_bytes / LINK + POLICY.reserve_s < by_s:
        assert missing_bytes == 0
