"""Single requests: what arrives is kept, what is stopped stops alone, and all is told."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dlcore.errors import Fault
from dlcore.model import BlockExtent, BlockInObject
from dlcore.schedule import Span
from dlcore.store import Partial
from tests.engine.fakes import Reply
from tests.engine.requests import FIRST, MEMORY_BYTES, Scene, play
from tests.store.helpers import BLOCK_BYTES


def test_a_request_that_is_stopped_keeps_its_whole_blocks(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        scene.endpoints["a"].rate_bytes_per_s = 1000.0
        receiver, task = scene.begin(1, (0, 8))
        await asyncio.sleep(2.5 * BLOCK_BYTES / 1000)
        receiver.cancel()
        await task
        assert scene.have == [0, 1]

    scene = play(tmp_path, acts)
    assert scene.scheduler.told == [("verified", 1, 0), ("verified", 1, 1), ("cancelled", 1)]
    assert scene.landed == [1]


def test_a_request_whose_end_was_given_away_stops_before_it(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        scene.endpoints["a"].rate_bytes_per_s = 1000.0
        receiver, task = scene.begin(1, (0, 8))
        await asyncio.sleep(2.5 * BLOCK_BYTES / 1000)
        receiver.shorten(BlockInObject(5))
        await task
        assert scene.have == [0, 1, 2, 3, 4]

    scene = play(tmp_path, acts)
    assert scene.scheduler.told[-1] == ("cancelled", 1)
    assert scene.endpoints["a"].delivered_bytes < 6 * BLOCK_BYTES


def test_a_request_that_is_stopped_before_it_began_asks_for_nothing(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        receiver, task = scene.begin(1, (0, 8))
        receiver.cancel()
        await task

    scene = play(tmp_path, acts)
    assert scene.scheduler.told == [("cancelled", 1)]
    assert not scene.endpoints["a"].asked


def test_a_request_asks_for_nothing_before_what_others_received_is_paid_for(tmp_path: Path) -> None:
    """Fault: many short requests share a low cap. dlcore makes each wait before its first byte."""

    async def acts(scene: Scene) -> None:
        now_s = asyncio.get_running_loop().time
        scene.caps.set_total(1000.0)
        scene.caps.spend("b", 60_000, now_s())
        _, task = scene.begin(1, (0, 1))
        await asyncio.sleep(50.0)
        assert not scene.endpoints["a"].asked
        await task
        assert scene.have == [0]

    play(tmp_path, acts)


def test_what_is_all_there_cannot_be_stopped_any_more(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        receiver, task = scene.begin(1, (0, 1))
        await scene.has_landed.wait()
        receiver.cancel()
        await task

    assert play(tmp_path, acts).scheduler.told == [("verified", 1, 0), ("finished", 1)]


def test_the_connection_is_free_before_the_last_buffer_is_verified(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        verified = asyncio.Event()
        verify = scene.verifier.verify

        async def slowly(
            partial: Partial, extent: BlockExtent, data: memoryview
        ) -> tuple[BlockInObject, ...]:
            await verified.wait()
            return await verify(partial, extent, data)

        scene.verifier.verify = slowly  # type: ignore[method-assign]  # the real one, later
        _, task = scene.begin(1, (0, 2))
        await scene.has_landed.wait()
        assert scene.scheduler.told == []
        verified.set()
        await task

    assert play(tmp_path, acts).scheduler.told[-1] == ("finished", 1)


def test_after_a_failure_the_connection_is_free_only_when_the_scheduler_knows(
    tmp_path: Path,
) -> None:
    async def acts(scene: Scene) -> None:
        _, task = scene.begin(1, (0, 8))
        await task

    scene = play(tmp_path, acts, lambda asked: Reply(Fault.STALL, after_bytes=BLOCK_BYTES))
    assert scene.scheduler.told == [("verified", 1, 0), ("stall", 1)]
    assert scene.landed == []


def test_a_block_that_arrives_twice_counts_once(tmp_path: Path) -> None:
    """Fault G3: a block arrives twice. dlcore counts it once."""

    async def acts(scene: Scene) -> None:
        for number in (1, 2):
            await scene.begin(number, (3, 5))[1]

    assert play(tmp_path, acts).package.verified_bytes == 2 * BLOCK_BYTES


def test_with_little_memory_a_request_begins_with_one_block(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        most = scene.pool.take_now(MEMORY_BYTES - BLOCK_BYTES)
        assert most is not None
        assert scene.pool.free_bytes == BLOCK_BYTES
        _, task = scene.begin(1, (0, 16))
        await task
        assert scene.have == list(range(16))
        scene.pool.give_back(most)

    play(tmp_path, acts)


@pytest.mark.parametrize("part", [None, FIRST])
def test_cancelled_with_all_else_a_request_gives_its_memory_back(
    tmp_path: Path, part: Span | None
) -> None:
    async def acts(scene: Scene) -> None:
        _, task = scene.begin(1, (3, 4), part)
        await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert play(tmp_path, acts).scheduler.told == [("cancelled", 1)]
