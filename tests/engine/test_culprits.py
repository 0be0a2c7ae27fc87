"""An endpoint that lies within blocks of which others send the rest is found, and nobody else."""

from __future__ import annotations

import random
import tempfile
from functools import partial
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from dlcore.engine.download.culprits import Culprits, ReceivedExtent
from dlcore.engine.events import BlockRejected, CulpritFound, EndpointDropped
from dlcore.engine.listeners.words import describe
from dlcore.errors import Fault
from dlcore.model import BlockExtent, BlockInObject
from dlcore.schedule import Culprit, Policy, Portion
from tests.depth import cases
from tests.engine.fakes import GOOD, Asked, FakeEndpoint, Recorder, Reply, fetch, package
from tests.engine.requests import FIRST, PACKAGE, SECOND, Scene, play
from tests.engine.virtual_time import virtually
from tests.schedule.packages import LAW
from tests.store.helpers import BLOCK_BYTES

LONG_BLOCK_BYTES = 64 << 10
BLOCKS = 100
LARGE = {"ABC00003": package("ABC00003", {"x": BLOCKS << 16}, block_bytes=LONG_BLOCK_BYTES)}
SPLIT = {"ABC00005": package("ABC00005", {"x": 8 << 18}, block_bytes=1 << 18)}
MIXED = (Portion(FIRST, "a"), Portion(SECOND, "b"))
WRONG_AT = 3 * BLOCK_BYTES + 5  # in block 3, in what comes from a


def breaks_off_with_a_lie(asked: Asked) -> Reply:
    """Every other request ends within a block, with a wrong byte; so the endpoint stays in use."""
    if asked.number % 2:
        return GOOD
    after_bytes = asked.end - asked.start - 100
    last = asked.start + after_bytes - 1
    return Reply(Fault.TRUNCATED, after_bytes=after_bytes, flips=frozenset({last}))


def mixed_blocks(bus: Recorder) -> set[int]:
    """The blocks that were rejected, and came from several endpoints."""
    rejected = [event for event in bus.events if isinstance(event, BlockRejected)]
    return {event.block for event in rejected if not event.endpoint}


def found(bus: Recorder) -> list[CulpritFound]:
    return [event for event in bus.events if isinstance(event, CulpritFound)]


def test_who_lies_within_blocks_of_others_is_named_and_quarantined(tmp_path: Path) -> None:
    """Fault X1: an endpoint sends a wrong byte, breaks off, and others complete the block. dlcore
    names the endpoint when the right bytes have come, and quarantines it.
    """
    liar = FakeEndpoint("liar", LARGE, breaks_off_with_a_lie)
    honest = FakeEndpoint("honest", LARGE)
    bus = Recorder()
    virtually(fetch(tmp_path, LARGE, [liar, honest], bus=bus, connections=4))
    assert {event.block for event in found(bus)} >= mixed_blocks(bus) > set()
    assert {event.endpoint for event in found(bus)} == {"liar"}
    assert bus.of(EndpointDropped) == [EndpointDropped("liar", "corrupt")]
    assert len(bus.of(BlockRejected)) <= 2 * Policy().max_bad_blocks
    delivered_bytes = liar.delivered_bytes + honest.delivered_bytes
    assert delivered_bytes <= 1.1 * LARGE["ABC00003"].manifest.content_bytes


@settings(LAW, max_examples=cases(4, 200))
@given(seed=st.integers(0, 2**32), liars=st.sets(st.sampled_from("abc"), min_size=1, max_size=2))
def test_whoever_lies_no_honest_endpoint_is_blamed(seed: int, liars: set[str]) -> None:
    """All endpoints break off again and again, so that most blocks come from several."""

    def script(name: str, asked: Asked) -> Reply:
        dice = random.Random(f"{seed} {name} {asked.number}")
        length_bytes = asked.end - asked.start
        lie = asked.start + dice.randrange(length_bytes)
        flips = frozenset({lie} if name in liars else set[int]())
        if dice.random() < 0.5:
            return Reply(flips=flips if dice.random() < 0.2 else frozenset())
        return Reply(Fault.TRUNCATED, after_bytes=dice.randrange(length_bytes), flips=flips)

    endpoints = [FakeEndpoint(name, SPLIT, partial(script, name)) for name in "abc"]
    bus = Recorder()
    with tempfile.TemporaryDirectory() as folder:
        virtually(fetch(Path(folder), SPLIT, endpoints, bus=bus, connections=4))
    assert {event.endpoint for event in found(bus)} <= liars
    assert {event.block for event in found(bus)} == mixed_blocks(bus)
    assert {event.endpoint for event in bus.events if isinstance(event, BlockRejected)} <= {
        "",
        *liars,
    }


def lies_once(asked: Asked) -> Reply:
    return Reply(flips=frozenset({WRONG_AT} if asked.number == 0 else set[int]()))


def test_a_portion_is_judged_by_the_right_bytes(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        scene.scheduler.culprit = None
        scene.scheduler.portions = MIXED
        scene.scheduler.fills = [False, True]
        await scene.begin(1, (3, 4), FIRST, endpoint="a")[1]
        await scene.begin(2, (3, 4), SECOND, endpoint="b")[1]
        assert not found(scene.bus), "nobody can tell yet"
        await scene.begin(3, (2, 5), endpoint="b")[1]
        assert scene.have == [2, 3, 4]

    scene = play(tmp_path, acts, lies_once)
    name = PACKAGE.manifest.objects[0].name
    assert found(scene.bus) == [CulpritFound("ABC00001", name, 3, "a")]
    assert describe(found(scene.bus)[0]) == "ABC00001: what a sent of block 3 did not match"
    assert ("culprit", "a") in scene.scheduler.told
    assert "a: block 3" in scene.package.exhausted(1, {}).message


def arrived(scene: Scene, content: bytes) -> ReceivedExtent:
    """Block 3, as these bytes."""
    return ReceivedExtent(scene.package, BlockExtent.of(0, 3, 4), memoryview(content))


def test_bytes_that_nobody_verified_judge_nobody(tmp_path: Path) -> None:
    """Fault: a block is on disk already when another endpoint brings it wrong. dlcore compares
    nothing with those bytes.
    """

    async def acts(scene: Scene) -> None:
        right = PACKAGE.objects[0][3 * BLOCK_BYTES : 4 * BLOCK_BYTES]
        wrong = bytes([right[0] ^ 1]) + right[1:]
        culprits = Culprits(max_blocks=1)
        culprits.rejected(arrived(scene, wrong), BlockInObject(3), MIXED)
        assert list(culprits.verified(arrived(scene, bytes(BLOCK_BYTES)))) == []
        named = list(culprits.verified(arrived(scene, right)))
        assert named == [(3, Culprit("a", FIRST.length_bytes))]

    play(tmp_path, acts)
