"""How many connections a download begins with."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.schedule.concurrency_limit import ConcurrencyLimit
from dlcore.schedule.initial_limit import initial_far
from dlcore.schedule.limit_policy import LimitPolicy
from tests.schedule.scene import MIB
from tests.schedule.transfers import MAX, MUCH

POLICY = LimitPolicy()


@given(st.integers(0, 2 * POLICY.short_work_bytes), st.integers(0, MIB))
def test_more_work_begins_with_no_fewer_until_it_is_long(left_bytes: int, more_bytes: int) -> None:
    count, later = initial_far(left_bytes, POLICY), initial_far(left_bytes + more_bytes, POLICY)
    assert POLICY.initial_far <= count <= POLICY.max_initial
    if left_bytes + more_bytes <= POLICY.short_work_bytes:
        assert later >= count
    else:
        assert later == POLICY.initial_far


def after_first_answer(left_bytes: int, round_trip_s: float, max_connections: int = 256) -> int:
    limit = ConcurrencyLimit(max_connections)
    limit.update(0.0, POLICY.initial_limit, is_light=False, left_bytes=left_bytes)
    limit.answered(round_trip_s)
    return limit.update(0.01, POLICY.initial_limit, is_light=False, left_bytes=left_bytes)


def test_short_work_far_away_begins_with_many() -> None:
    assert after_first_answer(32 * MIB, 0.08) == POLICY.max_initial
    assert POLICY.initial_far < after_first_answer(8 * MIB, 0.08) < POLICY.max_initial


def test_long_work_near_endpoints_and_bounded_connections_do_not() -> None:
    assert after_first_answer(200 * MIB, 0.08) == POLICY.initial_far
    assert after_first_answer(32 * MIB, 0.001) == POLICY.initial_near
    assert after_first_answer(32 * MIB, 0.08, max_connections=10) == 10


# What the first answer, or none, tells


def test_it_begins_with_a_few() -> None:
    assert (
        ConcurrencyLimit(MAX).update(0.0, 0, is_light=False, left_bytes=MUCH)
        == POLICY.initial_limit
    )


def test_a_late_first_answer_does_not_make_a_near_endpoint_far() -> None:
    limit = ConcurrencyLimit(256)
    limit.answered(0.03)
    assert (
        limit.update(0.03, POLICY.initial_limit, is_light=False, left_bytes=MUCH)
        == POLICY.initial_far
    )
    limit.answered(0.001)
    assert (
        limit.update(0.04, POLICY.initial_far, is_light=False, left_bytes=MUCH)
        == POLICY.initial_near
    )


@pytest.mark.parametrize(
    ("round_trip_s", "count"), [(0.0005, POLICY.initial_near), (0.08, POLICY.initial_far)]
)
def test_the_first_answer_tells_how_many_to_go_on_with(round_trip_s: float, count: int) -> None:
    limit = ConcurrencyLimit(MAX)
    limit.update(0.0, 0, is_light=False, left_bytes=MUCH)
    limit.answered(round_trip_s)
    assert limit.update(0.1, POLICY.initial_limit, is_light=False, left_bytes=MUCH) == count


def test_no_answer_for_a_while_tells_that_the_path_is_long() -> None:
    limit = ConcurrencyLimit(MAX)
    limit.update(100.0, 0, is_light=False, left_bytes=MUCH)
    assert (
        limit.update(100.01, POLICY.initial_limit, is_light=False, left_bytes=MUCH)
        == POLICY.initial_limit
    )
    assert (
        limit.update(100.05, POLICY.initial_limit, is_light=False, left_bytes=MUCH)
        == POLICY.initial_far
    )


def test_nothing_is_known_before_the_first_byte() -> None:
    limit = ConcurrencyLimit(MAX)
    limit.update(0.0, 8, is_light=False, left_bytes=MUCH)
    assert limit.round_trip_s is None
    assert limit.connection_bytes_per_s is None
