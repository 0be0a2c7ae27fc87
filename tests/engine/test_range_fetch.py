"""Single ranges: what arrives is kept, what is stopped stops alone, and everybody is told."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dlcore.errors import Fault
from dlcore.model import BlockRange
from dlcore.schedule import Assignment, Strip
from dlcore.store import Partial
from tests.engine.fakes import Reply
from tests.engine.flights import FIRST, MEMORY_BYTES, Scene, play
from tests.store.helpers import BLOCK_BYTES


def test_a_range_that_is_stopped_keeps_its_whole_blocks(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        scene.endpoints["a"].rate_bytes_per_s = 1000.0
        flight, task = scene.begin(1, (0, 8))
        await asyncio.sleep(2.5 * BLOCK_BYTES / 1000)
        flight.dismiss()
        await task
        assert scene.have == [0, 1]

    scene = play(tmp_path, acts)
    assert scene.planner.told == [("done", 1, 0), ("done", 1, 1), ("dismissed", 1)]
    assert scene.landed == [1]


def test_a_range_whose_end_was_given_away_stops_before_it(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        scene.endpoints["a"].rate_bytes_per_s = 1000.0
        _, task = scene.begin(1, (0, 8))
        await asyncio.sleep(2.5 * BLOCK_BYTES / 1000)
        scene.planner.ends[1] = 5
        await task
        assert scene.have == [0, 1, 2, 3, 4]

    scene = play(tmp_path, acts)
    assert scene.planner.told[-1] == ("dismissed", 1)
    assert scene.endpoints["a"].delivered_bytes < 6 * BLOCK_BYTES


def test_a_range_that_is_stopped_before_it_began_asks_for_nothing(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        flight, task = scene.begin(1, (0, 8))
        flight.dismiss()
        await task

    scene = play(tmp_path, acts)
    assert scene.planner.told == [("dismissed", 1)]
    assert not scene.endpoints["a"].asked


def test_what_is_all_there_cannot_be_stopped_any_more(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        flight, task = scene.begin(1, (0, 1))
        await scene.has_landed.wait()
        flight.dismiss()
        await task

    assert play(tmp_path, acts).planner.told == [("done", 1, 0), ("ended", 1)]


def test_the_connection_is_free_before_the_last_buffer_is_verified(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        verified = asyncio.Event()
        verify = scene.verifier.verify

        async def slowly(partial: Partial, run: BlockRange, data: memoryview) -> tuple[int, ...]:
            await verified.wait()
            return await verify(partial, run, data)

        scene.verifier.verify = slowly  # type: ignore[method-assign]  # the real one, later
        _, task = scene.begin(1, (0, 2))
        await scene.has_landed.wait()
        assert scene.planner.told == []
        verified.set()
        await task

    assert play(tmp_path, acts).planner.told[-1] == ("ended", 1)


def test_after_a_failure_the_connection_is_free_only_when_the_planner_knows(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        _, task = scene.begin(1, (0, 8))
        await task

    scene = play(tmp_path, acts, lambda asked: Reply(Fault.STALL, after_bytes=BLOCK_BYTES))
    assert scene.planner.told == [("done", 1, 0), ("stall", 1)]
    assert scene.landed == []


def test_a_block_that_arrives_twice_counts_once(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        for number in (1, 2):
            await scene.begin(number, (3, 5))[1]

    assert play(tmp_path, acts).package.verified_bytes == 2 * BLOCK_BYTES


def test_without_memory_nothing_begins(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        everything = scene.pool.take_now(MEMORY_BYTES)
        assert everything is not None
        for strip in (None, FIRST):
            assignment = Assignment(1, "ABC00001", "a", BlockRange(0, 3, 4), strip)
            assert scene.fetcher.begin(scene.package, assignment) is None
        scene.pool.give_back(everything)

    assert play(tmp_path, acts).planner.told == []


@pytest.mark.parametrize("strip", [None, FIRST])
def test_cancelled_with_all_else_a_range_gives_its_memory_back(
    tmp_path: Path, strip: Strip | None
) -> None:
    async def acts(scene: Scene) -> None:
        _, task = scene.begin(1, (3, 4), strip)
        await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert play(tmp_path, acts).planner.told == [("ended", 1)]
