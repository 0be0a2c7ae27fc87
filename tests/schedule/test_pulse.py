"""Rates count time at work only; the path's own round trip is told from queueing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.schedule.pulse import PATH_S, Pulse
from tests.schedule.packages import LAW


def test_a_window_counts_what_arrived_in_it() -> None:
    pulse = Pulse()
    pulse.look(0.0, 4)
    pulse.received(3000)
    pulse.look(1.0, 2)
    pulse.received(1000)
    pulse.look(3.0, 2)
    window = pulse.cut()
    assert window.received_bytes == 4000
    assert window.rate_bytes_per_s == pytest.approx(4000 / 3)
    assert window.connections == pytest.approx((4 * 1 + 2 * 2) / 3)


def test_a_cut_begins_anew() -> None:
    pulse = Pulse()
    pulse.look(0.0, 1)
    pulse.received(500)
    pulse.look(1.0, 1)
    pulse.cut()
    pulse.received(7)
    pulse.look(2.0, 1)
    assert pulse.cut().rate_bytes_per_s == pytest.approx(7)


def test_idle_time_does_not_look_like_a_low_rate() -> None:
    pulse = Pulse()
    pulse.look(0.0, 2)
    pulse.received(1000)
    pulse.look(1.0, 0)
    pulse.look(100.0, 2)
    pulse.received(1000)
    pulse.look(101.0, 2)
    window = pulse.cut()
    assert window.rate_bytes_per_s == pytest.approx(1000)
    assert window.connections == pytest.approx(2)


def test_an_empty_window_has_no_rate() -> None:
    window = Pulse().cut()
    assert (window.rate_bytes_per_s, window.connections) == (0.0, 0.0)


def test_a_connections_rate_is_not_known_before_bytes_came() -> None:
    pulse = Pulse()
    pulse.look(0.0, 2)
    pulse.answered(0.1)
    pulse.look(1.0, 2)
    assert pulse.connection_bytes_per_s is None


def test_waiting_for_the_first_answer_does_not_count_against_a_connection() -> None:
    pulse = Pulse()
    pulse.look(0.0, 1)
    pulse.look(10.0, 1)
    pulse.answered(10.0)
    pulse.received(100)
    pulse.look(10.1, 1)
    assert pulse.connection_bytes_per_s == pytest.approx(1000)


def test_a_connections_flow_is_its_rate_without_the_waits_for_answers() -> None:
    pulse = Pulse()
    pulse.answered(0.1)
    pulse.look(0.0, 4)
    for _ in range(4):
        pulse.answered(0.1)
    pulse.received(1600)
    pulse.look(0.5, 4)
    assert pulse.connection_bytes_per_s == pytest.approx(800)
    assert pulse.flow_bytes_per_s == pytest.approx(1000, rel=0.03)


def test_connections_that_only_wait_have_no_flow() -> None:
    pulse = Pulse()
    pulse.answered(0.1)
    pulse.look(0.0, 1)
    pulse.answered(0.6)
    pulse.look(0.5, 1)
    assert pulse.flow_bytes_per_s == 0.0


def test_a_connections_rate_follows_a_change_within_seconds() -> None:
    pulse = Pulse()
    pulse.answered(0.1)
    pulse.look(0.0, 4)
    for tick in range(1, 101):
        pulse.received(4000 if tick <= 50 else 400)
        pulse.look(tick * 0.1, 4)
    assert pulse.connection_bytes_per_s == pytest.approx(1000, rel=0.01)


def test_round_trips_are_smoothed() -> None:
    pulse = Pulse()
    pulse.answered(0.08)
    pulse.answered(0.16)
    assert pulse.round_trip_s == pytest.approx(0.09)


def test_the_path_is_the_shortest_round_trip() -> None:
    pulse = Pulse()
    for round_trip_s in (0.2, 0.08, 0.13):
        pulse.answered(round_trip_s)
    pulse.look(1.0, 1)
    assert pulse.path_s == pytest.approx(0.08)


def test_a_path_that_has_become_longer_is_believed_after_a_while() -> None:
    pulse = Pulse()
    pulse.answered(0.02)
    for tick in range(1, 1 + int(20 * PATH_S)):
        pulse.answered(0.08)
        pulse.look(tick * 0.1, 1)
    assert pulse.path_s == pytest.approx(0.08)


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
    pulse = Pulse()
    pulse.answered(path_s)
    pulse.look(0.0, 1)
    pulse.cut()
    pulse.answered(round_trip_s)
    pulse.look(1.0, 1)
    window = pulse.cut()
    assert (window.answers, window.late) == (1, late)


STEPS = st.lists(
    st.tuples(st.floats(0.0, 10.0), st.integers(0, 300), st.integers(0, 10**9)), max_size=50
)


@LAW
@given(STEPS, st.sets(st.integers(0, 49)))
def test_no_byte_and_no_second_is_counted_twice_or_lost(
    steps: list[tuple[float, int, int]], cuts: set[int]
) -> None:
    pulse, now_s = Pulse(), 0.0
    pulse.look(now_s, 1)
    windows = []
    for number, (past_s, at_work, count_bytes) in enumerate(steps):
        now_s += past_s
        pulse.received(count_bytes)
        pulse.look(now_s, at_work)
        if number in cuts:
            windows.append(pulse.cut())
    windows.append(pulse.cut())
    counts = [1, *(at_work for _, at_work, _ in steps)]
    work_s = sum(past_s * count for (past_s, _, _), count in zip(steps, counts, strict=False))
    assert sum(w.received_bytes for w in windows) == sum(count for _, _, count in steps)
    assert sum(w.work_s for w in windows) == pytest.approx(work_s)
    assert all(w.connections >= 1 for w in windows if w.busy_s > 1e-9)
