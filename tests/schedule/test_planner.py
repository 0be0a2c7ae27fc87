"""The planner, one decision at a time."""

from __future__ import annotations

from dlcore.errors import Fault
from dlcore.model import BlockRange
from dlcore.schedule import Assignment, Planner, Policy, Terms
from tests.schedule.machine import PlannerMachine
from tests.schedule.packages import BLOCK_BYTES, run_machine, shape, sized
from tests.schedule.scene import MIB, Scene


def test_ranges_that_were_under_way_when_an_endpoint_failed_are_one_failure() -> None:
    planner = Planner(Policy(range_bytes=BLOCK_BYTES, weather_patience=2))
    planner.add_endpoint("e", Terms())
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
    planner.add_endpoint("e", Terms())
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
        planner.add_endpoint(endpoint, Terms())
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


def test_while_half_open_one_range_tries_an_endpoint() -> None:
    scene = Scene({"p": 400}, {"e": 0})
    flying = [scene.ask() for _ in range(8)]
    scene.end(flying.pop(), Fault.CONNECT)
    assert scene.has_none(), "it rests"
    scene.now_s = scene.planner.resume_at_s("e")
    trial = scene.ask()
    assert scene.has_none()
    assert scene.planner.connections("e", scene.now_s) == 1
    assert scene.whats() == [("e", "backed off"), ("e", "half-open")]
    scene.deliver(trial)
    assert not scene.has_none()
    assert scene.planner.connections("e", scene.now_s) > 1
    assert scene.whats() == [("e", "resumed")]


def test_a_trial_that_was_stopped_leaves_room_for_another() -> None:
    scene = Scene({"p": 400}, {"e": 0})
    scene.end(scene.ask(), Fault.CONNECT)
    scene.now_s = scene.planner.resume_at_s("e")
    scene.planner.range_ended(scene.ask(), scene.now_s, dismissed=True)
    assert not scene.has_none()


def test_a_range_that_was_stopped_says_nothing_of_its_endpoint() -> None:
    scene = Scene({"p": 400}, {"e": 0})
    for _ in range(50):
        scene.planner.range_ended(scene.ask(), scene.now_s, fault=Fault.AUTH, dismissed=True)
    assert scene.planner.dropped("e") == ""


def test_only_the_endpoint_that_is_busy_gets_fewer_connections() -> None:
    scene = Scene({"p": 400}, {"e": 0, "f": 0})
    before = scene.planner.connections("f", scene.now_s)
    assert scene.planner.connections("e", scene.now_s) == before
    scene.end(scene.ask("e"), Fault.BUSY)
    assert scene.planner.connections("e", scene.now_s) < before
    assert scene.planner.connections("f", scene.now_s) == before


def test_an_endpoint_that_refuses_some_connections_gets_fewer() -> None:
    scene = Scene({"p": 400}, {"e": 0})
    counts = []
    for _ in range(2):
        scene.deliver(scene.ask())
        counts.append(scene.planner.connections("e", scene.now_s))
        scene.end(scene.ask(), Fault.CONNECT)
    scene.deliver(scene.ask())
    assert counts[0] == counts[1] > scene.planner.connections("e", scene.now_s)


def test_the_first_ranges_are_short_and_grow_as_they_arrive() -> None:
    scene = Scene({"p": 400}, {"e": 0, "f": 0})
    lengths = []
    for _ in range(10):
        assignment = scene.ask("e")
        lengths.append(scene.length_bytes(assignment))
        scene.deliver(assignment, lengths[-1] / (16 * MIB))
    assert lengths[0] == MIB // 8
    assert lengths[-1] >= 8 * MIB


def test_where_nobody_else_could_be_quicker_the_first_ranges_are_long() -> None:
    scene = Scene({"p": 400}, {"e": 0})
    assert scene.length_bytes(scene.ask()) == MIB


def test_while_there_are_only_small_objects_connections_soon_double() -> None:
    def wanted_after(lengths: list[int]) -> int:
        planner = Planner()
        planner.add_endpoint("e", Terms())
        planner.want("p", sized(lengths), bytes(len(lengths)))
        planner.place("p", "e", frozenset(range(len(lengths))))
        planner.order(["p"])
        for tick in range(20):
            now_s, flying = tick * 0.08, list[Assignment]()
            while len(flying) < planner.connections("e", now_s):
                assignment = planner.next_range("e", now_s)
                assert assignment
                flying.append(assignment)
            planner.connections("e", now_s + 0.07)
            for assignment in flying:
                planner.received(assignment, lengths[assignment.blocks.object], now_s + 0.08)
                planner.blocks_done(assignment, assignment.blocks)
                planner.range_ended(assignment, now_s + 0.08)
        return planner.connections("e", 2.0)

    assert wanted_after([16 << 10] * 5000) > 2 * wanted_after([16 << 10, 200 << 10] * 2500)


def test_towards_the_end_ranges_get_shorter() -> None:
    scene = Scene({"p": 200}, {"e": 0})
    scene.warm_up("e", 16 * MIB, ranges=10)
    lengths = []
    while not scene.planner.is_complete("p"):
        assignment = scene.ask()
        lengths.append(scene.length_bytes(assignment))
        scene.deliver(assignment, lengths[-1] / (16 * MIB))
    assert lengths[0] >= 2 * MIB
    assert lengths[-2] < MIB


def test_a_cap_keeps_ranges_short() -> None:
    scene = Scene({"p": 200}, {"e": 0})
    scene.warm_up("e", 16 * MIB, ranges=10)
    scene.planner.limit(64 << 10)
    assert scene.length_bytes(scene.ask()) == 64 << 10
    scene.planner.limit(0.0)
    assert scene.length_bytes(scene.ask()) > 64 << 10


def test_the_planner_keeps_its_word_whatever_happens() -> None:
    run_machine(PlannerMachine)


def fallen_silent(scene: Scene, count: int = 3) -> list[Assignment]:
    """Nothing comes of some ranges that an endpoint was asked for, for long."""
    asked = [scene.ask("e") for _ in range(count)]
    scene.now_s += 5.0
    scene.planner.connections("e", scene.now_s)
    return asked


def test_an_endpoint_that_falls_silent_is_tried_by_one_range_at_a_time() -> None:
    scene = Scene({"p": 40}, {"e": 0, "f": 0})
    fallen_silent(scene)
    trial = scene.ask("e")
    assert scene.has_none("e")
    assert scene.whats() == [("e", "fell silent")]
    scene.planner.range_ended(trial, scene.now_s, dismissed=True)
    scene.ask("e")
    assert scene.has_none("e")


def test_an_endpoint_that_speaks_again_is_asked_as_before() -> None:
    scene = Scene({"p": 40}, {"e": 0, "f": 0})
    silent, *_ = fallen_silent(scene)
    scene.planner.received(silent, 1000, scene.now_s)
    assert scene.whats() == [("e", "fell silent"), ("e", "resumed")]
    assert [scene.ask("e") for _ in range(5)]


def test_an_endpoint_that_was_not_asked_for_anything_is_not_silent() -> None:
    scene = Scene({"p": 40}, {"e": 0})
    scene.deliver(scene.ask("e"), 1.0)
    scene.now_s += 100.0
    scene.planner.connections("e", scene.now_s)
    scene.ask("e")
    scene.now_s += 0.1
    scene.planner.connections("e", scene.now_s)
    assert scene.whats() == []


def test_a_silent_endpoint_goes_on_with_no_block_that_others_can_go_on_with() -> None:
    scene = Scene({"p": 40}, {"e": 0, "f": 0})
    (silent,) = fallen_silent(scene, 1)
    assert silent.strip
    assert scene.ask("f").blocks == silent.blocks
    assert scene.ask("e").blocks != silent.blocks


def test_a_silent_endpoint_that_nobody_can_stand_in_for_goes_on_itself() -> None:
    scene = Scene({"p": 40}, {"e": 0, "f": 0})
    (silent,) = fallen_silent(scene, 1)
    scene.planner.place("p", "f", frozenset())
    assert scene.ask("e").blocks == silent.blocks


def test_a_silent_endpoint_helps_no_late_range_that_others_can_help() -> None:
    scene = Scene({"p": 8}, {"e": 0, "f": 0})
    fallen_silent(scene, 1)
    while scene.planner.next_range("f", scene.now_s):
        pass
    scene.now_s += 5.0
    assert scene.has_none("e")
    assert not scene.has_none("f")
