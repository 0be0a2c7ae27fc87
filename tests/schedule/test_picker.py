"""Who may serve what: the cheap before the costly, and those who served it wrong last."""

from __future__ import annotations

import pytest

from dlcore.errors import Fault
from dlcore.model import BlockExtent, BlockInObject, ObjectIndex
from dlcore.schedule import (
    BlockRejected,
    EndpointChange,
    ObjectRejected,
    PackageExhausted,
    Policy,
    Portion,
    Request,
    Span,
    SplitBlockDropped,
)
from tests.schedule.packages import shape
from tests.schedule.scene import MIB, WIDE, Scene


def test_the_costly_endpoint_has_no_work_while_the_cheap_one_holds_the_object() -> None:
    scene = Scene({"p": 100}, {"cheap": 0, "costly": 1})
    assert scene.has_none("costly")
    assert not scene.has_none("cheap")


def test_the_costly_endpoint_serves_what_no_cheap_one_holds() -> None:
    scene = Scene({"p": 100}, {"cheap": 0, "costly": 1})
    scene.note(scene.scheduler.located("p", "cheap", frozenset()))
    assert not scene.has_none("costly")


def test_the_costly_endpoint_serves_when_the_cheap_one_is_dropped() -> None:
    scene = Scene({"p": 100}, {"cheap": 0, "costly": 1})
    scene.end(scene.ask("cheap"), Fault.AUTH)
    assert not scene.has_none("costly")


def test_a_step_that_waits_gets_the_costly_endpoint_only_if_the_cheap_one_is_too_slow() -> None:
    for rate_bytes_per_s, is_helped in ((100 * MIB, False), (MIB / 16, True)):
        scene = Scene({"p": 100}, {"cheap": 0, "costly": 1}, Policy(max_cheap_wait_s=10.0))
        scene.warm_up("cheap", rate_bytes_per_s, requests=3)
        scene.order(["p"], {"p"})
        assert scene.has_none("costly") == (not is_helped)
        put_to_work = [("costly", EndpointChange.PUT_TO_WORK)]
        assert scene.changes() == (put_to_work if is_helped else [])


def test_the_costly_endpoint_is_put_to_work_when_it_gets_work_and_not_when_it_could() -> None:
    scene = Scene({"p": 2}, {"cheap": 0, "costly": 1}, Policy(max_cheap_wait_s=0.0))
    scene.order(["p"], {"p"})
    scene.end(scene.ask("cheap"), Fault.CONNECT)
    scene.now_s += 60.0
    scene.changes()
    scene.ask("cheap")  # it is on trial, and leaves its split block to the costly one
    put_to_work = ("costly", EndpointChange.PUT_TO_WORK)
    assert put_to_work not in scene.changes()
    scene.ask("costly")
    assert put_to_work in scene.changes()


def test_a_cheap_endpoint_that_says_nothing_is_waited_for_only_so_long() -> None:
    scene = Scene({"p": 100}, {"cheap": 0, "costly": 1}, Policy(max_cheap_wait_s=10.0))
    scene.order(["p"], {"p"})
    scene.ask("cheap")
    scene.now_s = 9.0
    assert scene.has_none("costly")
    scene.now_s = 11.0
    assert not scene.has_none("costly")


def test_a_block_served_wrong_is_left_to_those_who_have_not_served_it_wrong() -> None:
    scene = Scene({"p": 1}, {"e": 0, "f": 0}, block_bytes=4096)
    wrong = scene.ask("e")
    assert scene.reject(wrong, 0) == "e"
    scene.end(wrong)
    assert scene.has_none("e")
    also_wrong = scene.ask("f")
    scene.reject(also_wrong, 0)
    scene.end(also_wrong)
    assert scene.ask("e").blocks == BlockExtent.of(0, 0, 1), (
        "all have: nobody is better than another"
    )


def test_a_run_of_blocks_leaves_out_the_one_that_its_endpoint_served_wrong() -> None:
    """Fault X1: an endpoint serves a block wrong. dlcore asks another one for that block."""
    scene = Scene({"p": 1000}, {"e": 0, "f": 0}, block_bytes=4096)
    wrong = scene.ask("e")
    assert (wrong.blocks.first, wrong.blocks.end > 3) == (0, True)
    scene.reject(wrong, 1)
    scene.end(wrong)
    before, behind = scene.ask("e"), scene.ask("e")
    assert before.blocks == BlockExtent.of(0, 0, 1)
    assert behind.blocks.first == 2
    assert scene.ask("f").blocks == BlockExtent.of(0, 1, 2)


def test_a_block_from_one_endpoint_in_parts_that_does_not_match_is_blamed_on_it() -> None:
    scene = Scene({"p": 2}, {"e": 0, "f": 0})
    assert scene.reject(filling(scene, "e"), 0) == "e"
    (rejected,) = scene.take(BlockRejected)
    assert isinstance(rejected, BlockRejected)
    assert rejected.portions == ()


def test_a_block_from_several_endpoints_that_does_not_match_blames_nobody_yet() -> None:
    scene = Scene({"p": 2}, {"e": 0, "f": 0})
    one = scene.ask("e")
    assert one.part
    scene.deliver(one)
    scene.end(scene.ask("e"), Fault.AUTH)
    other = filling(scene, "f")
    assert scene.reject(other, 0) is None
    scene.end(other)
    (rejected,) = scene.take(BlockRejected)
    assert isinstance(rejected, BlockRejected)
    assert rejected.portions == (
        Portion(one.part, "e"),
        Portion(Span(one.part.end, MIB), "f"),
    )
    assert not scene.is_dropped("f")
    again = scene.ask("f")
    assert again.part is None, "it is fetched again whole, from one endpoint"


def filling(scene: Scene, endpoint: str) -> Request:
    """An endpoint delivers the missing parts of a block; the request that brings the last."""
    while True:
        request = scene.ask(endpoint)
        assert request.part
        scene.receive(request, 1.0)
        if scene.fills(request):
            return request
        scene.end(request)


@pytest.mark.parametrize("awaited", [set(), {"p"}])
def test_a_block_that_all_cheap_ones_served_wrong_is_fetched_from_the_costly_one(
    awaited: set[str],
) -> None:
    scene = Scene({"p": 2}, {"cheap": 0, "cheaper": 0, "costly": 1}, block_bytes=4096)
    scene.order(["p"], awaited)
    for endpoint in ("cheap", "cheaper"):
        wrong = scene.ask(endpoint)
        assert scene.has_none("costly"), "a cheap one has not served it wrong"
        scene.receive(wrong, 1.0, 0.001)
        assert scene.reject(wrong, 0) == endpoint
        if wrong.blocks.end > 1:
            good = wrong.blocks._replace(first=BlockInObject(1))
            scene.note(scene.scheduler.verified(wrong.number, good))
        scene.end(wrong)
    assert scene.has_none("cheap")
    assert scene.has_none("cheaper")
    last = scene.ask("costly")
    assert last.blocks == BlockExtent.of(0, 0, 1), "only what it is needed for"
    scene.deliver(last)
    assert scene.is_complete("p")


def test_an_object_that_the_cheap_one_served_wrong_alone_is_fetched_from_the_costly_one() -> None:
    scene = with_one_digest(1, {"cheap": 0, "costly": 1})
    wrong = scene.ask("cheap")
    assert reject_object(scene, wrong) == "cheap"
    scene.end(wrong)
    assert scene.has_none("cheap")
    scene.deliver(scene.ask("costly"))
    assert scene.is_complete("q")


def test_an_object_that_one_endpoint_served_wrong_is_not_asked_of_it_again() -> None:
    scene = with_one_digest(1, {"only": 0})
    wrong = scene.ask("only")
    assert reject_object(scene, wrong) == "only"
    scene.end(wrong)
    assert scene.has_none("only")
    assert scene.take(PackageExhausted)


def test_an_object_that_two_endpoints_served_wrong_is_served_by_one_alone() -> None:
    scene = with_one_digest(2000, {"a": 0, "b": 0})
    one, other = scene.ask("a"), scene.ask("b")
    scene.receive(one, 1.0, 0.001)  # and its verdict is not told yet
    scene.receive(other, 1.0, 0.001)
    assert reject_object(scene, other) is None
    scene.end(one)
    scene.end(other)
    alone = scene.ask("a")
    assert scene.has_none("b")
    assert reject_object(scene, alone) == "a"
    scene.end(alone)
    scene.deliver(scene.ask("b"))


def test_an_object_that_was_replaced_meanwhile_is_nobodys_fault_at_first() -> None:
    scene = with_one_digest(2000, {"only": 0})
    scene.end(scene.ask("only"), Fault.CHANGED)
    assert reject_object(scene, scene.ask("only")) is None
    assert reject_object(scene, scene.ask("only")) == "only"


def test_an_object_that_is_partly_from_an_earlier_run_is_nobodys_fault() -> None:
    scene = with_one_digest(2, {"only": 0}, on_disk=1)
    wrong = scene.ask("only")
    assert reject_object(scene, wrong) is None
    scene.end(wrong)
    scene.deliver(scene.ask("only"))


def without_ranges(scene: Scene, endpoint: str = "plain") -> None:
    """The endpoint fails once because it knows no byte ranges."""
    scene.end(scene.ask(endpoint), Fault.NO_RANGES)


def test_an_endpoint_without_ranges_is_asked_for_all_that_is_missing_at_once() -> None:
    scene = Scene({"p": 5000}, {"plain": 0}, block_bytes=4096)
    without_ranges(scene)
    assert scene.changes() == [("plain", EndpointChange.WHOLE_OBJECTS_ONLY)]
    stream = scene.ask("plain")
    assert (stream.blocks, stream.from_beginning) == (BlockExtent.of(0, 0, 5000), True)
    assert scene.has_none("plain")
    scene.deliver(stream)
    assert scene.is_complete("p")


def test_an_endpoint_without_ranges_sends_one_stream_of_an_object_and_others_beside_it() -> None:
    scene = Scene({"p": 50, "q": 50}, {"plain": 0})
    first, second = scene.ask("plain"), scene.ask("plain")
    scene.end(first, Fault.NO_RANGES)
    other = scene.ask("plain")
    assert other.package == "q", "one more request for p is in flight"
    scene.end(second, Fault.NO_RANGES)
    assert scene.changes() == [("plain", EndpointChange.WHOLE_OBJECTS_ONLY)], "told once"
    assert [scene.ask("plain").blocks.first, scene.has_none("plain")] == [0, True]


def test_parts_of_blocks_are_not_asked_of_an_endpoint_without_ranges() -> None:
    """Fault: a server that has sent ranges sends whole objects all at once. dlcore asks for all
    that is missing in one stream, and not for each part of a block.
    """
    scene = Scene({"p": 2}, {"plain": 0}, Policy(concurrency=WIDE))
    parts = []
    while request := scene.next_request("plain"):
        parts.append(request)
    arrived, refused, *others = parts
    assert arrived.part
    assert len(others) > 4
    scene.deliver(arrived)
    scene.end(refused, Fault.NO_RANGES)
    for request in others:
        assert scene.has_none("plain"), "another stream of the object is in flight"
        scene.end(request, Fault.NO_RANGES)
    stream = scene.ask("plain")
    assert (stream.blocks, stream.part, stream.from_beginning) == (
        BlockExtent.of(0, 0, 2),
        None,
        True,
    )
    scene.deliver(stream)
    assert scene.is_complete("p")


def test_an_endpoint_that_sends_neither_parts_nor_the_whole_is_dropped() -> None:
    scene = Scene({"p": 50}, {"plain": 0})
    without_ranges(scene)
    for _ in range(Policy().max_wrong_answers):
        without_ranges(scene)
    assert scene.has_none("plain")
    assert ("plain", EndpointChange.DROPPED) in scene.changes()


def with_one_digest(blocks: int, endpoints: dict[str, int], on_disk: int = 0) -> Scene:
    """A scene with a package "q" whose second object has only one digest and is wanted."""
    scene = Scene({"p": 1}, endpoints, block_bytes=4096)
    scene.manifests["q"] = shape([1, blocks])
    verified = bytes([1] * (1 + on_disk) + [0] * (blocks - on_disk))
    scene.note(scene.scheduler.want("q", scene.manifests["q"], verified))
    for endpoint in endpoints:
        scene.note(scene.scheduler.located("q", endpoint, frozenset([ObjectIndex(1)])))
    scene.order(["q"])
    return scene


def reject_object(scene: Scene, request: Request) -> str | None:
    """The last block of an object with only one digest is there, and it does not match."""
    scene.receive(request, 1.0, 0.001)
    scene.note(scene.scheduler.object_rejected(request.number, scene.now_s))
    (culprit,) = [e.endpoint for e in scene.take(ObjectRejected) if isinstance(e, ObjectRejected)]
    return culprit


def test_a_block_that_no_endpoint_can_continue_gives_up_memory_that_others_need() -> None:
    scene = Scene({"p": 2, "q": 2}, {"a": 0, "b": 0})
    scene.note(scene.scheduler.located("p", "b", frozenset()))
    part = scene.ask("a")
    assert part.part
    scene.deliver(part)
    last = scene.ask("a")
    scene.end(scene.ask("a"), Fault.AUTH)
    assert scene.next_request("b", free_bytes=0) is None
    assert not scene.take(SplitBlockDropped), "another request is in flight"
    scene.cancel(last)
    assert scene.next_request("b", free_bytes=0) is None
    assert scene.take(SplitBlockDropped) == [SplitBlockDropped("p", part.blocks)]
    assert scene.next_request("b", free_bytes=MIB)
