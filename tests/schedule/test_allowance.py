"""Limits hold at once; after a push back connections come back slowly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.schedule.allowance import CAPPED_BYTES_PER_S
from dlcore.schedule.crew import Crew
from dlcore.schedule.opening import START, START_FAR
from dlcore.schedule.pace import Pace
from tests.schedule.packages import LAW
from tests.schedule.transfers import MAX, Transfer, far, running

MIB, KIB = 1 << 20, 1 << 10

# Limits


@pytest.mark.parametrize("cap_bytes_per_s", [64 * KIB, MIB, 10 * MIB])
def test_under_a_cap_there_are_few_connections_and_they_use_it(cap_bytes_per_s: int) -> None:
    outcome = Transfer(Crew(MAX, cap_bytes_per_s), far(), pace=Pace(cap_bytes_per_s)).run(30)
    assert outcome.max_wanted <= max(4, START_FAR)
    assert outcome.wanted(29, 30)[-1] <= outcome.wanted(5, 6)[0]
    assert outcome.rate_bytes_per_s == pytest.approx(cap_bytes_per_s, rel=0.03)


def test_a_cap_set_while_running_takes_connections_away_at_once() -> None:
    crew = Crew(MAX)
    Transfer(crew, far()).run(10)
    crew.limit(MAX, MIB)
    assert crew.wanted(10.0, 60) <= 4


def test_a_cap_that_takes_growth_back_leaves_nothing_to_weigh() -> None:
    crew, count = Crew(MAX), START
    for tick in range(200):
        if count > START_FAR:
            crew.limit(MAX, START_FAR * CAPPED_BYTES_PER_S)
        crew.received(count * (15_000 + 50 * tick))
        crew.answered(0.05)
        count = crew.wanted(tick * 0.05, count)
    assert count <= START_FAR


def test_the_same_terms_again_change_nothing() -> None:
    crew = Crew(MAX, 20 * MIB)
    Transfer(crew, far(), pace=Pace(20 * MIB)).run(10)
    before = crew.wanted(10.0, 40)
    crew.limit(MAX, 20 * MIB)
    assert crew.wanted(10.0, 40) == before


def test_a_lower_limit_holds_at_once_and_a_higher_one_is_used() -> None:
    crew = Crew(10)
    path = far()
    transfer = Transfer(crew, path, at=lambda now_s: crew.limit(MAX) if now_s >= 6 else None)
    outcome = transfer.run(20)
    assert max(outcome.wanted(0, 6)) == 10
    assert outcome.mean_rate_bytes_per_s(14, 20) >= 0.9 * path.rate_bytes_per_s
    crew.limit(3)
    assert crew.wanted(20.0, 60) == 3


# Push back


def test_a_push_back_halves_the_connections() -> None:
    crew = running()
    before = crew.wanted(10.0, 60)
    crew.pushed_back(10.0)
    assert crew.wanted(10.0, before) == before // 2


def test_pushes_that_come_together_are_one() -> None:
    crew = running()
    before = crew.wanted(10.0, 60)
    for _ in range(before):
        crew.pushed_back(10.5)
    assert crew.wanted(10.6, before) == before // 2


def test_pushes_that_go_on_leave_one_connection() -> None:
    crew = running()
    for second in range(10, 30):
        crew.pushed_back(float(second))
    assert crew.wanted(30.0, 1) == 1


def test_after_a_push_back_connections_come_back_slowly() -> None:
    crew = Crew(MAX)
    path = far()
    pushes = [8.0]

    def push(now_s: float) -> None:
        if pushes and now_s >= pushes[0]:
            pushes.clear()
            crew.pushed_back(now_s)

    outcome = Transfer(crew, path, at=push).run(60)
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
    crew = Crew(most)
    for what, value in events:
        match what:
            case "received":
                crew.received(int(value))
            case "answered":
                crew.answered(value)
            case "pushed":
                crew.pushed_back(now_s)
            case "most":
                most = max(1, int(value))
                crew.limit(int(value), cap_bytes_per_s)
            case "cap":
                cap_bytes_per_s = float(value)
                crew.limit(most, cap_bytes_per_s)
            case "passed":
                now_s += value
            case _:
                at_work = int(value)
        assert 1 <= crew.wanted(now_s, at_work) <= most
