"""Fetches one request: receives it, has it verified and written, and reports its end.

A connection is free for its next request when the last byte has arrived; what arrived is verified
meanwhile. A request that fails frees its connection only when the rest is verified and the
scheduler knows of the failure, so that the endpoint is not asked again before it is decided
whether it should be.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from dlcore.engine.download.buffers import BufferPool
from dlcore.engine.download.caps import BandwidthCaps
from dlcore.engine.download.culprits import ReceivedExtent
from dlcore.engine.download.flow import Answered, RequestFlow
from dlcore.engine.download.ledger import OpenBytes
from dlcore.engine.download.meter import Meter
from dlcore.engine.download.package import PackageDownload
from dlcore.engine.download.receiver import Receiver, RequestOutcome
from dlcore.engine.download.reporter import Reporter
from dlcore.engine.download.sink import BlockSink
from dlcore.engine.download.split_block_buffer import (
    BlockKey,
    PartSink,
    SplitBlockBuffer,
    SplitBlockBuffers,
)
from dlcore.engine.download.verifier import Verifier
from dlcore.errors import Fault, IntegrityError
from dlcore.model import BlockExtent, BlockInObject
from dlcore.schedule import Request
from dlcore.transfer import ask_for


class RequestFetcher:
    """Does what the scheduler asked for.

    Args:
        meter: Counts bytes and requests.
        reporter: Tells the scheduler what became of requests and blocks.
        pool: Where buffers come from.
        split_blocks: The buffers of blocks that are fetched in parts.
        verifier: Hashes and writes.
        caps: Say how fast bytes may come.
        answered: Hears how long each answer took to begin.
    """

    def __init__(
        self,
        meter: Meter,
        reporter: Reporter,
        pool: BufferPool,
        split_blocks: SplitBlockBuffers,
        verifier: Verifier,
        caps: BandwidthCaps,
        answered: Answered | None = None,
    ) -> None:
        self._meter = meter
        self._reporter = reporter
        self._pool = pool
        self._verifier = verifier
        self._caps = caps
        self._answered = answered
        self._split_blocks = split_blocks
        self._now_s = asyncio.get_running_loop().time

    def begin(self, package: PackageDownload, request: Request) -> Receiver:
        """Take the memory that a request begins with; the scheduler knows that it is free."""
        open_bytes = self._meter.ledger.open()
        flow = RequestFlow(
            request,
            received=self._reporter.received,
            meter=self._meter,
            open_bytes=open_bytes,
            caps=self._caps,
            answered=self._answered,
        )
        if request.part:
            buffer = self._open_split_block(package, request.blocks)
            assert buffer, "a part is asked for only if its block has, or can have, its buffer"
            return Receiver(package, request, buffer.sink(request.part, flow), open_bytes)

        async def verify(extent: BlockExtent, data: memoryview) -> None:
            await self._verify(package, request, extent, data, open_bytes)

        def keep_start(block: BlockInObject, start: memoryview) -> None:
            self._keep_start(package, request, block, start, open_bytes)

        sink = BlockSink(
            package.manifest,
            request.blocks,
            pool=self._pool,
            verify=verify,
            keep_start=keep_start,
            flow=flow,
        )
        sink.begin(request.buffer_bytes)
        return Receiver(package, request, sink, open_bytes)

    async def fetch(self, receiver: Receiver, connection_freed: Callable[[], None]) -> None:
        """Fetch one request; failures of its endpoint are reported, not raised.

        Raises:
            StorageError: The local disk failed.
        """
        request = receiver.request
        receiver.package.note_asked(request.endpoint)
        ask_for(request.package)
        is_filled = False
        try:
            await self._receive(receiver)
            if receiver.outcome is not RequestOutcome.FAILED:
                is_filled = self._note_arrival(receiver)
                connection_freed()
        finally:
            await self._end(receiver, is_filled=is_filled)

    def _open_split_block(
        self, package: PackageDownload, block: BlockExtent
    ) -> SplitBlockBuffer | None:
        start, end = package.manifest.extent_span(block)
        return self._split_blocks.open(
            _key(package, block), package.manifest.block_bytes, end - start
        )

    def _keep_start(
        self,
        package: PackageDownload,
        request: Request,
        block: BlockInObject,
        start: memoryview,
        open_bytes: OpenBytes,
    ) -> None:
        """A request ends within a block: let others fetch the rest of it, if there is memory."""
        one = BlockExtent.of(request.blocks.object, block, block + 1)
        if self._split_blocks.is_open(_key(package, one)):
            return
        buffer = self._open_split_block(package, one)
        if buffer is None:
            return
        if self._reporter.start_arrived(request, block, len(start)):
            buffer.data[: len(start)] = start
            open_bytes.give(len(start), buffer.open_bytes)
        else:
            self._split_blocks.drop(_key(package, one))

    async def _receive(self, receiver: Receiver) -> None:
        """Receive a request, and count how long that took."""
        endpoint, began_s = receiver.request.endpoint, self._now_s()
        self._meter.request_began(endpoint, began_s)
        try:
            await receiver.receive()
        finally:
            self._meter.request_ended(endpoint, self._now_s())
        if receiver.error and receiver.error.fault is not Fault.NO_RANGES:
            self._meter.request_failed(endpoint, self._now_s() - began_s)

    def _note_arrival(self, receiver: Receiver) -> bool:
        """Report what has arrived; whether a split block is whole with it."""
        sink, request = receiver.sink, receiver.request
        if receiver.outcome is RequestOutcome.CANCELLED:
            return False
        if isinstance(sink, PartSink) and not sink.complete():
            receiver.lost_part()
            return False
        return self._reporter.arrived(request)

    async def _end(self, receiver: Receiver, *, is_filled: bool) -> None:
        """Finish a request, and report its end whatever becomes of that."""
        try:
            await self._finish(receiver, is_filled=is_filled)
        finally:
            receiver.open_bytes.close()
            self._reporter.ended(receiver)

    async def _finish(self, receiver: Receiver, *, is_filled: bool) -> None:
        """Verify what has arrived and is not verified; give back all buffers."""
        if isinstance(receiver.sink, BlockSink):
            await receiver.sink.drain()
        elif is_filled:
            await self._verify_split_block(receiver.package, receiver.request)
        else:
            receiver.sink.leave()

    async def _verify_split_block(self, package: PackageDownload, request: Request) -> None:
        """Verify and write a block whose parts are all there."""
        buffer = self._split_blocks.take(_key(package, request.blocks))
        try:
            await self._verify(package, request, request.blocks, buffer.data, buffer.open_bytes)
        finally:
            self._split_blocks.give_back(buffer)

    async def _verify(
        self,
        package: PackageDownload,
        request: Request,
        extent: BlockExtent,
        data: memoryview,
        open_bytes: OpenBytes,
    ) -> None:
        """Check and write an extent of whole blocks; the good ones count from now on."""
        ledger, key, used_bytes = self._meter.ledger, (package.package_id, extent.object), 0
        try:
            bad = await self._verifier.verify(package.partial, extent, data)
            used_bytes = self._reporter.checked(request, ReceivedExtent(package, extent, data), bad)
        except IntegrityError:
            self._reporter.object_rejected(request)
            ledger.disproved(key)
            return
        finally:
            open_bytes.settle(len(data), used_bytes)
        if not package.manifest.objects[extent.object].digests:
            ledger.await_proof(key, used_bytes)
        for block in range(extent.first, extent.end):
            if block not in bad:
                self._split_blocks.drop((package.package_id, extent.object, block))


def _key(package: PackageDownload, block: BlockExtent) -> BlockKey:
    return package.package_id, block.object, block.first
