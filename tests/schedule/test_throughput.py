"""Rates count time at work only; the path's own round trip is told from queueing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.schedule.limit_policy import LimitPolicy
from dlcore.schedule.throughput import ThroughputMeter
from tests.schedule.packages import LAW

POLICY = LimitPolicy()


def test_a_window_counts_what_arrived_in_it() -> None:
    meter = ThroughputMeter(POLICY)
    meter.read(0.0, 4)
    meter.received(3000)
    meter.read(1.0, 2)
    meter.received(1000)
    meter.read(3.0, 2)
    interval = meter.cut()
    assert interval.received_bytes == 4000
    assert interval.bytes_per_s == pytest.approx(4000 / 3)
    assert interval.in_flight == pytest.approx((4 * 1 + 2 * 2) / 3)


def test_a_cut_begins_anew() -> None:
    meter = ThroughputMeter(POLICY)
    meter.read(0.0, 1)
    meter.received(500)
    meter.read(1.0, 1)
    meter.cut()
    meter.received(7)
    meter.read(2.0, 1)
    assert meter.cut().bytes_per_s == pytest.approx(7)


def test_idle_time_does_not_look_like_a_low_rate() -> None:
    meter = ThroughputMeter(POLICY)
    meter.read(0.0, 2)
    meter.received(1000)
    meter.read(1.0, 0)
    meter.read(100.0, 2)
    meter.received(1000)
    meter.read(101.0, 2)
    interval = meter.cut()
    assert interval.bytes_per_s == pytest.approx(1000)
    assert interval.in_flight == pytest.approx(2)


def test_an_empty_window_has_no_rate() -> None:
    interval = ThroughputMeter(POLICY).cut()
    assert (interval.bytes_per_s, interval.in_flight) == (0.0, 0.0)


def test_a_connections_rate_is_not_known_before_bytes_came() -> None:
    meter = ThroughputMeter(POLICY)
    meter.read(0.0, 2)
    meter.answered(0.1)
    meter.read(1.0, 2)
    assert meter.connection_bytes_per_s is None


def test_waiting_for_the_first_answer_does_not_count_against_a_connection() -> None:
    meter = ThroughputMeter(POLICY)
    meter.read(0.0, 1)
    meter.read(10.0, 1)
    meter.answered(10.0)
    meter.received(100)
    meter.read(10.1, 1)
    assert meter.connection_bytes_per_s == pytest.approx(1000)


def test_a_connections_flow_is_its_rate_without_the_waits_for_answers() -> None:
    meter = ThroughputMeter(POLICY)
    meter.answered(0.1)
    meter.read(0.0, 4)
    for _ in range(4):
        meter.answered(0.1)
    meter.received(1600)
    meter.read(0.5, 4)
    assert meter.connection_bytes_per_s == pytest.approx(800)
    assert meter.flow_bytes_per_s == pytest.approx(1000, rel=0.03)


def test_connections_that_only_wait_have_no_flow() -> None:
    meter = ThroughputMeter(POLICY)
    meter.answered(0.1)
    meter.read(0.0, 1)
    meter.answered(0.6)
    meter.read(0.5, 1)
    assert meter.flow_bytes_per_s == 0.0


def test_a_connections_rate_follows_a_change_within_seconds() -> None:
    meter = ThroughputMeter(POLICY)
    meter.answered(0.1)
    meter.read(0.0, 4)
    for tick in range(1, 101):
        meter.received(4000 if tick <= 50 else 400)
        meter.read(tick * 0.1, 4)
    assert meter.connection_bytes_per_s == pytest.approx(1000, rel=0.01)


def test_round_trips_are_smoothed() -> None:
    meter = ThroughputMeter(POLICY)
    meter.answered(0.08)
    meter.answered(0.16)
    assert meter.round_trip_s == pytest.approx(0.09)


def test_the_path_is_the_shortest_round_trip() -> None:
    meter = ThroughputMeter(POLICY)
    for round_trip_s in (0.2, 0.08, 0.13):
        meter.answered(round_trip_s)
    meter.read(1.0, 1)
    assert meter.base_round_trip_s == pytest.approx(0.08)


def test_a_path_that_has_become_longer_is_believed_after_a_while() -> None:
    meter = ThroughputMeter(POLICY)
    meter.answered(0.02)
    for tick in range(1, 1 + int(20 * POLICY.base_lifetime_s)):
        meter.answered(0.08)
        meter.read(tick * 0.1, 1)
    assert meter.base_round_trip_s == pytest.approx(0.08)


@pytest.mark.parametrize(
    ("path_s", "round_trip_s", "late"),
    [
        (0.08, 0.085, 0),  # less than an eighth
        (0.08, 0.095, 1),
        (0.0001, 0.003, 0),  # a scheduler's delay
        (0.0001, 0.006, 1),
        (0.4, 0.414, 0),
        (0.4, 0.42, 1),
    ],
)
def test_an_answer_is_late_if_it_had_to_queue(
    path_s: float, round_trip_s: float, late: int
) -> None:
    meter = ThroughputMeter(POLICY)
    meter.answered(path_s)
    meter.read(0.0, 1)
    meter.cut()
    meter.answered(round_trip_s)
    meter.read(1.0, 1)
    interval = meter.cut()
    assert (interval.round_trips, interval.late) == (1, late)


STEPS = st.lists(
    st.tuples(st.floats(0.0, 10.0), st.integers(0, 300), st.integers(0, 10**9)), max_size=50
)


@LAW
@given(STEPS, st.sets(st.integers(0, 49)))
def test_no_byte_and_no_second_is_counted_twice_or_lost(
    steps: list[tuple[float, int, int]], cuts: set[int]
) -> None:
    meter, now_s = ThroughputMeter(POLICY), 0.0
    meter.read(now_s, 1)
    intervals = []
    for number, (past_s, in_flight, count_bytes) in enumerate(steps):
        now_s += past_s
        meter.received(count_bytes)
        meter.read(now_s, in_flight)
        if number in cuts:
            intervals.append(meter.cut())
    intervals.append(meter.cut())
    counts = [1, *(in_flight for _, in_flight, _ in steps)]
    in_flight_s = sum(past_s * count for (past_s, _, _), count in zip(steps, counts, strict=False))
    assert sum(w.received_bytes for w in intervals) == sum(count for _, _, count in steps)
    assert sum(w.in_flight_s for w in intervals) == pytest.approx(in_flight_s)
    assert all(w.in_flight >= 1 for w in intervals if w.busy_s > 1e-9)


def test_a_new_connection_tells_twice_the_base_until_open_ones_are_known() -> None:
    meter = ThroughputMeter(POLICY)
    meter.answered(0.1, on_new_connection=True)
    assert meter.base_round_trip_s == pytest.approx(0.05)
    meter.answered(0.09)
    assert meter.base_round_trip_s == pytest.approx(0.05), "it had to queue"


def test_what_a_server_takes_for_each_answer_is_part_of_the_base() -> None:
    meter = ThroughputMeter(POLICY)
    meter.answered(0.38, on_new_connection=True)  # 40 ms to open, and an answer as below
    for _ in range(POLICY.base_samples):
        meter.answered(0.34)
    assert meter.base_round_trip_s == pytest.approx(0.34)


def test_the_base_outlives_a_time_without_answers() -> None:
    meter = ThroughputMeter(POLICY)
    meter.answered(0.05)
    for second in range(1, 1 + int(3 * POLICY.base_lifetime_s)):
        meter.read(float(second), 1)
    assert meter.base_round_trip_s == pytest.approx(0.05)


@pytest.mark.parametrize(("other_s", "late"), [(0.105, 0), (0.13, 1)])
def test_answers_on_new_connections_are_compared_with_each_other(other_s: float, late: int) -> None:
    meter = ThroughputMeter(POLICY)
    meter.read(0.0, 2)
    meter.answered(0.1, on_new_connection=True)
    meter.answered(other_s, on_new_connection=True)
    meter.read(1.0, 2)
    assert meter.cut().late == late
