"""The planner, one decision at a time."""

from __future__ import annotations

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from dlcore.errors import Fault
from dlcore.model import BlockRange
from dlcore.schedule import Planner, Policy
from tests.schedule.machine import PlannerMachine
from tests.schedule.packages import BLOCK_BYTES, shape


def test_ranges_that_were_under_way_when_an_endpoint_failed_are_one_failure() -> None:
    planner = Planner(Policy(range_bytes=BLOCK_BYTES, weather_patience=2))
    planner.add_endpoint("e", 32)
    planner.want("p", shape([100]), bytes(100))
    planner.place("p", "e", frozenset([0]))
    planner.order(["p"])

    def fail_all(now_s: float) -> str:
        flying = [a for _ in range(32) if (a := planner.next_range("e", now_s))]
        for assignment in flying:
            planner.range_ended(assignment, now_s, fault=Fault.CONNECT, jitter=0.5)
        return planner.dropped("e")

    assert fail_all(0.0) == ""
    assert fail_all(100.0) == Fault.CONNECT


def test_a_package_that_was_forgotten_is_not_fetched_any_more() -> None:
    planner = Planner()
    planner.add_endpoint("e", 1)
    for package in ("p", "q"):
        planner.want(package, shape([1]), bytes(1))
        planner.place(package, "e", frozenset([0]))
    planner.order(["p", "q"])
    planner.forget("p")
    assignment = planner.next_range("e", 0.0)
    assert assignment is not None
    assert assignment.package == "q"


def test_a_block_fetched_again_stays_with_its_new_range_when_the_old_one_ends() -> None:
    planner = Planner()
    for endpoint in ("liar", "honest"):
        planner.add_endpoint(endpoint, 1)
    planner.want("p", shape([8]), bytes(8))
    for endpoint in ("liar", "honest"):
        planner.place("p", endpoint, frozenset([0]))
    planner.order(["p"])
    old = planner.next_range("liar", 0.0)
    assert old is not None
    planner.block_bad(old, 0, 0.0)
    new = planner.next_range("honest", 0.0)
    assert new is not None
    assert new.blocks == BlockRange(0, 0, 1)
    planner.range_ended(old, 0.0)
    other = planner.next_range("honest", 0.0)
    assert other is not None
    assert other.blocks.first > 0


def test_the_planner_keeps_its_word_whatever_happens() -> None:
    run_state_machine_as_test(
        PlannerMachine,
        settings=settings(
            derandomize=True, deadline=None, max_examples=150, stateful_step_count=50
        ),
    )
