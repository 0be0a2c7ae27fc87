"""How many connections a download begins with."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.schedule.concurrency_limit import ConcurrencyLimit
from dlcore.schedule.initial_limit import wide_limit
from dlcore.schedule.limit_policy import LimitPolicy
from tests.schedule.packages import LAW
from tests.schedule.tcp import goodput
from tests.schedule.transfers import MAX, MUCH

POLICY = LimitPolicy()
MIB = 1 << 20
BYTES = st.integers(0, 1 << 34)
SECONDS = st.floats(0.0, 2.0)


@LAW
@given(BYTES, BYTES, BYTES, SECONDS, SECONDS)
def test_a_faster_or_longer_path_and_less_work_begin_with_no_fewer(
    bytes_per_s: int, more_bytes: int, left_bytes: int, base_s: float, more_s: float
) -> None:
    limit = wide_limit(bytes_per_s, base_s, left_bytes, POLICY)
    assert POLICY.initial_limit <= limit <= POLICY.max_initial
    assert wide_limit(bytes_per_s + more_bytes, base_s, left_bytes, POLICY) >= limit
    assert wide_limit(bytes_per_s, base_s + more_s, left_bytes, POLICY) >= limit
    assert wide_limit(bytes_per_s, base_s, left_bytes + more_bytes, POLICY) <= limit


def begun(
    mbit_s: float, round_trip_s: float, left_bytes: int, max_connections: int = MAX
) -> ConcurrencyLimit:
    """A limit after the first answers, all over new connections to a path without other traffic."""
    limit, count = ConcurrencyLimit(max_connections), min(POLICY.initial_limit, max_connections)
    limit.update(0.0, 0, is_light=False, left_bytes=left_bytes)
    limit.update(0.0, count, is_light=False, left_bytes=left_bytes)
    for number in range(count):
        behind_s = number * POLICY.initial_window_bytes / goodput(mbit_s)
        limit.answered(2 * round_trip_s + behind_s, on_new_connection=True)
    return limit


def after_first_answers(
    mbit_s: float, round_trip_s: float, left_bytes: int, max_connections: int = MAX
) -> int:
    limit = begun(mbit_s, round_trip_s, left_bytes, max_connections)
    now_s, in_flight = 2.1 * round_trip_s, min(POLICY.initial_limit, max_connections)
    return limit.update(now_s, in_flight, is_light=False, left_bytes=left_bytes)


@pytest.mark.parametrize(
    ("mbit_s", "round_trip_s", "mib"),
    [(6, 0.05, 24), (50, 0.02, 24), (1000, 0.04, 1024), (100, 0.05, 256), (6, 0.2, 4)],
)
def test_what_slow_start_brings_in_time_begins_with_few(
    mbit_s: float, round_trip_s: float, mib: int
) -> None:
    assert after_first_answers(mbit_s, round_trip_s, mib * MIB) == POLICY.initial_limit


@pytest.mark.parametrize(
    ("mbit_s", "round_trip_s", "mib", "limits"),
    [
        (500, 0.08, 32, range(70, 81)),
        (500, 0.08, 1024, range(24, 25)),
        (20, 0.6, 24, range(24, 25)),
        (20, 0.2, 24, range(14, 20)),
        (100, 0.05, 64, range(16, 25)),
    ],
)
def test_short_work_and_long_paths_begin_with_as_many_as_the_path_has_room_for(
    mbit_s: float, round_trip_s: float, mib: int, limits: range
) -> None:
    assert after_first_answers(mbit_s, round_trip_s, mib * MIB) in limits


def test_answers_that_a_busy_event_loop_delays_do_not_make_the_path_seem_slow() -> None:
    limit, count, left_bytes = ConcurrencyLimit(MAX), POLICY.initial_limit, 32 * MIB
    limit.update(0.0, 0, is_light=False, left_bytes=left_bytes)
    limit.update(0.0, count, is_light=False, left_bytes=left_bytes)
    for number in range(count):
        delay_s = 0.02 if number >= count // 2 else 0.0
        behind_s = number * POLICY.initial_window_bytes / goodput(500)
        limit.answered(0.16 + behind_s + delay_s, on_new_connection=True)
    assert limit.update(0.19, count, is_light=False, left_bytes=left_bytes) >= 70


def test_no_more_are_begun_with_than_are_allowed() -> None:
    assert after_first_answers(500, 0.08, 32 * MIB, max_connections=10) == 10
    assert after_first_answers(500, 0.08, 32 * MIB, max_connections=3) == 3


def test_a_local_network_begins_with_few_however_short_the_work() -> None:
    assert after_first_answers(1000, 0.0005, 32 * MIB) == POLICY.initial_near


def test_a_late_first_answer_does_not_make_a_near_endpoint_far() -> None:
    limit = ConcurrencyLimit(MAX)
    limit.answered(0.03, on_new_connection=True)
    assert limit.update(0.03, 8, is_light=False, left_bytes=MUCH) == POLICY.initial_limit
    limit.answered(0.001)
    assert limit.update(0.04, 8, is_light=False, left_bytes=MUCH) == POLICY.initial_near


def test_the_first_answers_are_waited_for_but_not_for_long() -> None:
    limit = ConcurrencyLimit(MAX)
    limit.update(0.0, 8, is_light=False, left_bytes=32 * MIB)
    limit.answered(0.16, on_new_connection=True)
    for now_s in (0.16, 0.2, 0.3):
        limit.update(now_s, 8, is_light=False, left_bytes=32 * MIB)
    for _ in range(7):
        limit.answered(0.16, on_new_connection=True)
    assert limit.update(0.31, 8, is_light=False, left_bytes=32 * MIB) == POLICY.initial_limit


def test_nothing_is_known_before_the_first_byte() -> None:
    limit = ConcurrencyLimit(MAX)
    limit.update(0.0, 8, is_light=False, left_bytes=MUCH)
    assert limit.round_trip_s is None
    assert limit.connection_bytes_per_s is None
