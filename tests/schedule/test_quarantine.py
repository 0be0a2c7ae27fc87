"""What an endpoint is still asked for after it has served bad blocks."""

from __future__ import annotations

import pytest

from dlcore.errors import Fault
from dlcore.schedule import EndpointChange, PackageExhausted, Policy, Request
from tests.schedule.packages import BLOCK_BYTES
from tests.schedule.scene import WIDE, Scene

POLICY = Policy(max_request_bytes=BLOCK_BYTES)
WIDE_POLICY = Policy(max_request_bytes=BLOCK_BYTES, concurrency=WIDE)
SOUND_BLOCKS = 4


def scene_of(packages: dict[str, int], endpoints: dict[str, int]) -> Scene:
    return Scene(packages, endpoints, POLICY, block_bytes=BLOCK_BYTES)


def quarantine(scene: Scene, endpoint: str) -> None:
    """The endpoint serves its first blocks wrong; they are asked for at once."""
    for request in [scene.ask(endpoint) for _ in range(POLICY.max_bad_blocks)]:
        spoil(scene, request)


def spoil(scene: Scene, request: Request) -> None:
    scene.receive(request, 1.0)
    scene.fills(request)
    scene.reject(request, request.blocks.first)
    scene.end(request)


def fetch_all(scene: Scene, endpoint: str, damaged: str = "") -> list[Request]:
    """Ask an endpoint as long as there is something; of one package it sends bad blocks."""
    asked: list[Request] = []
    while request := scene.next_request(endpoint):
        asked.append(request)
        if request.package == damaged:
            spoil(scene, request)
        else:
            scene.deliver(request)
    return asked


def test_it_is_asked_for_nothing_that_another_endpoint_holds() -> None:
    scene = scene_of({"p": 10}, {"liar": 0, "honest": 0})
    quarantine(scene, "liar")
    assert ("liar", EndpointChange.QUARANTINED) in scene.changes()
    assert scene.has_none("liar")
    assert {request.package for request in fetch_all(scene, "honest")} == {"p"}
    assert scene.is_complete("p")


def test_it_is_asked_for_what_it_alone_holds() -> None:
    scene = scene_of({"p": 10, "q": SOUND_BLOCKS}, {"liar": 0, "honest": 0})
    scene.note(scene.scheduler.located("q", "honest", frozenset()))
    quarantine(scene, "liar")
    assert {request.package for request in fetch_all(scene, "liar")} == {"q"}
    assert scene.is_complete("q")


@pytest.mark.parametrize("is_alone", [False, True])
def test_what_it_had_begun_of_a_block_is_not_mixed_with_what_others_send(is_alone: bool) -> None:
    scene = scene_of({"p": 10, "q": 10}, {"liar": 0, "honest": 0})
    if is_alone:
        scene.note(scene.scheduler.located("p", "honest", frozenset()))
        scene.note(scene.scheduler.located("q", "honest", frozenset()))
    begun = scene.ask("liar")
    scene.order(["q", "p"])
    quarantine(scene, "liar")
    scene.arrive(begun, 1000)
    assert scene.keeps_start(begun, begun.blocks.first, 1000) == is_alone


def test_a_portion_of_a_block_counts_like_a_whole_one() -> None:
    """Fault X1: an endpoint sends a few bytes wrong within blocks of which another endpoint sends
    the rest. dlcore blames it as soon as the right bytes show who was wrong.
    """
    scene = scene_of({"p": 10}, {"liar": 0, "honest": 0})
    for _ in range(POLICY.max_bad_blocks):
        assert not scene.is_dropped("liar")
        assert scene.next_request("liar") is not None
        scene.culprit_found("p", "liar")
    assert ("liar", EndpointChange.QUARANTINED) in scene.changes()
    assert scene.has_none("liar")
    fetch_all(scene, "honest")


def test_if_nobody_is_left_for_a_package_that_is_told_though_nothing_is_in_flight() -> None:
    scene = scene_of({"p": 10}, {"only": 0})
    for _ in range(POLICY.max_bad_blocks):
        assert not scene.take(PackageExhausted)
        scene.culprit_found("p", "only")
    assert len(scene.take(PackageExhausted)) == 1


def test_a_cheaper_endpoint_in_quarantine_keeps_no_work_from_others() -> None:
    scene = scene_of({"p": 10}, {"liar": 0, "costly": 1})
    assert scene.has_none("costly")
    quarantine(scene, "liar")
    fetch_all(scene, "costly")
    assert scene.is_complete("p")


def test_a_damaged_object_costs_the_only_endpoint_that_object_alone() -> None:
    """Fault: one file at the only server is damaged. dlcore fetches all others from there."""
    sound = {f"s{number}": SOUND_BLOCKS for number in range(9)}
    scene = scene_of({"damaged": 50, **sound}, {"e": 0})
    fetch_all(scene, "e", damaged="damaged")
    assert scene.complete == set(sound)
    (exhausted,) = scene.take(PackageExhausted)
    assert isinstance(exhausted, PackageExhausted)
    assert (exhausted.package, exhausted.dropped) == ("damaged", ())


def test_in_quarantine_one_bad_block_costs_it_the_object() -> None:
    scene = scene_of({"p": 10, "q": 10}, {"e": 0})
    scene.deliver(scene.ask())
    quarantine(scene, "e")
    asked = fetch_all(scene, "e", damaged="q")
    assert [request.package for request in asked] == ["q"]


def test_what_a_liar_may_send_does_not_grow_with_what_is_wanted() -> None:
    """Fault: the only server sends nothing but wrong bytes. dlcore soon stops asking it, however
    many files are wanted.
    """
    bound = POLICY.max_bad_blocks + POLICY.max_wrong_objects - 1
    assert bad_blocks_of_a_liar(50) == bad_blocks_of_a_liar(200) == bound


def bad_blocks_of_a_liar(count: int) -> int:
    """How many bad blocks the only endpoint sends if that many packages are wanted."""
    scene = scene_of({f"p{number}": 3 for number in range(count)}, {"e": 0})
    sent = 0
    while request := scene.next_request("e"):
        spoil(scene, request)
        sent += 1
    assert len(scene.take(PackageExhausted)) == count
    return sent


def test_many_answers_that_one_object_is_another_version_count_as_one_wrong_object() -> None:
    scene = Scene({"other": 50, "p": SOUND_BLOCKS}, {"e": 0}, WIDE_POLICY, block_bytes=BLOCK_BYTES)
    for request in [scene.ask() for _ in range(POLICY.max_wrong_objects)]:
        assert request.package == "other"
        scene.end(request, Fault.CORRUPT)
    assert ("e", EndpointChange.DROPPED) not in scene.changes()
    fetch_all(scene, "e")
    assert scene.complete == {"p"}


def test_answers_that_many_objects_are_other_versions_count_each() -> None:
    """Fault: the only server has other versions of all files, and says so. dlcore counts each file,
    also if it asked for all at the same time, and soon stops asking.
    """
    packages = {f"p{number}": 1 for number in range(50)}
    scene = Scene(packages, {"e": 0}, WIDE_POLICY, block_bytes=BLOCK_BYTES)
    for request in [scene.ask() for _ in range(POLICY.max_wrong_objects)]:
        assert ("e", EndpointChange.DROPPED) not in scene.changes()
        scene.end(request, Fault.CORRUPT)
    assert ("e", EndpointChange.DROPPED) in scene.changes()
    assert scene.has_none("e")
