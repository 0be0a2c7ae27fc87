"""What idle connections do for late requests: take over, divide, race, and at what cost."""

from __future__ import annotations

import pytest

from dlcore.errors import Fault
from dlcore.model import BlockExtent, Manifest
from dlcore.schedule import Policy, Request, RequestNumber, Span, Terms
from dlcore.schedule.block_map import BlockMap
from dlcore.schedule.endpoint import Endpoint
from dlcore.schedule.inflight import FOREVER_S, InFlight
from dlcore.schedule.rescue import Forecast, Helper, Means, Rescue, WasteBudget, rescue
from tests.schedule.packages import shape
from tests.schedule.scene import MIB, WIDE, Scene

BLOCK_BYTES = 64 << 10  # too short for parts
POLICY = Policy()
IDLE = Helper(MIB, 0.1)  # the idle connection: one block a second


def in_flight(
    blocks: BlockExtent,
    received_bytes: int = 0,
    part: Span | None = None,
    manifest: Manifest | None = None,
) -> InFlight:
    manifest = manifest or shape([20], block_bytes=MIB)
    request = Request(RequestNumber(0), "p", "e", blocks, part)
    block_map = BlockMap("p", manifest, bytes(manifest.first_blocks[-1]), POLICY)
    endpoint = Endpoint("e", POLICY, Terms(), lambda _: None)
    endpoint.began(request.number, 0.0, is_small=False)
    result = InFlight(request, block_map, endpoint, 0.0)
    if received_bytes:
        result.received(received_bytes, 1.0)
    return result


def flight(blocks: int, received_bytes: int = 0, part: Span | None = None) -> InFlight:
    return in_flight(BlockExtent.of(0, 0, blocks), received_bytes, part)


def late(rate_bytes_per_s: float, item: InFlight) -> Forecast:
    eta_s = item.left_bytes / rate_bytes_per_s if rate_bytes_per_s else FOREVER_S
    return Forecast(rate_bytes_per_s, eta_s, 0.1)


# The decision


def test_a_range_that_ends_soon_is_left_alone() -> None:
    item = flight(8, 8 * MIB - 1000)
    assert rescue(POLICY, item, late(MIB, item), IDLE) is None


@pytest.mark.parametrize(
    ("rate_bytes_per_s", "kept"), [(MIB, 5), (MIB / 4, 2), (MIB / 1000, 1), (0, 1)]
)
def test_the_end_of_a_late_range_is_divided_so_that_both_end_together(
    rate_bytes_per_s: float, kept: int
) -> None:
    item = flight(8)
    found = rescue(POLICY, item, late(rate_bytes_per_s, item), IDLE)
    assert found is not None
    assert found.blocks == BlockExtent.of(0, kept, 8)
    assert found.means is Means.TAKE_OVER


def test_what_is_on_its_way_already_stays_with_the_late_range() -> None:
    item = flight(4)
    forecast = Forecast(MIB, 4.0, round_trip_s=2.5)
    found = rescue(POLICY, item, forecast, Helper(100 * MIB, 0.0))
    assert found is not None
    assert found.blocks == BlockExtent.of(0, 3, 4)


def test_a_range_with_one_block_left_is_raced_if_the_idle_connection_is_much_quicker() -> None:
    item = flight(8, 7 * MIB + MIB // 2)
    assert rescue(POLICY, item, late(MIB / 2, item), IDLE) is None
    found = rescue(POLICY, item, late(MIB / 8, item), IDLE)
    assert found is not None
    assert (found.blocks, found.means) == (BlockExtent.of(0, 7, 8), Means.RACE)
    assert MIB // 2 < found.stake_bytes <= MIB


@pytest.mark.parametrize(("received_bytes", "means"), [(0, Means.REPLACE), (1000, Means.CANCEL)])
def test_of_an_object_with_but_one_digest_nothing_is_raced(
    received_bytes: int, means: Means
) -> None:
    manifest = shape([1, 8], block_bytes=MIB)
    item = in_flight(BlockExtent.of(1, 0, 1), received_bytes, manifest=manifest)
    assert rescue(POLICY, item, late(1, item), IDLE) == Rescue(item, means, BlockExtent.of(1, 0, 1))


def test_what_no_race_can_be_paid_for_is_replaced_or_cancelled_and_wastes_nothing() -> None:
    policy = Policy(waste_share=0.0, min_waste_bytes=0)
    scene = Scene({"p": 40}, {"slow": 0, "fast": 0}, policy, block_bytes=BLOCK_BYTES)
    slow = scene.ask("slow")
    while other := scene.next_request("fast"):
        scene.deliver(other, 0.001)
    scene.now_s += 0.5
    again = []
    while found := scene.next_request("fast"):
        assert not found.is_race
        again.append(found)
        scene.deliver(found)
    assert {number for taker in again for number in range(*taker.blocks[1:])} == set(
        range(*slow.blocks[1:])
    )
    assert scene.cancelled() == [slow.number]
    scene.cancel(slow)
    assert scene.is_complete("p")
    assert scene.scheduler.spent_bytes == 0


def test_a_range_of_which_nothing_comes_any_more_is_called_off_at_its_last_block() -> None:
    item = flight(8, 7 * MIB + MIB // 2)
    found = rescue(POLICY, item, late(0, item), IDLE)
    assert found == Rescue(item, Means.CANCEL, BlockExtent.of(0, 7, 8))


@pytest.mark.parametrize("bytes_per_s", [0.0, 1000.0])
def test_the_rest_of_a_late_part_is_divided_among_all_who_are_idle(bytes_per_s: float) -> None:
    item = flight(1, 1000, Span(0, 101_000))
    found = rescue(POLICY, item, late(bytes_per_s, item), IDLE._replace(connections=4))
    assert found is not None
    assert (found.means, found.part_bytes) == (Means.DIVIDE, 25_000)
    assert rescue(POLICY, item, late(MIB, item), IDLE._replace(connections=4)) is None


def test_no_part_of_a_part_is_shorter_than_what_slow_start_sends_at_once() -> None:
    item = flight(1, 0, Span(0, 65536))
    found = rescue(POLICY, item, late(0, item), IDLE._replace(connections=100))
    assert found is not None
    assert found.part_bytes == 16384


def test_races_leave_half_of_the_budget_to_what_was_not_foreseen() -> None:
    budget = WasteBudget(POLICY)
    budget.want(100 * MIB, MIB)
    assert budget.allows(MIB)
    budget.began(RequestNumber(1), MIB)
    assert not budget.allows(MIB)


def test_what_a_race_wasted_is_not_at_stake_any_more() -> None:
    budget = WasteBudget(POLICY)
    budget.want(100 * MIB, MIB)
    budget.began(RequestNumber(1), 1)
    assert not budget.allows(MIB)
    budget.ended(RequestNumber(1), 0)
    assert budget.allows(MIB)
    budget.ended(RequestNumber(2), 1)
    assert budget.spent_bytes == 1
    assert not budget.allows(MIB)


# In the scheduler


def last_requests(scene: Scene, endpoint: str = "e") -> list[Request]:
    """Ask until there is nothing left; everything is under way then."""
    found = []
    while request := scene.next_request(endpoint):
        found.append(request)
    return found


def test_what_was_taken_over_is_delivered_by_the_taker_and_not_by_the_late_range() -> None:
    scene = Scene({"p": 200}, {"e": 0, "f": 0})
    for endpoint in ("e", "f"):
        scene.warm_up(endpoint, 8 * MIB)
    slow = scene.ask("e")
    assert slow.blocks.end - slow.blocks.first >= 4
    while (taker := scene.ask("f")).blocks.first not in range(*slow.blocks[1:]):
        scene.deliver(taker, 0.1)
    kept = scene.end_of(slow)
    assert taker.blocks == slow.blocks._replace(first=kept)
    assert not taker.is_race
    scene.deliver(taker)
    scene.deliver(slow)
    assert scene.is_complete("p")
    assert scene.scheduler.spent_bytes == 0


@pytest.mark.parametrize("knows_ranges", [True, False])
def test_who_would_have_to_read_from_the_beginning_helps_nobody(knows_ranges: bool) -> None:
    scene = Scene({"p": 200}, {"e": 0, "f": 0})
    for endpoint in ("e", "f"):
        scene.warm_up(endpoint, 8 * MIB)
    slow = scene.ask("e")
    while (last := scene.ask("f")).blocks.end < 200:
        scene.deliver(last, 0.1)
    if not knows_ranges:
        scene.end(last, Fault.NO_RANGES)
        last = scene.ask("f")
    scene.deliver(last)
    assert scene.has_none("f") is not knows_ranges
    scene.deliver(slow)


def test_a_part_that_stalls_keeps_what_arrived_and_its_rest_is_fetched_elsewhere() -> None:
    scene = Scene({"p": 2}, {"e": 0, "f": 0}, Policy(concurrency=WIDE))
    stalled, *others = last_requests(scene)
    assert stalled.part
    scene.arrive(stalled, 1000)
    for other in others:
        scene.deliver(other)
    scene.now_s += 5.0
    takers = last_requests(scene, "f")
    assert scene.cancelled() == [stalled.number]
    scene.cancel(stalled)
    at = 1000
    for taker in takers:
        assert taker.part
        assert (taker.part.start, taker.is_race) == (at, False)
        at = taker.part.end
        scene.deliver(taker)
    assert at == stalled.part.end
    assert scene.is_complete("p")
    assert scene.scheduler.spent_bytes == 0


def two_slow_ones() -> tuple[Scene, list[Request], int]:
    """Everything is there but the rest of two blocks, of which this much has arrived.

    Six connections are idle, and the next request was asked for once.
    """
    scene = Scene({"p": 40}, {"e": 0})
    slow, others = [scene.ask(), scene.ask()], [scene.ask() for _ in range(6)]
    for other in others:
        scene.deliver(other, 0.05)
    arrived_bytes = 0
    while request := scene.next_request():
        scene.deliver(request, 0.05)
        for each in slow:
            scene.arrive(each, 10_000)
        arrived_bytes += 10_000
    return scene, slow, arrived_bytes


def test_the_rest_of_a_slow_block_is_fetched_by_all_who_are_idle() -> None:
    """Fault: the last connections of a fetch carry next to nothing. dlcore has idle connections
    fetch what is left of their blocks, part by part.
    """
    scene, slow, arrived_bytes = two_slow_ones()
    assert all(request.blocks.end - request.blocks.first == 1 for request in slow)
    (number,) = scene.cancelled()
    split = next(request for request in slow if request.number == number)
    assert scene.keeps_start(split, split.blocks.first, arrived_bytes)
    scene.cancel(split)
    at, parts = arrived_bytes, 0
    while request := scene.next_request():
        assert request.part
        assert (request.blocks, request.part.start) == (split.blocks, at)
        at, parts = request.part.end, parts + 1
        scene.deliver(request)
    assert (at, parts > 4) == (MIB, True)
    assert scene.scheduler.spent_bytes == 0


def test_of_two_slow_blocks_one_after_the_other_is_divided() -> None:
    """The connections that were idle have work then, and the other block may end sooner anyway."""
    scene, _, _ = two_slow_ones()
    assert len(scene.cancelled()) == 1
    assert scene.has_none()
    assert scene.cancelled() == []


def at_its_last_block() -> tuple[Scene, Request, BlockExtent]:
    """A range of which the last block begins to arrive; everything else is there."""
    scene = Scene({"p": 40}, {"e": 0, "f": 0}, block_bytes=BLOCK_BYTES)
    first = scene.ask("e")
    _, _, end = first.blocks
    done = BlockExtent.of(0, 0, end - 1)
    scene.arrive(first, BLOCK_BYTES * (done.end - done.first))
    scene.note(scene.scheduler.verified(first.number, done))
    while other := scene.next_request("f"):
        scene.deliver(other, 0.0001)
    scene.arrive(first, 1000)
    return scene, first, BlockExtent.of(0, end - 1, end)


def called_off(scene: Scene) -> list[RequestNumber]:
    """Which ranges are, once nothing has come for so long that it is a stall."""
    scene.now_s += 5.0
    assert scene.has_none("f")
    assert scene.has_none("e")
    return scene.cancelled()


def asked_after(scene: Scene, cancelled: Request) -> Request:
    """What is asked for once a range that was called off has ended."""
    scene.cancel(cancelled)
    return scene.ask("f")


def test_the_loser_of_a_race_is_superseded_and_its_bytes_are_waste() -> None:
    scene, first, block = at_its_last_block()
    scene.now_s += 0.9  # nothing comes, but not for so long that it stalls
    second = scene.ask("f")
    assert (second.blocks, second.is_race) == (block, True)
    scene.deliver(second)
    assert scene.cancelled() == [first.number]
    scene.arrive(first, 500)
    assert not scene.keeps_start(first, block.first, 1500)
    scene.cancel(first)
    assert scene.is_complete("p")
    assert scene.scheduler.spent_bytes == 1500


def test_of_a_range_that_stalls_the_start_stays_and_the_rest_is_fetched_elsewhere() -> None:
    scene, stalled, block = at_its_last_block()
    assert called_off(scene) == [stalled.number]
    assert scene.keeps_start(stalled, block.first, 1000)
    rest = asked_after(scene, stalled)
    assert (rest.blocks, rest.part) == (block, Span(1000, BLOCK_BYTES))
    scene.deliver(rest)
    assert scene.is_complete("p")
    assert scene.scheduler.spent_bytes == 0


def test_for_a_bad_block_of_which_another_endpoint_sent_the_start_nobody_is_blamed() -> None:
    scene, broken, block = at_its_last_block()
    assert scene.keeps_start(broken, block.first, 1000)
    scene.end(broken, Fault.TRUNCATED)
    rest = scene.ask("f")
    scene.receive(rest, 1.0)
    assert scene.fills(rest)
    assert scene.reject(rest, block.first) is None


def test_a_block_of_which_the_start_was_not_kept_is_fetched_whole() -> None:
    scene, stalled, block = at_its_last_block()
    assert called_off(scene) == [stalled.number]
    again = asked_after(scene, stalled)
    assert (again.blocks, again.part, again.is_race) == (block, None, False)
    scene.deliver(again)
    assert scene.is_complete("p")
    assert scene.scheduler.spent_bytes == 1000


def test_ranges_of_the_same_block_are_called_off_no_more_than_twice() -> None:
    scene, latest, _ = at_its_last_block()
    for _ in range(2):
        assert called_off(scene) == [latest.number]
        latest = asked_after(scene, latest)
    assert called_off(scene) == []


def test_the_start_of_a_block_that_was_served_wrong_is_not_kept() -> None:
    scene, wrong, block = at_its_last_block()
    scene.reject(wrong, block.first)
    scene.end(wrong)
    again = scene.ask("f")
    assert again.blocks == block
    scene.arrive(again, 1000)
    assert not scene.keeps_start(again, block.first, 1000)


def test_later_packages_come_before_races() -> None:
    scene = Scene({"p": 40, "q": 400}, {"e": 0})
    scene.warm_up("e", 8 * MIB)
    while (request := scene.ask()).package == "p":
        pass
    scene.now_s += 0.2
    assert request.package == scene.ask().package == "q"


def test_while_a_step_waits_its_late_ranges_are_helped_before_later_packages() -> None:
    for waiting, served in (({"p"}, "p"), (set[str](), "q")):
        scene = Scene({"p": 100, "q": 400}, {"e": 0, "f": 0})
        for endpoint in ("e", "f"):
            scene.warm_up(endpoint, 8 * MIB)
        slow = scene.ask("e")
        scene.order(["p", "q"], waiting)
        while (request := scene.ask("f")).package == "p" and request.blocks > slow.blocks:
            scene.deliver(request, 0.01)
            scene.receive(slow, 0.001, 0.0)
        assert request.package == served


def test_a_long_range_of_another_package_makes_way_for_a_step_that_waits() -> None:
    scene = Scene({"p": 400, "q": 400}, {"e": 0})
    scene.warm_up("e", 8 * MIB)
    long = scene.ask()
    scene.receive(long, 0.1, 0.2 * (long.blocks.end - long.blocks.first))
    scene.order(["q", "p"], {"q"})
    assert scene.end_of(long) < long.blocks.end
    assert scene.ask().package == "q"
    scene.order(["p"])
    assert scene.ask().blocks.first == scene.end_of(long)
