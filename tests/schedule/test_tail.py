"""What idle connections do for late ranges: take over, race, and at what cost."""

from __future__ import annotations

import pytest

from dlcore.errors import Fault
from dlcore.model import BlockRange
from dlcore.schedule import Assignment, Strip
from dlcore.schedule.demand import Demand
from dlcore.schedule.flight import FOREVER_S, Flight
from dlcore.schedule.race import Budget, Outlook, Prospect, Rescue, rescue
from tests.schedule.packages import shape
from tests.schedule.scene import MIB, Scene

BLOCK_BYTES = 64 << 10  # too short for strips
IDLE = Prospect(MIB, 0.1)  # the idle connection: one block a second


def flight(blocks: int, received_bytes: int = 0, strip: Strip | None = None) -> Flight:
    manifest = shape([20], block_bytes=MIB)
    assignment = Assignment(0, "p", "e", BlockRange(0, 0, blocks), strip)
    result = Flight(assignment, Demand("p", manifest, bytes(20)), 0.0)
    result.received(received_bytes, 1.0)
    return result


def late(rate_bytes_per_s: float, item: Flight) -> Outlook:
    return Outlook(
        rate_bytes_per_s, item.rest_bytes / rate_bytes_per_s if rate_bytes_per_s else FOREVER_S, 0.1
    )


# The decision


def test_a_range_that_ends_soon_is_left_alone() -> None:
    item = flight(8, 8 * MIB - 1000)
    assert rescue(item, late(MIB, item), IDLE) is None


@pytest.mark.parametrize(
    ("rate_bytes_per_s", "kept"), [(MIB, 5), (MIB / 4, 2), (MIB / 1000, 1), (0, 1)]
)
def test_the_end_of_a_late_range_is_divided_so_that_both_end_together(
    rate_bytes_per_s: float, kept: int
) -> None:
    item = flight(8)
    found = rescue(item, late(rate_bytes_per_s, item), IDLE)
    assert found is not None
    assert found.blocks == BlockRange(0, kept, 8)
    assert not found.is_race


def test_what_is_on_its_way_already_stays_with_the_late_range() -> None:
    item = flight(4)
    outlook = Outlook(MIB, 4.0, round_trip_s=2.5)
    found = rescue(item, outlook, Prospect(100 * MIB, 0.0))
    assert found is not None
    assert found.blocks == BlockRange(0, 3, 4)


def test_a_range_with_one_block_left_is_raced_if_the_idle_connection_is_much_quicker() -> None:
    item = flight(8, 7 * MIB + MIB // 2)
    assert rescue(item, late(MIB / 2, item), IDLE) is None
    found = rescue(item, late(MIB / 8, item), IDLE)
    assert found is not None
    assert (found.blocks, found.is_race) == (BlockRange(0, 7, 8), True)
    assert MIB // 2 < found.stake_bytes <= MIB


def test_of_an_object_with_but_one_digest_nothing_is_raced() -> None:
    manifest = shape([1, 8], block_bytes=MIB)
    assignment = Assignment(0, "p", "e", BlockRange(1, 0, 1))
    item = Flight(assignment, Demand("p", manifest, bytes(9)), 0.0)
    assert rescue(item, late(1, item), IDLE) is None


def test_a_range_of_which_nothing_comes_any_more_is_called_off_at_its_last_block() -> None:
    item = flight(8, 7 * MIB + MIB // 2)
    found = rescue(item, late(0, item), IDLE)
    assert found == Rescue(item, BlockRange(0, 7, 8), False, is_called_off=True)


@pytest.mark.parametrize("bytes_per_s", [0.0, 1000.0])
def test_the_rest_of_a_late_strip_is_divided_among_all_who_are_idle(bytes_per_s: float) -> None:
    item = flight(1, 1000, Strip(0, 101_000))
    found = rescue(item, late(bytes_per_s, item), IDLE._replace(idle=4))
    assert found is not None
    assert (found.is_race, found.part_bytes) == (False, 25_000)
    assert rescue(item, late(MIB, item), IDLE._replace(idle=4)) is None


def test_no_part_of_a_strip_is_shorter_than_what_slow_start_sends_at_once() -> None:
    item = flight(1, 0, Strip(0, 65536))
    found = rescue(item, late(0, item), IDLE._replace(idle=100))
    assert found is not None
    assert found.part_bytes == 16384


def test_races_leave_half_of_the_budget_to_what_was_not_foreseen() -> None:
    budget = Budget(0.02)
    budget.want(100 * MIB, MIB)
    race = Rescue(flight(1), BlockRange(0, 0, 1), True, stake_bytes=MIB)
    assert budget.allows(race)
    budget.began(1, MIB)
    assert not budget.allows(race)


def test_what_a_race_wasted_is_not_at_stake_any_more() -> None:
    budget = Budget(0.02)
    budget.want(100 * MIB, MIB)
    race = Rescue(flight(1), BlockRange(0, 0, 1), True, stake_bytes=MIB)
    budget.began(1, 1)
    assert not budget.allows(race)
    budget.ended(1, 0)
    assert budget.allows(race)
    budget.ended(2, 1)
    assert budget.wasted_bytes == 1
    assert not budget.allows(race)


# In the planner


def last_ranges(scene: Scene) -> list[Assignment]:
    """Ask until there is nothing left; everything is under way then."""
    found = []
    while assignment := scene.planner.next_range("e", scene.now_s):
        found.append(assignment)
    return found


def test_what_was_taken_over_is_delivered_by_the_taker_and_not_by_the_late_range() -> None:
    scene = Scene({"p": 200}, {"e": 0, "f": 0})
    for endpoint in ("e", "f"):
        scene.warm_up(endpoint, 8 * MIB)
    slow = scene.ask("e")
    assert slow.blocks.last - slow.blocks.first >= 4
    while (taker := scene.ask("f")).blocks.first not in range(*slow.blocks[1:]):
        scene.deliver(taker, 0.1)
    kept = scene.planner.last_block(slow)
    assert taker.blocks == slow.blocks._replace(first=kept)
    assert not taker.race
    scene.deliver(taker)
    scene.deliver(slow)
    assert scene.planner.is_complete("p")
    assert scene.planner.wasted_bytes == 0


def test_a_strip_that_stalls_keeps_what_arrived_and_its_rest_is_fetched_elsewhere() -> None:
    scene = Scene({"p": 2}, {"e": 0, "f": 0})
    stalled, *others = last_ranges(scene)
    assert stalled.strip
    scene.planner.received(stalled, 1000, scene.now_s)
    for other in others:
        scene.deliver(other)
    scene.now_s += 5.0
    takers = last_ranges(scene)
    assert scene.planner.superseded() == (stalled.number,)
    scene.planner.range_ended(stalled, scene.now_s, dismissed=True)
    at = 1000
    for taker in takers:
        assert taker.strip
        assert (taker.strip.start, taker.race) == (at, False)
        at = taker.strip.end
        scene.deliver(taker)
    assert at == stalled.strip.end
    assert scene.planner.is_complete("p")
    assert scene.planner.wasted_bytes == 0


def at_its_last_block() -> tuple[Scene, Assignment, BlockRange]:
    """A range of which the last block begins to arrive; everything else is there."""
    scene = Scene({"p": 40}, {"e": 0, "f": 0}, block_bytes=BLOCK_BYTES)
    first = scene.ask("e")
    _, _, end = first.blocks
    done = first.blocks._replace(last=end - 1)
    scene.planner.received(first, BLOCK_BYTES * (done.last - done.first), scene.now_s)
    scene.planner.blocks_done(first, done)
    while other := scene.planner.next_range("f", scene.now_s):
        scene.deliver(other, 0.0001)
    scene.planner.received(first, 1000, scene.now_s)
    return scene, first, first.blocks._replace(first=end - 1)


def called_off(scene: Scene) -> tuple[int, ...]:
    """Which ranges are, once nothing has come for so long that it is a stall."""
    scene.now_s += 5.0
    assert scene.has_none("f")
    return scene.planner.superseded()


def asked_after(scene: Scene, dismissed: Assignment) -> Assignment:
    """What is asked for once a range that was called off has ended."""
    scene.planner.range_ended(dismissed, scene.now_s, dismissed=True)
    return scene.ask("f")


def test_the_loser_of_a_race_is_superseded_and_its_bytes_are_waste() -> None:
    scene, first, block = at_its_last_block()
    planner = scene.planner
    scene.now_s += 0.9  # nothing comes, but not for so long that it stalls
    second = scene.ask("f")
    assert (second.blocks, second.race) == (block, True)
    scene.deliver(second)
    assert planner.superseded() == (first.number,)
    planner.received(first, 500, scene.now_s)
    assert not planner.keep_start(first, block.first, 1500)
    planner.range_ended(first, scene.now_s, dismissed=True)
    assert planner.is_complete("p")
    assert planner.wasted_bytes == 1500


def test_of_a_range_that_stalls_the_start_stays_and_the_rest_is_fetched_elsewhere() -> None:
    scene, stalled, block = at_its_last_block()
    assert called_off(scene) == (stalled.number,)
    assert scene.planner.keep_start(stalled, block.first, 1000)
    rest = asked_after(scene, stalled)
    assert (rest.blocks, rest.strip) == (block, Strip(1000, BLOCK_BYTES))
    scene.deliver(rest)
    assert scene.planner.is_complete("p")
    assert scene.planner.wasted_bytes == 0


def test_for_a_bad_block_of_which_another_endpoint_sent_the_start_nobody_is_blamed() -> None:
    scene, broken, block = at_its_last_block()
    assert scene.planner.keep_start(broken, block.first, 1000)
    scene.end(broken, Fault.TRUNCATED)
    rest = scene.ask("f")
    scene.receive(rest, 1.0)
    assert scene.planner.strip_arrived(rest)
    assert scene.planner.block_bad(rest, block.first, scene.now_s) == ""


def test_a_block_of_which_the_start_was_not_kept_is_fetched_whole() -> None:
    scene, stalled, block = at_its_last_block()
    assert called_off(scene) == (stalled.number,)
    again = asked_after(scene, stalled)
    assert (again.blocks, again.strip, again.race) == (block, None, False)
    scene.deliver(again)
    assert scene.planner.is_complete("p")
    assert scene.planner.wasted_bytes == 1000


def test_ranges_of_the_same_block_are_called_off_no_more_than_twice() -> None:
    scene, latest, _ = at_its_last_block()
    for _ in range(2):
        assert called_off(scene) == (latest.number,)
        latest = asked_after(scene, latest)
    assert called_off(scene) == ()


def test_the_start_of_a_block_that_was_served_wrong_is_not_kept() -> None:
    scene, wrong, block = at_its_last_block()
    scene.planner.block_bad(wrong, block.first, scene.now_s)
    scene.end(wrong)
    again = scene.ask("f")
    assert again.blocks == block
    scene.planner.received(again, 1000, scene.now_s)
    assert not scene.planner.keep_start(again, block.first, 1000)


def test_later_packages_come_before_races() -> None:
    scene = Scene({"p": 40, "q": 400}, {"e": 0})
    scene.warm_up("e", 8 * MIB)
    while (assignment := scene.ask()).package == "p":
        pass
    scene.now_s += 0.2
    assert assignment.package == scene.ask().package == "q"


def test_while_a_step_waits_its_late_ranges_are_helped_before_later_packages() -> None:
    for waiting, served in (({"p"}, "p"), (set[str](), "q")):
        scene = Scene({"p": 100, "q": 400}, {"e": 0, "f": 0})
        for endpoint in ("e", "f"):
            scene.warm_up(endpoint, 8 * MIB)
        slow = scene.ask("e")
        scene.planner.order(["p", "q"], (), waiting)
        while (assignment := scene.ask("f")).package == "p" and assignment.blocks > slow.blocks:
            scene.deliver(assignment, 0.01)
            scene.receive(slow, 0.001, 0.0)
        assert assignment.package == served


def test_a_long_range_of_another_package_makes_way_for_a_step_that_waits() -> None:
    scene = Scene({"p": 400, "q": 400}, {"e": 0})
    scene.warm_up("e", 8 * MIB)
    long = scene.ask()
    scene.receive(long, 0.1, 0.2 * (long.blocks.last - long.blocks.first))
    scene.planner.order(["q", "p"], (), {"q"})
    assert scene.planner.last_block(long) < long.blocks.last
    assert scene.ask().package == "q"
    scene.planner.order(["p"])
    assert scene.ask().blocks.first == scene.planner.last_block(long)
