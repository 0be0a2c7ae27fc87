"""Equal blocks: one is fetched, the others are copied from it, and nothing is late for that."""

from __future__ import annotations

import msgspec
import pytest

from dlcore.errors import Fault
from dlcore.model import DIGEST_BYTES, BlockExtent, BlockInPackage, ObjectIndex
from dlcore.schedule import CopyBlocks, DeadlineScheduler, PackageExhausted, Terms
from tests.schedule.packages import BLOCK_BYTES, shape, sized
from tests.schedule.scene import EVERYTHING, PLENTY_BYTES, Scene

NOTHING = frozenset[ObjectIndex]()
FIRST, SECOND = BlockInPackage(0), BlockInPackage(1)
BOTH = [FIRST, SECOND]


def shared(endpoints: dict[str, int] | None = None) -> Scene:
    """Two packages of the same two blocks."""
    return Scene({"p": 2, "q": 2}, endpoints or {"e": 0}, block_bytes=BLOCK_BYTES, is_shared=True)


def copies(scene: Scene) -> list[CopyBlocks]:
    return [event for event in scene.take(CopyBlocks) if isinstance(event, CopyBlocks)]


def test_what_a_package_fetches_is_copied_to_the_others() -> None:
    scene = shared()
    request = scene.ask()
    assert request.blocks == BlockExtent.of(0, 0, 2)
    assert scene.has_none(), "the blocks of q are on their way"
    assert not copies(scene)
    scene.deliver(request)
    assert copies(scene) == [
        CopyBlocks("q", (FIRST,), "p", FIRST),
        CopyBlocks("q", (SECOND,), "p", SECOND),
    ]
    assert scene.is_complete("p")
    assert not scene.is_complete("q")
    assert scene.has_none()
    scene.note(scene.scheduler.found("q", BOTH))
    assert scene.is_complete("q")


def test_what_is_on_disk_when_a_package_is_wanted_is_copied() -> None:
    scene = shared()
    scene.note(scene.scheduler.found("p", [FIRST]))
    assert copies(scene) == [CopyBlocks("q", (FIRST,), "p", FIRST)]
    scene.note(scene.scheduler.want("r", scene.manifests["p"], bytes(2)))
    assert copies(scene) == [CopyBlocks("r", (FIRST,), "p", FIRST)]


def test_what_could_not_be_copied_is_fetched() -> None:
    scene = shared()
    scene.deliver(scene.ask())
    scene.note(scene.scheduler.found("q", [FIRST]))
    scene.note(scene.scheduler.not_copied("q", [SECOND]))
    request = scene.ask()
    assert (request.package, request.blocks) == ("q", BlockExtent.of(0, 1, 2))
    scene.deliver(request)
    assert scene.is_complete("q")


def test_what_could_not_be_copied_is_copied_from_another_package() -> None:
    scene = shared()
    scene.note(scene.scheduler.want("r", scene.manifests["p"], b"\1\0"))
    assert copies(scene) == [
        CopyBlocks("p", (FIRST,), "r", FIRST),
        CopyBlocks("q", (FIRST,), "r", FIRST),
    ]
    scene.note(scene.scheduler.not_copied("q", [FIRST]))
    assert not copies(scene)
    scene.note(scene.scheduler.found("p", [FIRST]))
    assert copies(scene) == [CopyBlocks("q", (FIRST,), "p", FIRST)]


def test_what_was_found_before_it_was_copied_stays() -> None:
    scene = shared()
    scene.deliver(scene.ask())
    scene.note(scene.scheduler.found("q", BOTH))
    scene.note(scene.scheduler.not_copied("q", BOTH))
    assert scene.is_complete("q")
    assert scene.has_none()


def test_when_a_request_fails_those_that_waited_for_it_are_fetched() -> None:
    scene = shared()
    scene.end(scene.ask(), Fault.NOT_FOUND)
    assert scene.take(PackageExhausted) == [PackageExhausted("p", 2, ())]
    request = scene.ask()
    assert (request.package, request.blocks) == ("q", BlockExtent.of(0, 0, 2))
    scene.deliver(request)
    assert {copy.package for copy in copies(scene)} == {"p"}, "now the others wait for that"


def test_an_earlier_package_waits_for_what_is_on_its_way_to_a_later_one() -> None:
    scene = shared()
    scene.order(["q", "p"])
    request = scene.ask()
    assert request.package == "q"
    scene.order(["p", "q"])
    assert scene.has_none()
    scene.deliver(request)
    assert {copy.package for copy in copies(scene)} == {"p"}


def test_an_earlier_package_waits_for_no_block_of_a_later_one_that_is_late() -> None:
    scene = shared()
    scene.order(["q", "p"])
    assert scene.ask().package == "q"
    scene.order(["p", "q"])
    scene.now_s += 5.0
    scene.tick()
    assert scene.ask().package == "p"


def test_no_package_waits_for_the_rest_of_a_block_of_a_later_one() -> None:
    scene = Scene({"p": 2, "q": 2}, {"e": 0}, is_shared=True)
    scene.order(["q", "p"])
    scene.warm_up("e", 1e5, requests=1)
    scene.order(["p", "q"])
    assert scene.ask().package == "p"


def test_a_package_that_comes_to_stand_later_waits() -> None:
    scene = shared()
    scene.order(["q"])
    assert scene.ask().package == "q"
    scene.order(["p", "q"])
    scene.order(["q", "p"])
    assert scene.has_none()


def test_a_package_that_waits_is_not_exhausted() -> None:
    scene = shared()
    request = scene.ask()
    scene.note(scene.scheduler.located("q", "e", NOTHING))
    assert not scene.take(PackageExhausted)
    scene.end(request, Fault.TRUNCATED)
    assert scene.take(PackageExhausted) == [PackageExhausted("q", 2, ())]


def test_nobody_waits_for_a_package_that_was_forgotten() -> None:
    scene = shared()
    scene.note(scene.scheduler.found("p", BOTH[:1]))
    scene.note(scene.scheduler.not_copied("q", BOTH[:1]))
    scene.cancel(scene.ask())
    scene.note(scene.scheduler.forget("p"))
    request = scene.ask()
    assert (request.package, request.blocks) == ("q", BlockExtent.of(0, 0, 2))


def split_scene() -> Scene:
    """Of two endpoints, each holds one of the two packages."""
    scene = shared({"e": 0, "f": 0})
    scene.note(scene.scheduler.located("p", "f", NOTHING))
    scene.note(scene.scheduler.located("q", "e", NOTHING))
    return scene


def test_a_block_that_has_stalled_is_not_waited_for() -> None:
    scene = split_scene()
    assert scene.ask("e").package == "p"
    assert scene.has_none("f")
    scene.now_s += 5.0
    scene.tick()
    assert scene.ask("f").package == "q"


def test_a_block_that_another_endpoint_brings_sooner_is_not_waited_for() -> None:
    scene = Scene({"r": 40, "p": 2, "q": 2}, {"e": 0, "f": 0}, block_bytes=BLOCK_BYTES)
    shared_by_both = shape([2], block_bytes=1 << 20)
    for package, endpoint in (("p", "e"), ("q", "f")):
        scene.manifests[package] = shared_by_both
        scene.note(scene.scheduler.want(package, shared_by_both, bytes(2)))
        for name in ("e", "f"):
            held = EVERYTHING if name == endpoint else NOTHING
            scene.note(scene.scheduler.located(package, name, held))
    scene.warm_up("f", 1e7, requests=4)
    scene.order(["p", "q"])
    slow = scene.ask("e")
    for _ in range(5):
        scene.now_s += 0.3
        scene.tick()
        scene.arrive(slow, 300)
    assert scene.ask("f").package == "q"


def test_of_a_block_that_is_fetched_in_parts_the_rest_is_waited_for() -> None:
    scene = Scene({"p": 2, "q": 2}, {"e": 0, "f": 0}, is_shared=True)
    part = scene.ask("e")
    assert part.part
    scene.deliver(part)
    while request := scene.next_request("f"):
        assert request.package == "p"


@pytest.mark.parametrize("count", [2, 60])
def test_of_equal_blocks_of_a_package_one_is_fetched(count: int) -> None:
    made = sized([(count + 1) * BLOCK_BYTES], block_bytes=BLOCK_BYTES)
    item = msgspec.structs.replace(made.objects[0], digests=bytes(DIGEST_BYTES * (count + 1)))
    scheduler = DeadlineScheduler({"e": Terms()})
    scheduler.want("p", msgspec.structs.replace(made, objects=(item,)), bytes(count + 1))
    scheduler.located("p", "e", EVERYTHING)
    scheduler.order(["p"])
    request = scheduler.next_request("e", 0.0, PLENTY_BYTES).request
    assert request
    assert request.blocks == BlockExtent.of(0, 0, 1)
    assert scheduler.next_request("e", 0.0, PLENTY_BYTES).request is None
    others = tuple(BlockInPackage(number) for number in range(1, count + 1))
    told = scheduler.verified(request.number, request.blocks)
    assert told == (CopyBlocks("p", others, "p", FIRST),)


def test_objects_of_one_block_with_only_one_digest_are_equal_if_that_is() -> None:
    scene = shared()
    made = sized([100], block_bytes=BLOCK_BYTES)
    whole = msgspec.structs.replace(made.objects[0], digests=b"", sha256=made.objects[0].digests)
    alone = msgspec.structs.replace(made, objects=(whole,))
    scene.manifests |= {"r": alone, "s": made}
    for package in ("r", "s"):
        scene.note(scene.scheduler.want(package, scene.manifests[package], b"\0"))
        scene.note(scene.scheduler.located(package, "e", EVERYTHING))
    scene.order(["r", "s"])
    request = scene.ask()
    assert request.package == "r"
    assert scene.has_none()
    scene.deliver(request)
    assert copies(scene) == [CopyBlocks("s", (FIRST,), "r", FIRST)]


def test_blocks_with_one_digest_and_two_lengths_are_not_equal() -> None:
    """Fault: a manifest states a wrong length beside the digest of another package's block. dlcore
    copies nothing from one to the other, so the package that is right is not held up.
    """
    scene = Scene({}, {"e": 0}, block_bytes=BLOCK_BYTES)
    right = sized([100], block_bytes=BLOCK_BYTES)
    other = sized([60], block_bytes=BLOCK_BYTES)
    item = msgspec.structs.replace(other.objects[0], digests=right.objects[0].digests)
    wrong = msgspec.structs.replace(other, objects=(item,))
    scene.manifests |= {"p": right, "q": wrong}
    for package, manifest in scene.manifests.items():
        scene.note(scene.scheduler.want(package, manifest, b"\0"))
        scene.note(scene.scheduler.located(package, "e", EVERYTHING))
    scene.order(["p", "q"])
    assert {scene.ask().package, scene.ask().package} == {"p", "q"}
