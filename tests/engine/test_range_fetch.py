"""Single ranges: what arrives is kept, what is stopped stops alone, and everybody is told."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from dlcore.engine.download.buffers import BufferPool
from dlcore.engine.download.ledger import Ledger
from dlcore.engine.download.limits import Limits
from dlcore.engine.download.meter import Meter
from dlcore.engine.download.package import PackageDownload
from dlcore.engine.download.range_fetch import Flight, RangeFetcher
from dlcore.engine.download.verifier import Verifier
from dlcore.engine.events import BlockRejected
from dlcore.errors import Fault
from dlcore.model import BlockRange
from dlcore.schedule import Assignment, Planner, Strip, Terms
from dlcore.store import Partial, Store
from tests.engine.fakes import GOOD, Asked, FakeEndpoint, Recorder, Reply, package
from tests.engine.virtual_time import virtually
from tests.store.helpers import BLOCK_BYTES

PACKAGE = package("ABC00001", {"x": 20 * BLOCK_BYTES})
HALF = BLOCK_BYTES // 2
FIRST, SECOND = Strip(0, HALF), Strip(HALF, BLOCK_BYTES)
MEMORY_BYTES = 40 * BLOCK_BYTES


class HandPlanner(Planner):
    """Takes note of what it is told; the test makes the assignments.

    Attributes:
        told: What it was told, in order.
        ends: Number of a range -> where it is to end.
        strips: What `strip_arrived` says, strip by strip.
        keeps: What `keep_start` says.
        culprit: Who is to blame.
    """

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[object, ...]] = []
        self.ends: dict[int, int] = {}
        self.strips: list[bool] = []
        self.keeps = False
        self.culprit = "a"

    def last_block(self, assignment: Assignment) -> int:
        return self.ends.get(assignment.number, assignment.blocks.last)

    def strip_arrived(self, assignment: Assignment) -> bool:
        self.told.append(("strip", assignment.number))
        return self.strips.pop(0)

    def keep_start(self, assignment: Assignment, block: int, arrived_bytes: int) -> bool:
        self.told.append(("start", assignment.number, block, arrived_bytes))
        return self.keeps

    def blocks_done(self, assignment: Assignment, blocks: BlockRange) -> None:
        self.told.append(("done", assignment.number, blocks.first))

    def block_bad(self, assignment: Assignment, block: int, now_s: float) -> str:
        self.told.append(("bad", assignment.number, block))
        return self.culprit

    def range_ended(
        self,
        assignment: Assignment,
        now_s: float,
        *,
        fault: Fault | None = None,
        retry_after_s: float | None = None,
        jitter: float = 0.0,
        dismissed: bool = False,
    ) -> None:
        outcome = "dismissed" if dismissed else fault.value if fault else "ended"
        self.told.append((outcome, assignment.number))


class Scene:
    """A package, endpoints, and what fetches ranges."""

    def __init__(self, store: Store, script: Callable[[Asked], Reply]) -> None:
        self.planner = HandPlanner()
        self.bus = Recorder()
        self.pool = BufferPool(MEMORY_BYTES)
        self.landed: list[int] = []
        self.has_landed = asyncio.Event()
        self.package = PackageDownload(
            "ABC00001", PACKAGE.manifest, store.begin(PACKAGE.manifest, PACKAGE.document)
        )
        self.verifier = Verifier()
        ledger = Ledger(self.planner, Meter(), self.bus, random.Random(1))
        self.fetcher = RangeFetcher(
            self.planner, Meter(), ledger, self.pool, self.verifier, Limits()
        )
        self.endpoints = {
            name: FakeEndpoint(name, {"ABC00001": PACKAGE}, script) for name in ("a", "b")
        }
        for name in self.endpoints:
            self.planner.add_endpoint(name, Terms())

    async def locate(self) -> None:
        for name, endpoint in self.endpoints.items():
            self.package.placements[name] = await endpoint.locate(PACKAGE.manifest)

    def begin(
        self,
        number: int,
        blocks: tuple[int, int],
        strip: Strip | None = None,
        *,
        endpoint: str = "a",
    ) -> tuple[Flight, asyncio.Task[None]]:
        assignment = Assignment(number, "ABC00001", endpoint, BlockRange(0, *blocks), strip)
        flight = self.fetcher.begin(self.package, assignment)
        assert flight is not None

        def land() -> None:
            self.landed.append(number)
            self.has_landed.set()

        return flight, asyncio.ensure_future(self.fetcher.fetch(flight, land))

    @property
    def have(self) -> list[int]:
        return [block for block, there in enumerate(self.package.partial.have) if there]


def play(
    state: Path,
    acts: Callable[[Scene], Coroutine[Any, Any, None]],
    script: Callable[[Asked], Reply] = lambda asked: GOOD,
) -> Scene:
    """Play acts on a scene, and see that no memory was lost."""
    scenes: list[Scene] = []

    @asynccontextmanager
    async def opened() -> AsyncIterator[Scene]:
        with Store.open(state) as store:
            scene = Scene(store, script)
            scenes.append(scene)
            await scene.locate()
            try:
                yield scene
                scene.fetcher.forget("ABC00001")
                assert scene.pool.take_now(MEMORY_BYTES) is not None, "a buffer was not given back"
            finally:
                scene.package.partial.close()
                scene.verifier.close()

    async def main() -> None:
        async with opened() as scene:
            await acts(scene)

    virtually(main())
    return scenes[0]


def test_strips_from_several_connections_become_a_verified_block(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        scene.planner.strips = [False, True]
        _, one = scene.begin(1, (3, 4), SECOND)
        _, other = scene.begin(2, (3, 4), FIRST)
        await asyncio.gather(one, other)
        assert scene.have == [3]

    told = play(tmp_path, acts).planner.told
    assert [item for item in told if item[0] in {"strip", "done"}] == [
        ("strip", 1),
        ("strip", 2),
        ("done", 2, 3),
    ]
    assert {("ended", 1), ("ended", 2)} <= set(told)


def test_of_a_strip_that_failed_only_the_rest_is_asked_for_again(tmp_path: Path) -> None:
    def script(asked: Asked) -> Reply:
        first_half = asked.start % BLOCK_BYTES == 0
        return GOOD if asked.number or not first_half else Reply(Fault.TRUNCATED, after_bytes=100)

    async def acts(scene: Scene) -> None:
        scene.planner.strips = [False, True]
        _, failing = scene.begin(1, (3, 4), FIRST)
        _, other = scene.begin(2, (3, 4), SECOND, endpoint="b")
        await asyncio.gather(failing, other)
        assert scene.have == []
        await scene.begin(3, (3, 4), Strip(100, HALF))[1]
        assert scene.have == [3]

    scene = play(tmp_path, acts, script)
    assert ("truncated", 1) in scene.planner.told
    delivered_bytes = sum(endpoint.delivered_bytes for endpoint in scene.endpoints.values())
    assert delivered_bytes == BLOCK_BYTES


def breaks_off_within_block_4(asked: Asked) -> Reply:
    is_whole = asked.end - asked.start <= BLOCK_BYTES
    return GOOD if is_whole else Reply(Fault.TRUNCATED, after_bytes=BLOCK_BYTES + 100)


def test_of_a_block_in_which_a_range_broke_off_a_strip_brings_the_rest(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        scene.planner.keeps = True
        scene.planner.strips = [True]
        await scene.begin(1, (3, 6))[1]
        assert scene.have == [3]
        await scene.begin(2, (4, 5), Strip(100, BLOCK_BYTES))[1]
        assert scene.have == [3, 4]

    told = play(tmp_path, acts, breaks_off_within_block_4).planner.told
    assert ("start", 1, 4, 100) in told
    assert told.index(("start", 1, 4, 100)) < told.index(("truncated", 1))


def test_a_start_that_the_planner_has_no_use_for_is_forgotten(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        await scene.begin(1, (3, 6))[1]
        everything = scene.pool.take_now(MEMORY_BYTES)
        assert everything is not None, "its memory is free"
        scene.pool.give_back(everything)

    told = play(tmp_path, acts, breaks_off_within_block_4).planner.told
    assert ("start", 1, 4, 100) in told


def test_without_memory_the_start_of_a_broken_block_is_not_kept(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        scene.planner.keeps = True
        _, breaking = scene.begin(1, (3, 6))
        rest = scene.pool.take_now(MEMORY_BYTES - BLOCK_BYTES)
        assert rest is not None
        await breaking
        scene.pool.give_back(rest)

    told = play(tmp_path, acts, breaks_off_within_block_4).planner.told
    assert ("truncated", 1) in told
    assert not [item for item in told if item[0] == "start"]


def test_the_start_of_a_block_that_others_put_together_is_not_theirs(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        scene.planner.keeps = True
        scene.planner.strips = [False, True]
        await scene.begin(1, (4, 5), FIRST, endpoint="b")[1]
        await scene.begin(2, (3, 6))[1]
        await scene.begin(3, (4, 5), SECOND, endpoint="b")[1]
        assert scene.have == [3, 4]

    told = play(tmp_path, acts, breaks_off_within_block_4).planner.told
    assert not [item for item in told if item[0] == "start"]


def test_a_bad_block_is_blamed_on_whom_the_planner_names(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        scene.planner.strips = [False, True]
        for number, strip in enumerate((FIRST, SECOND)):
            await scene.begin(number, (3, 4), strip)[1]

    scene = play(tmp_path, acts, lambda asked: Reply(flips=frozenset({3 * BLOCK_BYTES + 5})))
    assert ("bad", 1, 3) in scene.planner.told
    assert [e.endpoint for e in scene.bus.events if isinstance(e, BlockRejected)] == ["a"]
    assert set(scene.package.causes) == {"a"}


def test_a_bad_block_of_several_endpoints_is_blamed_on_nobody(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        scene.planner.culprit = ""
        scene.planner.strips = [False, True]
        await scene.begin(1, (3, 4), FIRST, endpoint="a")[1]
        await scene.begin(2, (3, 4), SECOND, endpoint="b")[1]

    scene = play(tmp_path, acts, lambda asked: Reply(flips=frozenset({3 * BLOCK_BYTES + 5})))
    assert ("bad", 2, 3) in scene.planner.told
    assert [e.endpoint for e in scene.bus.events if isinstance(e, BlockRejected)] == [""]
    assert not scene.package.causes


def test_who_takes_over_a_strip_gives_it(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        scene.planner.strips = [False, True]
        scene.endpoints["a"].rate_bps = 100.0
        slow, slow_task = scene.begin(1, (3, 4), FIRST, endpoint="a")
        await asyncio.sleep(5.0)
        _, quick_task = scene.begin(2, (3, 4), FIRST, endpoint="b")
        await quick_task
        slow.dismiss()
        await slow_task
        await scene.begin(3, (3, 4), SECOND, endpoint="b")[1]
        assert scene.have == [3]

    told = play(tmp_path, acts).planner.told
    assert ("dismissed", 1) in told
    assert ("strip", 1) not in told


def test_a_loser_that_was_not_stopped_in_time_is_stopped_all_the_same(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        scene.planner.strips = [False]
        _, one = scene.begin(1, (3, 4), FIRST)
        _, other = scene.begin(2, (3, 4), FIRST)
        await asyncio.gather(one, other)

    told = play(tmp_path, acts).planner.told
    assert len([item for item in told if item[0] == "strip"]) == 1
    assert len([item for item in told if item[0] == "dismissed"]) == 1


def test_a_range_that_is_stopped_keeps_its_whole_blocks(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        scene.endpoints["a"].rate_bps = 1000.0
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
        scene.endpoints["a"].rate_bps = 1000.0
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


def test_a_block_that_is_there_already_ends_its_assembly(tmp_path: Path) -> None:
    async def acts(scene: Scene) -> None:
        scene.endpoints["a"].rate_bps = 100.0
        flight, late = scene.begin(1, (3, 4), FIRST, endpoint="a")
        await scene.begin(2, (3, 4), endpoint="b")[1]
        assert scene.have == [3]
        taken = scene.pool.take_now(MEMORY_BYTES)
        assert taken is not None, "the assembly has given back its buffer"
        scene.pool.give_back(taken)
        flight.dismiss()
        await late

    assert play(tmp_path, acts).package.verified_bytes == BLOCK_BYTES


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
