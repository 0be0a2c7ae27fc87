"""Fetches one range: receives it, has it verified and written, reports what became of it."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Iterator

from dlcore.engine.download.buffers import BufferPool
from dlcore.engine.download.meter import Meter
from dlcore.engine.download.package import PackageDownload
from dlcore.engine.download.sink import RangeSink
from dlcore.engine.download.verifier import Verifier
from dlcore.engine.events import BlockRejected, EndpointDropped, EventBus, RangeFailed
from dlcore.errors import Fault, IntegrityError, TransferError
from dlcore.model import BlockRange
from dlcore.schedule import Assignment, Planner


class RangeFetcher:
    """Does what the planner assigned, and tells it the outcome.

    Args:
        planner: Learns of every block and every failure.
        meter: Counts the bytes.
        bus: Hears of failures and rejected blocks.
        pool: Where buffers come from.
        verifier: Hashes and writes.
        rng: Spreads the waits after failures.

    Attributes:
        failures: The last failure of each endpoint, whatever it was asked for.
    """

    def __init__(
        self,
        planner: Planner,
        meter: Meter,
        bus: EventBus,
        pool: BufferPool,
        verifier: Verifier,
        rng: random.Random,
    ) -> None:
        self._planner = planner
        self._meter = meter
        self._bus = bus
        self._pool = pool
        self._verifier = verifier
        self._rng = rng
        self._now_s = asyncio.get_running_loop().time
        self.failures: dict[str, TransferError] = {}

    async def fetch(self, package: PackageDownload, assignment: Assignment) -> None:
        """Fetch one range.

        Endpoint failures are reported to the planner, not raised.

        Raises:
            StorageError: The local disk failed.
        """
        error: TransferError | None = None
        package.location = f"{assignment.endpoint}/{package.package_id}"
        self._meter.range_began(self._now_s())
        try:
            await self._receive(package, assignment)
        except TransferError as caught:
            error = caught
        finally:
            self._meter.range_ended(self._now_s())
            self._report(package, assignment, error)

    async def _receive(self, package: PackageDownload, assignment: Assignment) -> None:
        async def verify(run: BlockRange, data: memoryview) -> None:
            await self._verify(package, assignment, run, data)

        def received(count: int) -> None:
            self._meter.received(package.package_id, assignment.endpoint, count, self._now_s())

        blocks = assignment.blocks
        start, end = package.manifest.range_span(blocks)
        sink = RangeSink(package.manifest, blocks, self._pool, verify, received)
        placement = package.placements[assignment.endpoint]
        try:
            await sink.ready()
            await placement.read_range(blocks.object, start, end, sink)
        finally:
            await sink.drain()

    async def _verify(
        self, package: PackageDownload, assignment: Assignment, run: BlockRange, data: memoryview
    ) -> None:
        """Check and write a run of whole blocks; the good ones count from now on."""
        try:
            bad = await self._verifier.verify(package.partial, run, data)
        except IntegrityError:
            self._reject_object(package, assignment)
            return
        package.unsynced = True
        for block in bad:
            self._reject(package, assignment, block)
        for block in range(run.first, run.last):
            self._count(package, assignment, BlockRange(run.object, block, block + 1))

    def _count(self, package: PackageDownload, assignment: Assignment, block: BlockRange) -> None:
        """Count a block as done if it is.

        The store has the last word: a bad block is not there, and a block of an object with but
        one digest may have been withdrawn while its thread was on its way back.
        """
        if package.partial.have[package.manifest.block_number(block.object, block.first)]:
            self._planner.blocks_done(assignment, block)
            start, end = package.manifest.range_span(block)
            package.verified_bytes += end - start

    def _reject(self, package: PackageDownload, assignment: Assignment, block: int) -> None:
        name = package.manifest.objects[assignment.blocks.object].name
        self._bus.emit(BlockRejected(package.package_id, name, block, assignment.endpoint))
        self._blame(package, assignment.endpoint, f"block {block} of object {name}")
        with self._telling_drops(assignment.endpoint):
            self._planner.block_bad(assignment, block, self._now_s())

    def _reject_object(self, package: PackageDownload, assignment: Assignment) -> None:
        name = package.manifest.objects[assignment.blocks.object].name
        with self._telling_drops(assignment.endpoint):
            culprit, undone_bytes = self._planner.object_bad(assignment, self._now_s())
        package.verified_bytes -= undone_bytes
        if culprit:
            message = self._blame(package, culprit, f"object {name}").message
        else:
            message = f"object {name} from several endpoints does not match its digest"
        endpoint = culprit or assignment.endpoint
        self._bus.emit(RangeFailed(package.package_id, endpoint, Fault.CORRUPT.value, message))

    def _blame(self, package: PackageDownload, endpoint: str, what: str) -> TransferError:
        error = TransferError(
            f"{what} does not match its digest", fault=Fault.CORRUPT, endpoint=endpoint
        )
        package.causes[endpoint] = self.failures[endpoint] = error
        return error

    def _report(
        self, package: PackageDownload, assignment: Assignment, error: TransferError | None
    ) -> None:
        with self._telling_drops(assignment.endpoint):
            self._planner.range_ended(
                assignment,
                self._now_s(),
                fault=error.fault if error else None,
                retry_after_s=error.retry_after_s if error else None,
                jitter=self._rng.random(),
            )
        if error:
            package.causes[assignment.endpoint] = self.failures[assignment.endpoint] = error
            fault = error.fault.value
            event = RangeFailed(package.package_id, assignment.endpoint, fault, error.message)
            self._bus.emit(event)

    @contextlib.contextmanager
    def _telling_drops(self, endpoint: str) -> Iterator[None]:
        """Tell listeners if the endpoint is dropped meanwhile."""
        before = self._planner.dropped(endpoint)
        yield
        after = self._planner.dropped(endpoint)
        if after and not before:
            self._bus.emit(EndpointDropped(endpoint, after))
