"""Fetches one range: receives it, has it verified and written, and lets it be stopped alone.

A connection is free for its next range when the last byte has arrived (`Landed`); what did arrive
is verified meanwhile. A range that fails frees its connection only when all that is settled and
the schedule knows, so that the endpoint is not asked again before it is decided whether it should.

A range may be stopped at any time: cut short because its end was given to another connection, or
called off because nobody needs its bytes any more. The whole blocks that it has are kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from dlcore.engine.download.assembly import Assemblies, Assembly, BlockKey, StripSink
from dlcore.engine.download.buffers import BufferPool
from dlcore.engine.download.flow import RangeFlow
from dlcore.engine.download.ledger import Ledger
from dlcore.engine.download.limits import Limits
from dlcore.engine.download.meter import Meter
from dlcore.engine.download.package import PackageDownload
from dlcore.engine.download.sink import RangeSink, StoppedError
from dlcore.engine.download.verifier import Verifier
from dlcore.errors import IntegrityError, TransferError
from dlcore.model import BlockRange
from dlcore.schedule import Assignment, Planner

Landed = Callable[[], None]
"""Told that a range's last byte has arrived: its connection is free."""


class Flight:
    """One range under way.

    Args:
        package: Its package.
        assignment: What is fetched.
        sink: Where it goes.
        assembly: The block that it is a strip of; None for whole blocks.

    Attributes:
        error: Why it failed.
        dismissed: Whether it was stopped.
        completes: Whether it brought the last strip of its block.
    """

    def __init__(
        self,
        package: PackageDownload,
        assignment: Assignment,
        sink: RangeSink | StripSink,
        assembly: Assembly | None,
    ) -> None:
        self.package = package
        self.assignment = assignment
        self.sink = sink
        self.assembly = assembly
        self.error: TransferError | None = None
        self.dismissed = False
        self.completes = False
        self._receiver: asyncio.Task[None] | None = None

    async def receive(self) -> None:
        """Receive all of it, or as much as comes before it fails or is stopped.

        Raises:
            StorageError: What has arrived could not be written.
        """
        if self.dismissed:
            return
        self._receiver = asyncio.ensure_future(self._read())
        try:
            await self._receiver
        except TransferError as error:
            self.error = error
        except StoppedError:
            self.dismissed = True
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self.dismissed or (task and task.cancelling()):
                raise
        if self.dismissed:
            self.error = None  # of a range that was being stopped it says nothing

    async def _read(self) -> None:
        package, blocks, strip = self.package, self.assignment.blocks, self.assignment.strip
        start, end = package.manifest.range_span(blocks)
        if strip:
            start, end = start + strip.start, start + strip.end
        placement = package.placements[self.assignment.endpoint]
        await self.sink.ready()
        await placement.read_range(blocks.object, start, end, self.sink)

    def dismiss(self) -> None:
        """Receive no more of it, if it is not all there yet."""
        if self._receiver is None or not self._receiver.done():
            self.dismissed = True
        if self._receiver:
            self._receiver.cancel()


class RangeFetcher:
    """Does what the planner assigned.

    Args:
        planner: Says when a block's strips are all there, and where a range ends.
        meter: Counts the bytes.
        ledger: Told what became of ranges and blocks.
        pool: Where buffers come from.
        verifier: Hashes and writes.
        limits: Say how fast bytes may come.
    """

    def __init__(
        self,
        planner: Planner,
        meter: Meter,
        ledger: Ledger,
        pool: BufferPool,
        verifier: Verifier,
        limits: Limits,
    ) -> None:
        self._planner = planner
        self._meter = meter
        self._ledger = ledger
        self._pool = pool
        self._verifier = verifier
        self._limits = limits
        self._assemblies = Assemblies(pool)
        self._now_s = asyncio.get_running_loop().time

    def begin(self, package: PackageDownload, assignment: Assignment) -> Flight | None:
        """Take the memory that a range needs to start with; None if there is none now."""
        flow = RangeFlow(assignment, self._planner, self._meter, self._limits)
        if assignment.strip:
            assembly = self._open_assembly(package, assignment.blocks)
            if assembly is None:
                return None
            strip_sink = assembly.sink(assignment.strip, flow)
            return Flight(package, assignment, strip_sink, assembly)

        async def verify(run: BlockRange, data: memoryview) -> None:
            await self._verify(package, assignment, run, data)

        def keep_start(block: int, start: memoryview) -> None:
            self._keep_start(package, assignment, block, start)

        blocks = assignment.blocks
        sink = RangeSink(package.manifest, blocks, self._pool, verify, keep_start, flow)
        return Flight(package, assignment, sink, None) if sink.begin() else None

    async def fetch(self, flight: Flight, landed: Landed) -> None:
        """Fetch one range.

        Endpoint failures are reported to the planner, not raised.

        Raises:
            StorageError: The local disk failed.
        """
        package, assignment = flight.package, flight.assignment
        package.location = f"{assignment.endpoint}/{package.package_id}"
        self._meter.range_began(assignment.endpoint, self._now_s())
        try:
            try:
                await flight.receive()
            finally:
                self._meter.range_ended(assignment.endpoint, self._now_s())
            self._note_arrival(flight)
            if not flight.error:
                landed()
        finally:
            try:
                await self._settle(flight)
            finally:
                self._ledger.ended(package, assignment, flight.error, dismissed=flight.dismissed)

    def forget(self, package_id: str) -> None:
        """None of the package's ranges is under way, and none comes any more."""
        self._assemblies.forget(package_id)

    def _open_assembly(self, package: PackageDownload, block: BlockRange) -> Assembly | None:
        start, end = package.manifest.range_span(block)
        return self._assemblies.open(
            _key(package, block), package.manifest.block_bytes, end - start
        )

    def _keep_start(
        self, package: PackageDownload, assignment: Assignment, block: int, start: memoryview
    ) -> None:
        """A range breaks off within a block: let strips bring the rest, if there is memory."""
        one = BlockRange(assignment.blocks.object, block, block + 1)
        if self._assemblies.is_open(_key(package, one)):
            return
        assembly = self._open_assembly(package, one)
        if assembly is None:
            return
        if self._planner.keep_start(assignment, block, len(start)):
            assembly.data[: len(start)] = start
        else:
            self._assemblies.drop(_key(package, one))

    def _note_arrival(self, flight: Flight) -> None:
        """A strip that has arrived whole is part of its block now, if it is the first."""
        if not flight.assembly or flight.error or flight.dismissed:
            return
        assert isinstance(flight.sink, StripSink)
        if flight.assembly.take(flight.sink):
            flight.completes = self._planner.strip_arrived(flight.assignment)
        else:
            flight.dismissed = True

    async def _settle(self, flight: Flight) -> None:
        """Verify what has arrived and not been verified; give back all buffers."""
        if isinstance(flight.sink, RangeSink):
            await flight.sink.drain()
        elif flight.completes:
            await self._complete(flight)
        elif flight.assembly:
            flight.assembly.leave(flight.sink)

    async def _complete(self, flight: Flight) -> None:
        """Verify and write a block whose strips are all there."""
        package, assignment = flight.package, flight.assignment
        assembly = self._assemblies.take(_key(package, assignment.blocks))
        try:
            await self._verify(package, assignment, assignment.blocks, assembly.data)
        finally:
            self._pool.give_back(assembly.buffer)

    async def _verify(
        self,
        package: PackageDownload,
        assignment: Assignment,
        run: BlockRange,
        data: memoryview,
    ) -> None:
        """Check and write a run of whole blocks; the good ones count from now on."""
        try:
            bad = await self._verifier.verify(package.partial, run, data)
        except IntegrityError:
            self._ledger.object_rejected(package, assignment)
            return
        self._ledger.verified(package, assignment, run, bad)
        for block in range(run.first, run.last):
            if block not in bad:
                self._assemblies.drop((package.package_id, run.object, block))


def _key(package: PackageDownload, block: BlockRange) -> BlockKey:
    return package.package_id, block.object, block.first
