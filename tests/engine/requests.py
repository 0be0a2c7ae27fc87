"""A package, endpoints that serve it, and what fetches the requests that a test makes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from dlcore.engine.download.buffers import BufferPool
from dlcore.engine.download.caps import BandwidthCaps
from dlcore.engine.download.culprits import Culprits
from dlcore.engine.download.decisions import Decisions
from dlcore.engine.download.endpoint_log import EndpointLog
from dlcore.engine.download.fetcher import RequestFetcher
from dlcore.engine.download.meter import Meter
from dlcore.engine.download.package import PackageDownload
from dlcore.engine.download.receiver import Receiver
from dlcore.engine.download.reporter import Reporter
from dlcore.engine.download.split_block_buffer import SplitBlockBuffers
from dlcore.engine.download.verifier import Verifier
from dlcore.errors import Fault
from dlcore.model import BlockExtent, BlockInObject, ObjectIndex
from dlcore.schedule import (
    BlockRejected,
    CopyBlocks,
    Events,
    PackageExhausted,
    Policy,
    Portion,
    Request,
    RequestNumber,
    Span,
    SplitBlockFilled,
    StartKept,
)
from dlcore.store import Store
from tests.engine.fakes import GOOD, Asked, FakeEndpoint, Recorder, Reply, package
from tests.engine.schedulers import IdleScheduler
from tests.engine.virtual_time import virtually
from tests.store.helpers import BLOCK_BYTES

PACKAGE = package("ABC00001", {"x": 20 * BLOCK_BYTES})
HALF = BLOCK_BYTES // 2
FIRST, SECOND = Span(0, HALF), Span(HALF, BLOCK_BYTES)
MEMORY_BYTES = 40 * BLOCK_BYTES


class HandScheduler(IdleScheduler):
    """Takes note of what it is told; the test makes the requests.

    Attributes:
        told: What it was told, in order.
        fills: Whether a part fills its block, part by part.
        keeps: Whether the start of a broken block is of use.
        culprit: The endpoint to blame; None: several.
        portions: Who sent which bytes of a rejected block then.
    """

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []
        self.fills: list[bool] = []
        self.keeps = False
        self.culprit: str | None = "a"
        self.portions: tuple[Portion, ...] = ()
        self.parts: set[RequestNumber] = set()

    def arrived(self, number: RequestNumber) -> Events:
        if number not in self.parts:
            return ()
        self.told.append(("part", number))
        return (SplitBlockFilled(number),) if self.fills.pop(0) else ()

    def start_arrived(
        self, number: RequestNumber, block: BlockInObject, arrived_bytes: int
    ) -> Events:
        self.told.append(("start", number, block, arrived_bytes))
        return (StartKept(number, block),) if self.keeps else ()

    def verified(self, number: RequestNumber, blocks: BlockExtent) -> Events:
        self.told.append(("verified", number, blocks.first))
        return ()

    def rejected(self, number: RequestNumber, block: BlockInObject, now_s: float) -> Events:
        self.told.append(("rejected", number, block))
        index = ObjectIndex(0)
        return (BlockRejected("ABC00001", index, block, self.culprit, self.portions),)

    def culprit_found(
        self, package: str, index: ObjectIndex, endpoint: str, now_s: float
    ) -> Events:
        self.told.append(("culprit", endpoint))
        return ()

    def finished(self, number: RequestNumber, now_s: float) -> Events:
        self.told.append(("finished", number))
        return ()

    def failed(
        self,
        number: RequestNumber,
        now_s: float,
        fault: Fault,
        *,
        retry_after_s: float | None = None,
        jitter: float = 0.0,
    ) -> Events:
        self.told.append((fault.value, number))
        return ()

    def cancelled(self, number: RequestNumber, now_s: float) -> Events:
        self.told.append(("cancelled", number))
        return ()


class NoListener:
    """Packages come to nothing here."""

    def complete(self, package: str) -> None:
        raise AssertionError(package)

    def exhausted(self, event: PackageExhausted) -> None:
        raise AssertionError(event)

    def copy(self, event: CopyBlocks) -> None:
        raise AssertionError(event)


class Scene:
    """A package, endpoints, and what fetches requests."""

    def __init__(self, store: Store, script: Callable[[Asked], Reply]) -> None:
        self.scheduler = HandScheduler()
        self.bus = Recorder()
        self.pool = BufferPool(MEMORY_BYTES)
        self.landed: list[int] = []
        self.has_landed = asyncio.Event()
        self.package = PackageDownload(
            "ABC00001", PACKAGE.manifest, store.begin(PACKAGE.manifest, PACKAGE.document)
        )
        self.verifier = Verifier()
        self.meter = Meter()
        log = EndpointLog(self.meter, self.bus)
        packages = {"ABC00001": self.package}
        self.split_blocks = SplitBlockBuffers(self.pool, self.meter.ledger)
        self.decisions = Decisions(packages, log, NoListener(), self.split_blocks, self.bus)
        culprits = Culprits(Policy().max_mixed_blocks)
        reporter = Reporter(self.scheduler, self.decisions, log, culprits, random.Random(1))
        self.caps = BandwidthCaps()
        self.fetcher = RequestFetcher(
            self.meter, reporter, self.pool, self.split_blocks, self.verifier, self.caps
        )
        self.endpoints = {
            name: FakeEndpoint(name, {"ABC00001": PACKAGE}, script) for name in ("a", "b")
        }

    async def locate(self) -> None:
        for name, endpoint in self.endpoints.items():
            self.package.note_placement(name, await endpoint.locate(PACKAGE.manifest))

    def begin(
        self,
        number: int,
        blocks: tuple[int, int],
        part: Span | None = None,
        *,
        endpoint: str = "a",
    ) -> tuple[Receiver, asyncio.Task[None]]:
        request = Request(
            RequestNumber(number),
            "ABC00001",
            endpoint,
            BlockExtent.of(0, *blocks),
            part,
            buffer_bytes=BLOCK_BYTES,
        )
        if part:
            self.scheduler.parts.add(request.number)
        receiver = self.fetcher.begin(self.package, request)

        def land() -> None:
            self.landed.append(number)
            self.has_landed.set()

        return receiver, asyncio.ensure_future(self.fetcher.fetch(receiver, land))

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
                scene.split_blocks.forget("ABC00001")
                assert scene.pool.take_now(MEMORY_BYTES) is not None, "a buffer was not given back"
            finally:
                scene.package.partial.close()
                await scene.verifier.aclose()

    async def main() -> None:
        async with opened() as scene:
            await acts(scene)

    virtually(main())
    return scenes[0]
