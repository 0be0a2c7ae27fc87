"""How many connections a download begins with."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.schedule import Terms
from dlcore.schedule.crew import Crew
from dlcore.schedule.opening import MAX, SHORT_BYTES, START, START_FAR, START_NEAR, opening
from tests.schedule.scene import MIB, Scene


@given(st.integers(0, 2 * SHORT_BYTES), st.integers(0, MIB), st.integers(1, 200))
def test_more_work_begins_with_no_fewer_until_it_is_long(
    wanted_bytes: int, more_bytes: int, usual: int
) -> None:
    count, later = opening(wanted_bytes, usual), opening(wanted_bytes + more_bytes, usual)
    assert usual <= count <= max(usual, MAX)
    if wanted_bytes + more_bytes <= SHORT_BYTES:
        assert later >= count
    else:
        assert later == usual


def beginning(
    expected_bytes: int, round_trip_s: float, most: int = 256, endpoints: str = "e"
) -> int:
    """How many connections are wanted before anything has come."""
    scene = Scene({"p": 200}, dict.fromkeys(endpoints, 0))
    scene.planner.set_terms("e", Terms(most))
    scene.planner.expect(expected_bytes, round_trip_s)
    return scene.planner.connections("e", 0.0)


def test_short_work_far_away_begins_with_many() -> None:
    assert beginning(32 * MIB, 0.08) == MAX
    assert START_FAR < beginning(8 * MIB, 0.08) < MAX


def test_long_work_unknown_endpoints_and_capped_connections_do_not() -> None:
    assert beginning(200 * MIB, 0.08) == START_FAR
    assert beginning(32 * MIB, 0.0) == START
    assert beginning(32 * MIB, 0.08, most=10) == 10


def test_a_near_endpoint_begins_with_few_however_long_its_first_answer_takes() -> None:
    scene = Scene({"p": 200}, {"e": 0})
    scene.planner.expect(200 * MIB, 0.001)
    scene.ask()
    assert scene.planner.connections("e", 0.0) == START_NEAR
    assert scene.planner.connections("e", 1.0) == START_NEAR


def test_of_several_endpoints_only_the_nearest_is_known_to_be_near() -> None:
    assert beginning(32 * MIB, 0.001, endpoints="ef") == START


def test_several_endpoints_share_short_work() -> None:
    assert beginning(10 * MIB, 0.08, endpoints="ef") == beginning(5 * MIB, 0.08)


def test_an_endpoint_that_turns_out_to_be_near_keeps_few() -> None:
    scene = Scene({"p": 200}, {"e": 0})
    scene.planner.expect(32 * MIB, 0.08)
    assignment = scene.ask()
    scene.planner.received(assignment, 1000, 0.001)
    assert scene.planner.connections("e", 0.001) == START_NEAR


def test_an_answer_tells_how_far_it_came_when_it_begins_and_not_when_it_is_read() -> None:
    scene = Scene({"p": 200}, {"e": 0})
    scene.planner.expect(32 * MIB, 0.08)
    assignment = scene.ask()
    scene.planner.received(assignment, 0, 0.001)
    scene.planner.received(assignment, 1000, 0.09)
    assert scene.planner.connections("e", 0.09) == START_NEAR


# What the first answer, or none, tells


def test_it_begins_with_a_few() -> None:
    assert Crew(MAX).wanted(0.0, 0) == START


def test_a_late_first_answer_does_not_make_a_near_endpoint_far() -> None:
    crew = Crew(256)
    crew.answered(0.03)
    assert crew.wanted(0.03, START) == START_FAR
    crew.answered(0.001)
    assert crew.wanted(0.04, START_FAR) == START_NEAR


@pytest.mark.parametrize(("round_trip_s", "count"), [(0.0005, START_NEAR), (0.08, START_FAR)])
def test_the_first_answer_tells_how_many_to_go_on_with(round_trip_s: float, count: int) -> None:
    crew = Crew(MAX)
    crew.wanted(0.0, 0)
    crew.answered(round_trip_s)
    assert crew.wanted(0.1, START) == count


def test_no_answer_for_a_while_tells_that_the_path_is_long() -> None:
    crew = Crew(MAX)
    crew.wanted(100.0, 0)
    assert crew.wanted(100.01, START) == START
    assert crew.wanted(100.05, START) == START_FAR


def test_nothing_is_known_before_the_first_byte() -> None:
    crew = Crew(MAX)
    crew.wanted(0.0, 8)
    assert crew.round_trip_s is None
    assert crew.connection_bytes_per_s is None
