"""The number of connections follows what more of them bring, on every kind of path."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.schedule.crew import START, START_FAR, START_NEAR, Crew
from dlcore.schedule.pace import Pace
from tests.schedule.bbr import BbrConnection
from tests.schedule.packages import LAW
from tests.schedule.tcp import Outcome, Path, Transfer, goodput

GIB, MIB, KIB = 1 << 30, 1 << 20, 1 << 10
MOST = 256
SEEDS = pytest.mark.parametrize("seed", range(3))


def clean() -> Path:
    return Path(goodput(1000), 0.04)


def far() -> Path:
    return Path(goodput(500), 0.08, loss=0.001)


def share(outcome: Outcome, path: Path) -> float:
    return outcome.rate_bps / path.rate_bps


# Whole transfers, from cold


@SEEDS
def test_a_clean_path_is_filled_by_few_connections(seed: int) -> None:
    path = clean()
    outcome = Transfer(Crew(MOST), path, GIB, seed=seed).run()
    assert share(outcome, path) >= 0.96
    assert outcome.most_wanted <= START_FAR


@SEEDS
def test_a_far_and_lossy_path_is_filled_by_many_connections(seed: int) -> None:
    path = far()
    outcome = Transfer(Crew(MOST), path, GIB, seed=seed).run()
    assert share(outcome, path) >= 0.93
    assert 64 <= outcome.most_wanted <= 160


@SEEDS
def test_a_slow_and_lossy_path_is_filled_by_some_connections(seed: int) -> None:
    path = Path(goodput(100), 0.05, loss=0.005)
    outcome = Transfer(Crew(MOST), path, GIB // 4, seed=seed).run()
    assert share(outcome, path) >= 0.96
    assert outcome.most_wanted <= 128


@SEEDS
def test_a_sender_that_ignores_loss_gets_few_connections(seed: int) -> None:
    path = far()
    outcome = Transfer(Crew(MOST), path, GIB, seed=seed, sender=BbrConnection).run()
    assert share(outcome, path) >= 0.93
    assert outcome.most_wanted <= 1.5 * START_FAR


def test_bursts_behind_a_queue_that_drains_at_times_bring_few_connections() -> None:
    crew, counts = Crew(MOST), [START]
    for tick in range(1200):
        now_s = tick * 0.05
        crew.received(6_000_000 if now_s % 1 < 0.5 else 0, now_s)
        crew.answered(0.08 if now_s < 1 or now_s % 3 < 0.35 else 0.13)
        counts.append(crew.wanted(now_s, counts[-1]))
    assert max(counts) <= 1.5 * START_FAR


@SEEDS
def test_a_local_network_gets_no_more_than_eight_connections_once_it_is_known(seed: int) -> None:
    path = Path(1e9, 0.0002, noise=0.3, queue_s=0.002)  # bound by a busy processor
    outcome = Transfer(Crew(MOST), path, seed=seed).run(20)
    assert max(outcome.wanted(0.1, 20)) <= 8


@SEEDS
def test_connections_that_the_server_throttles_are_as_many_as_fill_the_link(seed: int) -> None:
    path = clean()
    path.throttle_bps = 2e6
    outcome = Transfer(Crew(MOST), path, seed=seed).run(10)
    assert outcome.wanted(2.5, 3)[0] >= 48
    assert 55 <= median(outcome.wanted(3, 10)) <= 110
    assert outcome.mean_rate_bps(3, 10) >= 0.75 * path.rate_bps


def test_a_throttle_is_found_on_a_local_network_too() -> None:
    path = Path(1e9, 0.0005, throttle_bps=20e6, queue_s=0.002)
    outcome = Transfer(Crew(MOST), path).run(15)
    assert outcome.mean_rate_bps(10, 15) >= 0.8 * path.rate_bps


@SEEDS
def test_slow_answers_do_not_bring_hundreds_of_connections(seed: int) -> None:
    path = clean()
    path.latency_s = 0.3
    outcome = Transfer(Crew(MOST), path, seed=seed).run(30)
    assert outcome.most_wanted <= 64
    assert outcome.mean_rate_bps(3, 30) >= 0.9 * path.rate_bps


# Changes on the way


def changing(path: Path, change: Callable[[Path], None], after_s: float) -> Callable[[float], None]:
    return lambda now_s: change(path) if now_s >= after_s else None


def test_a_path_at_half_its_rate_gets_no_more_connections() -> None:
    path = clean()

    def halve(path: Path) -> None:
        path.rate_bps = goodput(500)

    outcome = Transfer(Crew(MOST), path, at=changing(path, halve, 8)).run(16)
    assert max(outcome.wanted(8, 16)) <= START_FAR
    assert outcome.mean_rate_bps(9, 16) >= 0.95 * path.rate_bps


def test_a_path_that_recovers_is_filled_within_seconds() -> None:
    path = far()
    path.rate_bps = goodput(250)

    def recover(path: Path) -> None:
        path.rate_bps = goodput(500)

    outcome = Transfer(Crew(MOST), path, at=changing(path, recover, 12)).run(22)
    assert outcome.mean_rate_bps(16, 22) >= 0.92 * path.rate_bps


def test_loss_that_appears_is_answered_within_seconds() -> None:
    path = far()
    path.loss = 0.0

    def lose(path: Path) -> None:
        path.loss = 0.001

    outcome = Transfer(Crew(MOST), path, at=changing(path, lose, 8)).run(20)
    assert outcome.mean_rate_bps(12, 20) >= 0.92 * path.rate_bps


def test_connections_that_loss_made_necessary_go_again_when_it_ends() -> None:
    path = far()

    def heal(path: Path) -> None:
        path.loss = 0.0

    outcome = Transfer(Crew(MOST), path, at=changing(path, heal, 10)).run(60)
    assert outcome.wanted(59, 60)[-1] <= 0.9 * max(outcome.wanted(0, 12))
    assert outcome.mean_rate_bps(40, 60) >= 0.95 * path.rate_bps


def shallow() -> Path:
    """A path that drops what exceeds its rate, without a queue that would tell."""
    return Path(goodput(200), 0.03, queue_s=0.002)


def test_a_rate_that_growth_does_not_bring_back_is_believed() -> None:
    crew, counts = Crew(MOST), [START]
    for tick in range(2400):  # bytes come as they come, however many ask for them
        crew.received(1_000_000 if tick < 1200 else 750_000, tick * 0.05)
        crew.answered(0.05)
        counts.append(crew.wanted(tick * 0.05, counts[-1]))
    assert max(counts[1200:]) <= 1.5**3 * counts[1200] + 2
    assert counts[-1] == counts[1200]


def test_growth_that_harms_is_taken_back_at_once() -> None:
    crew, counts = Crew(MOST), [START]
    for tick in range(1200):
        crew.received(1_000_000 if counts[-1] <= START_FAR else 400_000, tick * 0.05)
        crew.answered(0.05)
        counts.append(crew.wanted(tick * 0.05, counts[-1]))
    assert sum(count > START_FAR for count in counts) < 0.1 * len(counts)


def fetch_small_objects(
    round_trip_s: float, *, queued_from: int = 1000, is_light: bool = True
) -> list[int]:
    """How many connections are wanted, every 50 ms for 2 s, each with a request a round trip."""
    crew, counts = Crew(MOST), [START]
    for tick in range(40):
        answers = int(counts[-1] * 0.05 / round_trip_s)
        crew.received(answers * 16 * KIB, tick * 0.05)
        late_s = 0.05 if counts[-1] >= queued_from else 0.0
        for _ in range(answers):
            crew.answered(round_trip_s + late_s)
        counts.append(crew.wanted(tick * 0.05, counts[-1], is_light=is_light))
    return counts


def test_small_objects_far_away_soon_get_all_connections() -> None:
    assert fetch_small_objects(0.08)[-1] == MOST
    assert fetch_small_objects(0.08, is_light=False)[-1] < MOST


def test_small_objects_get_no_more_connections_once_a_queue_stands() -> None:
    assert max(fetch_small_objects(0.08, queued_from=48)) < 100


def test_small_objects_of_a_local_network_get_few_connections() -> None:
    assert max(fetch_small_objects(0.002)[5:]) <= 8


def test_loss_is_answered_at_once_although_growth_had_become_rare() -> None:
    path = shallow()

    def lose(path: Path) -> None:
        path.loss = 0.01

    outcome = Transfer(Crew(MOST), path, at=changing(path, lose, 70)).run(85)
    assert outcome.mean_rate_bps(72, 85) >= 0.97 * path.rate_bps


def test_growth_that_brings_nothing_is_tried_ever_more_rarely() -> None:
    counts = Transfer(Crew(MOST), shallow()).run(90).wanted(0, 90)
    grown = [at for at, (a, b) in enumerate(pairwise(counts)) if b > 1.2 * a]
    third = len(counts) / 3
    assert sum(at > 2 * third for at in grown) <= 2 < sum(at < third for at in grown)


@SEEDS
def test_rates_that_vary_by_themselves_bring_no_more_connections(seed: int) -> None:
    path = Path(goodput(50), 0.03, noise=0.9, queue_s=0.3)  # wireless
    outcome = Transfer(Crew(MOST), path, seed=seed).run(40)
    assert outcome.most_wanted <= 64


# Limits


@pytest.mark.parametrize("cap_bps", [64 * KIB, MIB, 10 * MIB])
def test_under_a_cap_there_are_few_connections_and_they_use_it(cap_bps: int) -> None:
    outcome = Transfer(Crew(MOST, cap_bps), far(), pace=Pace(cap_bps)).run(30)
    assert outcome.most_wanted <= max(4, START_FAR)
    assert outcome.wanted(29, 30)[-1] <= outcome.wanted(5, 6)[0]
    assert outcome.rate_bps == pytest.approx(cap_bps, rel=0.03)


def test_a_cap_set_while_running_takes_connections_away_at_once() -> None:
    crew = Crew(MOST)
    Transfer(crew, far()).run(10)
    crew.limit(MOST, MIB)
    assert crew.wanted(10.0, 60) <= 4


def test_the_same_terms_again_change_nothing() -> None:
    crew = Crew(MOST, 20 * MIB)
    Transfer(crew, far(), pace=Pace(20 * MIB)).run(10)
    before = crew.wanted(10.0, 40)
    crew.limit(MOST, 20 * MIB)
    assert crew.wanted(10.0, 40) == before


def test_a_lower_limit_holds_at_once_and_a_higher_one_is_used() -> None:
    crew = Crew(10)
    path = far()
    transfer = Transfer(crew, path, at=lambda now_s: crew.limit(MOST) if now_s >= 6 else None)
    outcome = transfer.run(20)
    assert max(outcome.wanted(0, 6)) == 10
    assert outcome.mean_rate_bps(14, 20) >= 0.9 * path.rate_bps
    crew.limit(3)
    assert crew.wanted(20.0, 60) == 3


# Push back


def running() -> Crew:
    """A crew in the middle of a far transfer."""
    crew = Crew(MOST)
    Transfer(crew, far()).run(10)
    return crew


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
    crew = Crew(MOST)
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
    assert outcome.mean_rate_bps(50, 60) >= 0.9 * path.rate_bps


# What nothing may be concluded from


def test_idle_time_changes_nothing() -> None:
    crew = running()
    before = crew.wanted(10.0, 0), crew.connection_bps
    for tick in range(2000):
        crew.wanted(10 + tick * 0.05, 0)
    assert (crew.wanted(110.0, 0), crew.connection_bps) == before


def test_fewer_at_work_than_wanted_bring_no_more() -> None:
    crew = Crew(MOST)
    crew.answered(0.05)
    for tick in range(400):
        crew.wanted(tick * 0.05, 4)
        crew.received(50_000, tick * 0.05)
        crew.answered(0.05)
    assert crew.wanted(20.0, 4) == START_FAR


def test_a_stalled_endpoint_gets_no_more_connections() -> None:
    crew = running()
    before = crew.wanted(10.0, 80)
    for tick in range(1, 400):
        assert crew.wanted(10 + tick * 0.05, before) <= before


# The beginning


def test_it_begins_with_a_few() -> None:
    assert Crew(MOST).wanted(0.0, 0) == START


def test_a_late_first_answer_does_not_make_a_near_endpoint_far() -> None:
    crew = Crew(256)
    crew.answered(0.03)
    assert crew.wanted(0.03, START) == START_FAR
    crew.answered(0.001)
    assert crew.wanted(0.04, START_FAR) == START_NEAR


@pytest.mark.parametrize(("round_trip_s", "count"), [(0.0005, START_NEAR), (0.08, START_FAR)])
def test_the_first_answer_tells_how_many_to_go_on_with(round_trip_s: float, count: int) -> None:
    crew = Crew(MOST)
    crew.wanted(0.0, 0)
    crew.answered(round_trip_s)
    assert crew.wanted(0.1, START) == count


def test_no_answer_for_a_while_tells_that_the_path_is_long() -> None:
    crew = Crew(MOST)
    crew.wanted(100.0, 0)
    assert crew.wanted(100.01, START) == START
    assert crew.wanted(100.05, START) == START_FAR


def test_nothing_is_known_before_the_first_byte() -> None:
    crew = Crew(MOST)
    crew.wanted(0.0, 8)
    assert crew.round_trip_s is None
    assert crew.connection_bps is None


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
    most, cap_bps, now_s, at_work = 16, 0.0, 0.0, 0
    crew = Crew(most)
    for what, value in events:
        match what:
            case "received":
                crew.received(int(value), now_s)
            case "answered":
                crew.answered(value)
            case "pushed":
                crew.pushed_back(now_s)
            case "most":
                most = max(1, int(value))
                crew.limit(int(value), cap_bps)
            case "cap":
                cap_bps = float(value)
                crew.limit(most, cap_bps)
            case "passed":
                now_s += value
            case _:
                at_work = int(value)
        assert 1 <= crew.wanted(now_s, at_work) <= most
