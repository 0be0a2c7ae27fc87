"""Blocks to which several requests bring something: parts, the start of a broken block, races."""

from __future__ import annotations

import asyncio
from pathlib import Path

from dlcore.engine.events import BlockRejected
from dlcore.errors import Fault
from dlcore.model import BlockExtent
from dlcore.schedule import Span, SplitBlockDropped
from tests.engine.fakes import GOOD, Asked, Reply
from tests.engine.requests import FIRST, HALF, MEMORY_BYTES, SECOND, Scene, play
from tests.store.helpers import BLOCK_BYTES


def test_parts_from_several_connections_become_a_verified_block(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        scene.scheduler.fills = [False, True]
        _, one = scene.begin(1, (3, 4), SECOND)
        _, other = scene.begin(2, (3, 4), FIRST)
        await asyncio.gather(one, other)
        assert scene.have == [3]

    told = play(tmp_path, acts).scheduler.told
    assert [item for item in told if item[0] in {"part", "verified"}] == [
        ("part", 1),
        ("part", 2),
        ("verified", 2, 3),
    ]
    assert {("finished", 1), ("finished", 2)} <= set(told)


def test_of_a_part_that_failed_only_the_rest_is_asked_for_again(tmp_path: Path) -> None:
    def script(asked: Asked) -> Reply:
        first_half = asked.start % BLOCK_BYTES == 0
        return GOOD if asked.number or not first_half else Reply(Fault.TRUNCATED, after_bytes=100)

    async def acts(scene: Scene) -> None:
        scene.scheduler.fills = [False, True]
        _, failing = scene.begin(1, (3, 4), FIRST)
        _, other = scene.begin(2, (3, 4), SECOND, endpoint="b")
        await asyncio.gather(failing, other)
        assert scene.have == []
        await scene.begin(3, (3, 4), Span(100, HALF))[1]
        assert scene.have == [3]

    scene = play(tmp_path, acts, script)
    assert ("truncated", 1) in scene.scheduler.told
    delivered_bytes = sum(endpoint.delivered_bytes for endpoint in scene.endpoints.values())
    assert delivered_bytes == BLOCK_BYTES


def breaks_off_within_block_4(asked: Asked) -> Reply:
    is_whole = asked.end - asked.start <= BLOCK_BYTES
    return GOOD if is_whole else Reply(Fault.TRUNCATED, after_bytes=BLOCK_BYTES + 100)


def test_of_a_block_in_which_a_range_broke_off_a_part_brings_the_rest(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        scene.scheduler.keeps = True
        scene.scheduler.fills = [True]
        await scene.begin(1, (3, 6))[1]
        assert scene.have == [3]
        await scene.begin(2, (4, 5), Span(100, BLOCK_BYTES))[1]
        assert scene.have == [3, 4]

    told = play(tmp_path, acts, breaks_off_within_block_4).scheduler.told
    assert ("start", 1, 4, 100) in told
    assert told.index(("start", 1, 4, 100)) < told.index(("truncated", 1))


def test_a_start_that_the_planner_has_no_use_for_is_forgotten(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        await scene.begin(1, (3, 6))[1]
        everything = scene.pool.take_now(MEMORY_BYTES)
        assert everything is not None, "its memory is free"
        scene.pool.give_back(everything)

    told = play(tmp_path, acts, breaks_off_within_block_4).scheduler.told
    assert ("start", 1, 4, 100) in told


def test_a_split_block_that_is_dropped_gives_back_its_buffer_whichever_input_led_to_it(
    tmp_path: Path,
) -> None:
    async def acts(scene: Scene) -> None:
        await scene.begin(1, (3, 4), SECOND)[1]
        assert scene.pool.take_now(MEMORY_BYTES) is None
        scene.decisions.apply((SplitBlockDropped("ABC00001", BlockExtent.of(0, 3, 4)),))
        everything = scene.pool.take_now(MEMORY_BYTES)
        assert everything is not None, "its memory is free"
        scene.pool.give_back(everything)

    play(tmp_path, acts, lambda asked: Reply(Fault.TRUNCATED, after_bytes=100))


def test_without_memory_the_start_of_a_broken_block_is_not_kept(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        scene.scheduler.keeps = True
        _, breaking = scene.begin(1, (3, 6))
        rest = scene.pool.take_now(MEMORY_BYTES - BLOCK_BYTES)
        assert rest is not None
        await breaking
        scene.pool.give_back(rest)

    told = play(tmp_path, acts, breaks_off_within_block_4).scheduler.told
    assert ("truncated", 1) in told
    assert not [item for item in told if item[0] == "start"]


def test_the_start_of_a_block_that_others_put_together_is_not_theirs(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        scene.scheduler.keeps = True
        scene.scheduler.fills = [False, True]
        await scene.begin(1, (4, 5), FIRST, endpoint="b")[1]
        await scene.begin(2, (3, 6))[1]
        await scene.begin(3, (4, 5), SECOND, endpoint="b")[1]
        assert scene.have == [3, 4]

    told = play(tmp_path, acts, breaks_off_within_block_4).scheduler.told
    assert not [item for item in told if item[0] == "start"]


def blamed(scene: Scene) -> set[str]:
    """The endpoints that an error would name."""
    error = scene.package.exhausted(1, {})
    return {name for name in scene.endpoints if f"{name}: block" in error.message}


def test_a_bad_block_is_blamed_on_whom_the_planner_names(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        scene.scheduler.fills = [False, True]
        for number, part in enumerate((FIRST, SECOND)):
            await scene.begin(number, (3, 4), part)[1]

    scene = play(tmp_path, acts, lambda asked: Reply(flips=frozenset({3 * BLOCK_BYTES + 5})))
    assert ("rejected", 1, 3) in scene.scheduler.told
    assert [e.endpoint for e in scene.bus.events if isinstance(e, BlockRejected)] == ["a"]
    assert blamed(scene) == {"a"}


def test_a_bad_block_of_several_endpoints_is_blamed_on_nobody(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        scene.scheduler.culprit = None
        scene.scheduler.fills = [False, True]
        await scene.begin(1, (3, 4), FIRST, endpoint="a")[1]
        await scene.begin(2, (3, 4), SECOND, endpoint="b")[1]

    scene = play(tmp_path, acts, lambda asked: Reply(flips=frozenset({3 * BLOCK_BYTES + 5})))
    assert ("rejected", 2, 3) in scene.scheduler.told
    assert [e.endpoint for e in scene.bus.events if isinstance(e, BlockRejected)] == [""]
    assert not blamed(scene)


def test_who_takes_over_a_part_gives_it(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        scene.scheduler.fills = [False, True]
        scene.endpoints["a"].rate_bytes_per_s = 100.0
        slow, slow_task = scene.begin(1, (3, 4), FIRST, endpoint="a")
        await asyncio.sleep(5.0)
        _, quick_task = scene.begin(2, (3, 4), FIRST, endpoint="b")
        await quick_task
        slow.cancel()
        await slow_task
        await scene.begin(3, (3, 4), SECOND, endpoint="b")[1]
        assert scene.have == [3]

    told = play(tmp_path, acts).scheduler.told
    assert ("cancelled", 1) in told
    assert ("part", 1) not in told


def test_a_loser_that_was_not_stopped_in_time_is_stopped_all_the_same(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        scene.scheduler.fills = [False]
        _, one = scene.begin(1, (3, 4), FIRST)
        _, other = scene.begin(2, (3, 4), FIRST)
        await asyncio.gather(one, other)

    told = play(tmp_path, acts).scheduler.told
    assert len([item for item in told if item[0] == "part"]) == 1
    assert len([item for item in told if item[0] == "cancelled"]) == 1


def test_a_block_that_is_there_already_ends_its_buffer(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        scene.endpoints["a"].rate_bytes_per_s = 100.0
        receiver, late = scene.begin(1, (3, 4), FIRST, endpoint="a")
        await scene.begin(2, (3, 4), endpoint="b")[1]
        assert scene.have == [3]
        taken = scene.pool.take_now(MEMORY_BYTES)
        assert taken is not None, "the split block has given back its buffer"
        scene.pool.give_back(taken)
        receiver.cancel()
        await late

    assert play(tmp_path, acts).package.verified_bytes == BLOCK_BYTES
