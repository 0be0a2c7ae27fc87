"""A package, endpoints that serve it, and what fetches the ranges that a test assigns."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from dlcore.engine.download.buffers import BufferPool
from dlcore.engine.download.ledger import Ledger
from dlcore.engine.download.limits import Limits
from dlcore.engine.download.meter import Meter
from dlcore.engine.download.package import PackageDownload
from dlcore.engine.download.range_fetch import Flight, RangeFetcher
from dlcore.engine.download.verifier import Verifier
from dlcore.errors import Fault
from dlcore.model import BlockRange
from dlcore.schedule import Assignment, Planner, Strip, Terms
from dlcore.store import Store
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
                await scene.verifier.aclose()

    async def main() -> None:
        async with opened() as scene:
            await acts(scene)

    virtually(main())
    return scenes[0]
