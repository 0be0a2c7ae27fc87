"""The scheduler, one decision at a time."""

from __future__ import annotations

import pytest

from dlcore.errors import Fault
from dlcore.model import BlockExtent, BlockInPackage, ObjectIndex
from dlcore.schedule import (
    DeadlineScheduler,
    EndpointChange,
    EndpointChanged,
    PackageExhausted,
    Policy,
    Request,
    SplitBlockDropped,
    Terms,
)
from tests.schedule.machine import SchedulerMachine
from tests.schedule.packages import BLOCK_BYTES, run_machine, sized
from tests.schedule.scene import MIB, PLENTY_BYTES, WIDE, Scene
from tests.schedule.sharing_machine import SharingMachine

BACKOFF_S = Policy().backoff_base_s  # the first, with a jitter of one half


def test_requests_in_flight_when_an_endpoint_failed_are_one_failure() -> None:
    scene = Scene({"p": 100}, {"e": 0}, Policy(max_failures=2), block_bytes=BLOCK_BYTES)

    def fail_all(now_s: float) -> bool:
        scene.now_s = now_s
        in_flight = [request for _ in range(32) if (request := scene.next_request())]
        for request in in_flight:
            scene.end(request, Fault.CONNECT)
        return scene.is_dropped("e")

    assert not fail_all(0.0)
    assert fail_all(100.0)
    assert scene.take(PackageExhausted) == [PackageExhausted("p", 100, ("e",))]


def test_a_package_that_was_forgotten_is_not_fetched_any_more() -> None:
    scene = Scene({"p": 1, "q": 1}, {"e": 0}, block_bytes=BLOCK_BYTES)
    scene.note(scene.scheduler.forget("p"))
    assert scene.ask().package == "q"


def test_blocks_that_were_found_on_the_machine_are_not_fetched() -> None:
    scene = Scene({"p": 8, "q": 1}, {"e": 0}, block_bytes=BLOCK_BYTES)
    blocks = [BlockInPackage(number) for number in range(8)]
    scene.note(scene.scheduler.found("p", blocks[:7]))
    request = scene.ask()
    assert (request.package, request.blocks) == ("p", BlockExtent.of(0, 7, 8))
    scene.note(scene.scheduler.found("p", blocks[7:]))
    assert not scene.is_complete("p"), "its request tells what becomes of the last block"
    assert scene.ask().package == "q"


def test_a_package_of_which_all_was_found_is_complete() -> None:
    scene = Scene({"p": 2}, {"e": 0}, block_bytes=BLOCK_BYTES)
    scene.note(scene.scheduler.found("p", [BlockInPackage(0), BlockInPackage(1)]))
    assert scene.is_complete("p")
    assert scene.has_none()
    assert scene.scheduler.found("p", [BlockInPackage(1)]) == ()


def test_a_split_block_that_was_found_is_not_continued_when_no_part_is_in_flight() -> None:
    scene = Scene({"p": 2}, {"e": 0})
    block = [BlockInPackage(0)]
    one, other = scene.ask(), scene.ask()
    assert one.part
    assert one.blocks == other.blocks == BlockExtent.of(0, 0, 1)
    scene.deliver(one)
    scene.note(scene.scheduler.found("p", block))
    assert not scene.take(SplitBlockDropped), "its other part is in flight"
    scene.end(other, Fault.CONNECT)
    scene.note(scene.scheduler.found("p", block))
    assert scene.take(SplitBlockDropped) == [SplitBlockDropped("p", one.blocks)]
    scene.now_s += BACKOFF_S
    assert scene.ask().blocks == BlockExtent.of(0, 1, 2)


def test_a_package_whose_split_block_was_found_is_complete_without_an_endpoint() -> None:
    scene = Scene({"p": 2}, {"e": 0})
    part = scene.ask()
    assert part.part
    scene.end(part, Fault.AUTH)
    assert scene.take(PackageExhausted) == [PackageExhausted("p", 2, ("e",))]
    scene.note(scene.scheduler.found("p", [BlockInPackage(0), BlockInPackage(1)]))
    assert scene.is_complete("p")


def test_a_block_begun_by_an_endpoint_that_is_not_worth_its_cost_any_more_is_continued() -> None:
    scene = Scene({"p": 2}, {"cheap": 0, "paid": 1}, Policy(max_cheap_wait_s=0.0))
    scene.note(scene.scheduler.lacks_ranges("cheap"))
    scene.order(["p"], {"p"})
    part = scene.ask("paid")
    assert part.part
    scene.deliver(part)
    scene.order(["p"])
    assert scene.has_none("paid")
    rest = scene.ask("cheap")
    assert rest.part
    assert rest.blocks == part.blocks


def test_a_block_fetched_again_stays_with_its_new_request_when_the_old_one_ends() -> None:
    scene = Scene({"p": 8}, {"liar": 0, "honest": 0}, block_bytes=BLOCK_BYTES)
    old = scene.ask("liar")
    scene.reject(old)
    new = scene.ask("honest")
    assert new.blocks == BlockExtent.of(0, 0, 1)
    scene.end(old)
    assert scene.ask("honest").blocks.first > 0


def test_while_half_open_one_range_tries_an_endpoint() -> None:
    scene = Scene({"p": 400}, {"e": 0})
    in_flight = [scene.ask() for _ in range(8)]
    for request in in_flight:  # one failure
        scene.end(request, Fault.CONNECT)
    assert scene.has_none(), "it backs off"
    (change,) = scene.take(EndpointChanged)
    assert isinstance(change, EndpointChanged)
    assert change.change is EndpointChange.BACKED_OFF
    assert change.resume_at_s == scene.now_s + BACKOFF_S
    scene.now_s += BACKOFF_S
    trial = scene.ask()
    assert scene.has_none()
    assert scene.scheduler.limit("e") == 1
    assert scene.changes() == [("e", EndpointChange.HALF_OPEN)]
    scene.deliver(trial)
    assert not scene.has_none()
    assert scene.scheduler.limit("e") > 1
    assert scene.changes() == [("e", EndpointChange.RESUMED)]


def test_a_trial_that_was_stopped_leaves_room_for_another() -> None:
    scene = Scene({"p": 400}, {"e": 0})
    scene.end(scene.ask(), Fault.CONNECT)
    scene.now_s += BACKOFF_S
    scene.cancel(scene.ask())
    assert not scene.has_none()


def test_a_range_that_was_stopped_says_nothing_of_its_endpoint() -> None:
    scene = Scene({"p": 400}, {"e": 0})
    for _ in range(50):
        scene.cancel(scene.ask())
    assert not scene.is_dropped("e")


def test_only_the_endpoint_that_is_busy_gets_fewer_connections() -> None:
    scene = Scene({"p": 400}, {"e": 0, "f": 0})
    before = scene.scheduler.limit("f")
    assert scene.scheduler.limit("e") == before
    scene.end(scene.ask("e"), Fault.BUSY)
    scene.tick()
    assert scene.scheduler.limit("e") < before
    assert scene.scheduler.limit("f") == before


def test_an_endpoint_that_refuses_some_connections_gets_fewer() -> None:
    scene = Scene({"p": 400}, {"e": 0})
    counts = []
    for _ in range(2):
        scene.deliver(scene.ask())
        counts.append(scene.scheduler.limit("e"))
        scene.end(scene.ask(), Fault.CONNECT)
    scene.deliver(scene.ask())
    assert counts[0] == counts[1] > scene.scheduler.limit("e")


def test_the_first_ranges_are_short_and_grow_as_they_arrive() -> None:
    scene = Scene({"p": 400}, {"e": 0, "f": 0})
    lengths = []
    for _ in range(10):
        request = scene.ask("e")
        lengths.append(scene.length_bytes(request))
        scene.deliver(request, lengths[-1] / (16 * MIB))
    assert lengths[0] == MIB // 8
    assert lengths[-1] >= 8 * MIB


def test_where_nobody_else_could_be_quicker_the_first_ranges_are_long() -> None:
    scene = Scene({"p": 400}, {"e": 0})
    assert scene.length_bytes(scene.ask()) == MIB


def test_while_there_are_only_small_objects_connections_soon_double() -> None:
    def limit_after(lengths: list[int]) -> int:
        scheduler = DeadlineScheduler({"e": Terms()})
        scheduler.want("p", sized(lengths), bytes(len(lengths)))
        everything = frozenset(ObjectIndex(index) for index in range(len(lengths)))
        scheduler.located("p", "e", everything)
        scheduler.order(["p"])
        for tick in range(20):
            now_s, in_flight = tick * 0.08, list[Request]()
            scheduler.tick(now_s)
            while request := scheduler.next_request("e", now_s, PLENTY_BYTES).request:
                in_flight.append(request)
            scheduler.tick(now_s + 0.07)
            for request in in_flight:
                length_bytes = lengths[request.blocks.object]
                scheduler.received(request.number, length_bytes, now_s + 0.08)
                scheduler.verified(request.number, request.blocks)
                scheduler.finished(request.number, now_s + 0.08)
        return scheduler.limit("e")

    assert limit_after([16 << 10] * 5000) > 2 * limit_after([16 << 10, 200 << 10] * 2500)


def test_towards_the_end_ranges_get_shorter() -> None:
    scene = Scene({"p": 200}, {"e": 0})
    scene.warm_up("e", 16 * MIB, requests=10)
    lengths = []
    while not scene.is_complete("p"):
        request = scene.ask()
        lengths.append(scene.length_bytes(request))
        scene.deliver(request, lengths[-1] / (16 * MIB))
    assert lengths[0] >= 2 * MIB
    assert lengths[-2] < MIB


def test_a_cap_keeps_ranges_short() -> None:
    scene = Scene({"p": 200}, {"e": 0})
    scene.warm_up("e", 16 * MIB, requests=10)
    scene.note(scene.scheduler.set_cap(64 << 10))
    assert scene.length_bytes(scene.ask()) == 64 << 10
    scene.note(scene.scheduler.set_cap(0.0))
    assert scene.length_bytes(scene.ask()) > 64 << 10


@pytest.mark.parametrize("total_bytes_per_s", [0.0, 10.0 * MIB])
def test_slow_bytes_under_the_lower_of_two_caps_are_not_taken_for_a_stall(
    total_bytes_per_s: float,
) -> None:
    scene = Scene({"p": 8}, {"e": 0})
    scene.note(scene.scheduler.set_cap(total_bytes_per_s))
    scene.note(scene.scheduler.set_terms("e", Terms(cap_bytes_per_s=64 << 10)))
    scene.receive(scene.ask(), 0.1)
    scene.now_s += 4.0
    scene.tick()
    assert scene.changes() == []


def test_the_scheduler_keeps_its_word_whatever_happens() -> None:
    """Fault G4: orders, failures, stops and new terms come in any order. dlcore keeps every rule of
    the schedule.
    """
    run_machine(SchedulerMachine)
    run_machine(SharingMachine)


def fallen_silent(scene: Scene, count: int = 3) -> list[Request]:
    """Nothing comes of some ranges that an endpoint was asked for, for long."""
    asked = [scene.ask("e") for _ in range(count)]
    scene.now_s += 5.0
    scene.tick()
    return asked


def test_an_endpoint_that_falls_silent_is_tried_by_one_range_at_a_time() -> None:
    scene = Scene({"p": 40}, {"e": 0, "f": 0})
    fallen_silent(scene)
    trial = scene.ask("e")
    assert scene.has_none("e")
    assert scene.changes() == [("e", EndpointChange.FELL_SILENT)]
    scene.cancel(trial)
    scene.ask("e")
    assert scene.has_none("e")


def test_an_endpoint_that_speaks_again_is_asked_as_before() -> None:
    scene = Scene({"p": 40}, {"e": 0, "f": 0})
    silent, *_ = fallen_silent(scene)
    scene.arrive(silent, 1000)
    assert scene.changes() == [("e", EndpointChange.FELL_SILENT), ("e", EndpointChange.RESUMED)]
    assert [scene.ask("e") for _ in range(5)]


def test_an_endpoint_that_was_not_asked_for_anything_is_not_silent() -> None:
    scene = Scene({"p": 40}, {"e": 0})
    scene.deliver(scene.ask("e"), 1.0)
    scene.now_s += 100.0
    scene.tick()
    scene.ask("e")
    scene.now_s += 0.1
    scene.tick()
    assert scene.changes() == []


def test_a_silent_endpoint_goes_on_with_no_block_that_others_can_go_on_with() -> None:
    scene = Scene({"p": 40}, {"e": 0, "f": 0})
    (silent,) = fallen_silent(scene, 1)
    assert silent.part
    assert scene.ask("f").blocks == silent.blocks
    assert scene.ask("e").blocks != silent.blocks


def test_a_silent_endpoint_that_nobody_can_stand_in_for_goes_on_itself() -> None:
    scene = Scene({"p": 40}, {"e": 0, "f": 0})
    (silent,) = fallen_silent(scene, 1)
    scene.note(scene.scheduler.located("p", "f", frozenset()))
    assert scene.ask("e").blocks == silent.blocks


def test_a_silent_endpoint_helps_no_late_range_that_others_can_help() -> None:
    scene = Scene({"p": 8}, {"e": 0, "f": 0}, Policy(concurrency=WIDE))
    fallen_silent(scene, 1)
    while scene.next_request("f"):
        pass
    scene.now_s += 5.0
    assert scene.has_none("e")
    assert not scene.has_none("f")
