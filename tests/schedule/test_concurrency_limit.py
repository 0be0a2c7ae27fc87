"""Limits hold at once; after a push back connections come back slowly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.schedule.concurrency_limit import ConcurrencyLimit
from dlcore.schedule.limit_policy import LimitPolicy
from dlcore.schedule.token_bucket import TokenBucket
from tests.schedule.packages import LAW
from tests.schedule.transfers import MAX, MUCH, Transfer, far, running

POLICY = LimitPolicy()

MIB, KIB = 1 << 20, 1 << 10

# Limits


@pytest.mark.parametrize("cap_bytes_per_s", [64 * KIB, MIB, 10 * MIB])
def test_under_a_cap_there_are_few_connections_and_they_use_it(cap_bytes_per_s: int) -> None:
    outcome = Transfer(
        ConcurrencyLimit(MAX, cap_bytes_per_s), far(), pace=TokenBucket(cap_bytes_per_s)
    ).run(30)
    assert outcome.max_wanted <= max(4, POLICY.lossy_limit)
    assert outcome.wanted(29, 30)[-1] <= outcome.wanted(20, 21)[0]
    assert outcome.rate_bytes_per_s == pytest.approx(cap_bytes_per_s, rel=0.03)


def test_a_cap_set_while_running_takes_connections_away_at_once() -> None:
    limit = ConcurrencyLimit(MAX)
    Transfer(limit, far()).run(10)
    limit.configure(MAX, MIB)
    assert limit.update(10.0, 60, is_light=False, left_bytes=MUCH) <= 4


def test_a_cap_that_takes_growth_back_leaves_nothing_to_weigh() -> None:
    limit, count = ConcurrencyLimit(MAX), POLICY.initial_limit
    for tick in range(200):
        if count > POLICY.initial_limit:
            limit.configure(MAX, POLICY.initial_limit * POLICY.capped_bytes_per_s)
        limit.received(count * (15_000 + 50 * tick))
        limit.answered(0.05)
        count = limit.update(tick * 0.05, count, is_light=False, left_bytes=MUCH)
    assert count <= POLICY.initial_limit


def test_the_same_terms_again_change_nothing() -> None:
    limit = ConcurrencyLimit(MAX, 20 * MIB)
    Transfer(limit, far(), pace=TokenBucket(20 * MIB)).run(10)
    before = limit.update(10.0, 40, is_light=False, left_bytes=MUCH)
    limit.configure(MAX, 20 * MIB)
    assert limit.update(10.0, 40, is_light=False, left_bytes=MUCH) == before


def test_a_lower_limit_holds_at_once_and_a_higher_one_is_used() -> None:
    limit = ConcurrencyLimit(10)
    path = far()
    transfer = Transfer(limit, path, at=lambda now_s: limit.configure(MAX) if now_s >= 6 else None)
    outcome = transfer.run(20)
    assert max(outcome.wanted(0, 6)) == 10
    assert outcome.mean_rate_bytes_per_s(14, 20) >= 0.9 * path.rate_bytes_per_s
    limit.configure(3)
    assert limit.update(20.0, 60, is_light=False, left_bytes=MUCH) == 3


# Push back


def test_a_push_back_halves_the_connections() -> None:
    limit = running()
    before = limit.update(10.0, 60, is_light=False, left_bytes=MUCH)
    limit.pushed_back(10.0)
    assert limit.update(10.0, before, is_light=False, left_bytes=MUCH) == before // 2


def test_pushes_that_come_together_are_one() -> None:
    limit = running()
    before = limit.update(10.0, 60, is_light=False, left_bytes=MUCH)
    for _ in range(before):
        limit.pushed_back(10.5)
    assert limit.update(10.6, before, is_light=False, left_bytes=MUCH) == before // 2


def test_pushes_that_go_on_leave_one_connection() -> None:
    limit = running()
    for second in range(10, 30):
        limit.pushed_back(float(second))
    assert limit.update(30.0, 1, is_light=False, left_bytes=MUCH) == 1


def test_after_a_push_back_connections_come_back_slowly() -> None:
    limit = ConcurrencyLimit(MAX)
    path = far()
    pushes = [8.0]

    def push(now_s: float) -> None:
        if pushes and now_s >= pushes[0]:
            pushes.clear()
            limit.pushed_back(now_s)

    outcome = Transfer(limit, path, at=push).run(60)
    before = outcome.wanted(7, 8)[-1]
    assert max(outcome.wanted(8.1, 12)) <= before // 2
    assert max(outcome.wanted(12, 17)) < before
    assert outcome.mean_rate_bytes_per_s(50, 60) >= 0.9 * path.rate_bytes_per_s


# Laws

EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("received"), st.integers(0, 10**8)),
        st.tuples(st.just("answered"), st.floats(1e-5, 30.0)),
        st.tuples(st.just("pushed"), st.just(0)),
        st.tuples(st.just("most"), st.integers(-1, 300)),
        st.tuples(st.just("cap"), st.sampled_from([0, 1, 1024, 10**6, 10**9])),
        st.tuples(st.just("passed"), st.floats(0.0, 5.0)),
        st.tuples(st.just("at work"), st.integers(0, 300)),
    ),
    max_size=200,
)


@LAW
@given(EVENTS)
def test_the_number_is_always_at_least_one_and_at_most_what_is_allowed(
    events: list[tuple[str, float]],
) -> None:
    most, cap_bytes_per_s, now_s, at_work = 16, 0.0, 0.0, 0
    limit = ConcurrencyLimit(most)
    for what, value in events:
        match what:
            case "received":
                limit.received(int(value))
            case "answered":
                limit.answered(value)
            case "pushed":
                limit.pushed_back(now_s)
            case "most":
                most = max(1, int(value))
                limit.configure(int(value), cap_bytes_per_s)
            case "cap":
                cap_bytes_per_s = float(value)
                limit.configure(most, cap_bytes_per_s)
            case "passed":
                now_s += value
            case _:
                at_work = int(value)
        assert 1 <= limit.update(now_s, at_work, is_light=False, left_bytes=MUCH) <= most
