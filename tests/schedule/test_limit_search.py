"""The number of connections follows what more of them bring, on every kind of path."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from statistics import median
from typing import NamedTuple

import pytest

from dlcore.schedule.concurrency_limit import ConcurrencyLimit
from dlcore.schedule.limit_policy import LimitPolicy
from tests.schedule.bbr import BbrConnection
from tests.schedule.tcp import Path, goodput
from tests.schedule.transfers import MAX, MUCH, Outcome, Transfer, clean, far

POLICY = LimitPolicy()

GIB, KIB = 1 << 30, 1 << 10
SEEDS = pytest.mark.parametrize("seed", range(3))


def share(outcome: Outcome, path: Path) -> float:
    return outcome.rate_bytes_per_s / path.rate_bytes_per_s


# Whole transfers, from cold


@SEEDS
def test_a_clean_path_is_filled_by_few_connections(seed: int) -> None:
    path = clean()
    outcome = Transfer(ConcurrencyLimit(MAX), path, GIB, seed=seed).run()
    assert share(outcome, path) >= 0.95
    assert outcome.max_wanted <= 8


@SEEDS
def test_a_far_and_lossy_path_is_filled_by_many_connections(seed: int) -> None:
    path = far()
    outcome = Transfer(ConcurrencyLimit(MAX), path, GIB, seed=seed).run()
    assert share(outcome, path) >= 0.90
    assert outcome.mean_rate_bytes_per_s(2, 16) >= 0.93 * path.rate_bytes_per_s
    assert 64 <= outcome.max_wanted <= 160


@SEEDS
def test_a_slow_and_lossy_path_is_filled_by_some_connections(seed: int) -> None:
    path = Path(goodput(100), 0.05, loss=0.005)
    outcome = Transfer(ConcurrencyLimit(MAX), path, GIB // 4, seed=seed).run()
    assert share(outcome, path) >= 0.96
    assert outcome.max_wanted <= 128


class Access(NamedTuple):
    """A link to a home or an office, and what is wanted for 24 MiB over it."""

    path: Path
    min_share: float
    max_connections: int


ACCESS = {
    "lte": Access(Path(goodput(20), 0.2, loss=0.005, queue_s=0.3), 0.88, 48),
    "satellite": Access(Path(goodput(20), 0.6, loss=0.001, queue_s=0.2), 0.68, 48),
    "dsl": Access(Path(goodput(6), 0.05, queue_s=0.5), 0.98, 8),
    "wifi": Access(Path(goodput(50), 0.02, loss=0.02, queue_s=0.1), 0.94, 24),
}


@SEEDS
@pytest.mark.parametrize("name", ACCESS)
def test_an_access_link_gets_as_many_connections_as_its_loss_asks_for(name: str, seed: int) -> None:
    path, min_share, max_connections = ACCESS[name]
    outcome = Transfer(ConcurrencyLimit(MAX), path, 24 << 20, seed=seed).run()
    assert share(outcome, path) >= min_share
    assert outcome.max_wanted <= max_connections


@SEEDS
def test_a_sender_that_ignores_loss_gets_few_connections(seed: int) -> None:
    path = far()
    outcome = Transfer(ConcurrencyLimit(MAX), path, GIB, seed=seed, sender=BbrConnection).run()
    assert share(outcome, path) >= 0.93
    assert outcome.max_wanted <= 1.5 * POLICY.lossy_limit


def test_bursts_behind_a_queue_that_drains_at_times_bring_few_connections() -> None:
    limit, counts = ConcurrencyLimit(MAX), [POLICY.initial_limit]
    for tick in range(1200):
        now_s = tick * 0.05
        limit.received(6_000_000 if now_s % 1 < 0.5 else 0)
        limit.answered(0.08 if now_s < 1 or now_s % 3 < 0.35 else 0.13)
        counts.append(limit.update(now_s, counts[-1], is_light=False, left_bytes=MUCH))
    assert max(counts) <= 1.5 * POLICY.lossy_limit


@SEEDS
def test_a_local_network_gets_no_more_than_eight_connections_once_it_is_known(seed: int) -> None:
    path = Path(1e9, 0.0002, noise=0.3, queue_s=0.002)  # bound by a busy processor
    outcome = Transfer(ConcurrencyLimit(MAX), path, seed=seed).run(20)
    assert max(outcome.wanted(0.1, 20)) <= 8


@SEEDS
def test_connections_that_the_server_throttles_are_as_many_as_fill_the_link(seed: int) -> None:
    path = clean()
    path.throttle_bytes_per_s = 2e6
    outcome = Transfer(ConcurrencyLimit(MAX), path, seed=seed).run(10)
    assert outcome.wanted(2.5, 3)[0] >= 48
    assert 55 <= median(outcome.wanted(3, 10)) <= 110
    assert outcome.mean_rate_bytes_per_s(3, 10) >= 0.75 * path.rate_bytes_per_s


def test_a_throttle_is_found_on_a_local_network_too() -> None:
    path = Path(1e9, 0.0005, throttle_bytes_per_s=20e6, queue_s=0.002)
    outcome = Transfer(ConcurrencyLimit(MAX), path).run(15)
    assert outcome.mean_rate_bytes_per_s(10, 15) >= 0.8 * path.rate_bytes_per_s


@SEEDS
def test_slow_answers_do_not_bring_hundreds_of_connections(seed: int) -> None:
    path = clean()
    path.latency_s = 0.3
    outcome = Transfer(ConcurrencyLimit(MAX), path, seed=seed).run(30)
    assert outcome.max_wanted <= 64
    assert outcome.mean_rate_bytes_per_s(3, 30) >= 0.9 * path.rate_bytes_per_s


# Changes on the way


def changing(path: Path, change: Callable[[Path], None], after_s: float) -> Callable[[float], None]:
    return lambda now_s: change(path) if now_s >= after_s else None


def test_a_path_at_half_its_rate_gets_no_more_connections() -> None:
    path = clean()

    def halve(path: Path) -> None:
        path.rate_bytes_per_s = goodput(500)

    outcome = Transfer(ConcurrencyLimit(MAX), path, at=changing(path, halve, 8)).run(16)
    assert max(outcome.wanted(8, 16)) <= POLICY.initial_limit
    assert outcome.mean_rate_bytes_per_s(9, 16) >= 0.95 * path.rate_bytes_per_s


def test_a_path_that_recovers_is_filled_within_seconds() -> None:
    path = far()
    path.rate_bytes_per_s = goodput(250)

    def recover(path: Path) -> None:
        path.rate_bytes_per_s = goodput(500)

    outcome = Transfer(ConcurrencyLimit(MAX), path, at=changing(path, recover, 12)).run(22)
    assert outcome.mean_rate_bytes_per_s(16, 22) >= 0.92 * path.rate_bytes_per_s


def test_loss_that_appears_is_answered_within_seconds() -> None:
    path = far()
    path.loss = 0.0

    def lose(path: Path) -> None:
        path.loss = 0.001

    outcome = Transfer(ConcurrencyLimit(MAX), path, at=changing(path, lose, 8)).run(20)
    assert outcome.mean_rate_bytes_per_s(12, 20) >= 0.92 * path.rate_bytes_per_s


def test_connections_that_loss_made_necessary_go_again_when_it_ends() -> None:
    path = far()

    def heal(path: Path) -> None:
        path.loss = 0.0

    outcome = Transfer(ConcurrencyLimit(MAX), path, at=changing(path, heal, 10)).run(60)
    assert outcome.wanted(59, 60)[-1] <= 0.9 * max(outcome.wanted(0, 12))
    assert outcome.mean_rate_bytes_per_s(40, 60) >= 0.95 * path.rate_bytes_per_s


def shallow() -> Path:
    """A path that drops what exceeds its rate, without a queue that would tell."""
    return Path(goodput(200), 0.03, queue_s=0.002)


def test_a_rate_that_growth_does_not_bring_back_is_believed() -> None:
    limit, counts = ConcurrencyLimit(MAX), [POLICY.initial_limit]
    for tick in range(2400):  # bytes come as they come, however many ask for them
        limit.received(1_000_000 if tick < 1200 else 750_000)
        limit.answered(0.05)
        counts.append(limit.update(tick * 0.05, counts[-1], is_light=False, left_bytes=MUCH))
    assert max(counts[1200:]) <= POLICY.lossy_limit * POLICY.grow ** (
        POLICY.max_failed_recoveries - 1
    )
    assert counts[-1] == counts[1200]


def test_growth_that_harms_is_taken_back_at_once() -> None:
    limit, counts = ConcurrencyLimit(MAX), [POLICY.initial_limit]
    for tick in range(1200):
        limit.received(1_000_000 if counts[-1] <= POLICY.initial_limit else 400_000)
        limit.answered(0.05)
        counts.append(limit.update(tick * 0.05, counts[-1], is_light=False, left_bytes=MUCH))
    assert sum(count > POLICY.initial_limit for count in counts) < 0.1 * len(counts)


def long_requests(rates: dict[float, float]) -> list[int]:
    """The limit every 50 ms while no answer begins, after first answers that met a queue.

    Args:
        rates: Time -> bytes per second from then on.
    """
    limit, counts, now_s = ConcurrencyLimit(MAX), [POLICY.initial_limit], 0.0
    limit.update(0.0, counts[0], is_light=False, left_bytes=MUCH)
    for number in range(counts[0]):
        limit.answered(0.1 + 0.02 * number, on_new_connection=True)
    while now_s < 12:
        now_s += 0.05
        rate_bytes_per_s = rates[max(from_s for from_s in rates if from_s <= now_s)]
        limit.received(int(rate_bytes_per_s * 0.05))
        counts.append(limit.update(now_s, counts[-1], is_light=False, left_bytes=MUCH))
    return counts


def test_a_queue_that_stood_counts_as_long_as_the_rate_holds() -> None:
    assert max(long_requests({0.0: 7e5})) == POLICY.initial_limit


def test_bytes_held_up_behind_a_lost_packet_do_not_mean_that_the_queue_is_gone() -> None:
    held_up = {0.0: 7e5, 6.0: 1e5, 6.6: 18e5, 6.9: 7e5}
    assert max(long_requests(held_up)) == POLICY.initial_limit


def test_a_rate_that_stays_less_means_that_the_queue_is_gone() -> None:
    counts = long_requests({0.0: 7e5, 6.0: 4e5})
    assert counts[119] == POLICY.initial_limit
    assert counts[160] >= POLICY.lossy_limit


@pytest.mark.parametrize(("left_bytes", "is_lowered"), [(MUCH, True), (2 << 20, False)])
def test_near_the_end_no_connections_are_taken_away(left_bytes: int, is_lowered: bool) -> None:
    limit, count = ConcurrencyLimit(MAX), POLICY.initial_limit
    for tick in range(400):
        limit.answered(0.05 if tick < POLICY.base_samples else 0.3)  # a deep queue
        limit.received(50_000)  # 1 MB/s
        count = limit.update(tick * 0.05, count, is_light=False, left_bytes=left_bytes)
    assert (count < POLICY.initial_limit) == is_lowered


def fetch_small_objects(
    round_trip_s: float, *, queued_from: int = 1000, is_light: bool = True
) -> list[int]:
    """How many connections are wanted, every 50 ms for 2 s, each with a request a round trip."""
    limit, counts = ConcurrencyLimit(MAX), [POLICY.initial_limit]
    for tick in range(40):
        answers = int(counts[-1] * 0.05 / round_trip_s)
        limit.received(answers * 16 * KIB)
        late_s = 0.05 if counts[-1] >= queued_from else 0.0
        for _ in range(answers):
            limit.answered(round_trip_s + late_s)
        counts.append(limit.update(tick * 0.05, counts[-1], is_light=is_light, left_bytes=MUCH))
    return counts


def test_small_objects_far_away_soon_get_all_connections() -> None:
    assert fetch_small_objects(0.08)[-1] == MAX
    assert fetch_small_objects(0.08, is_light=False)[-1] < MAX


def test_small_objects_get_no_more_connections_once_a_queue_stands() -> None:
    assert max(fetch_small_objects(0.08, queued_from=48)) < 100


def test_small_objects_of_a_local_network_get_few_connections() -> None:
    assert max(fetch_small_objects(0.002)[5:]) <= 8


def test_loss_is_answered_at_once_although_growth_had_become_rare() -> None:
    path = shallow()

    def lose(path: Path) -> None:
        path.loss = 0.01

    outcome = Transfer(ConcurrencyLimit(MAX), path, at=changing(path, lose, 70)).run(85)
    assert outcome.mean_rate_bytes_per_s(72, 85) >= 0.97 * path.rate_bytes_per_s


def test_growth_that_brings_nothing_is_tried_ever_more_rarely() -> None:
    counts = Transfer(ConcurrencyLimit(MAX), shallow()).run(90).wanted(0, 90)
    grown = [at for at, (a, b) in enumerate(pairwise(counts)) if b > 1.2 * a]
    third = len(counts) / 3
    assert sum(at > 2 * third for at in grown) <= 2 < sum(at < third for at in grown)


@SEEDS
def test_rates_that_vary_by_themselves_bring_no_more_connections(seed: int) -> None:
    path = Path(goodput(50), 0.03, noise=0.9, queue_s=0.3)  # wireless
    outcome = Transfer(ConcurrencyLimit(MAX), path, seed=seed).run(40)
    assert outcome.max_wanted <= 64
