"""Receives one request, and lets it be cancelled or shortened alone.

A request may be stopped at any time: shortened because another request fetches its end, or
cancelled because nobody needs more of its bytes. The whole blocks that it has are kept.
"""

from __future__ import annotations

import asyncio
import enum

from dlcore.engine.download.ledger import OpenBytes
from dlcore.engine.download.package import PackageDownload
from dlcore.engine.download.sink import BlockSink, ShortenedError
from dlcore.engine.download.split_block_buffer import PartSink
from dlcore.errors import TransferError
from dlcore.model import BlockInObject
from dlcore.schedule import Request


class RequestOutcome(enum.Enum):
    """What became of the bytes of a request."""

    RECEIVED = enum.auto()  # all of them arrived
    SHORTENED = enum.auto()  # all up to its new end arrived
    CANCELLED = enum.auto()  # nobody needed more of them
    FAILED = enum.auto()  # its endpoint failed


class Receiver:
    """One request in flight. What happens after its cancellation says nothing about it.

    Args:
        package: Its package.
        request: What is fetched.
        sink: Where it goes.
        open_bytes: Bytes of it that have arrived, while it is open whether they will be used.
    """

    def __init__(
        self,
        package: PackageDownload,
        request: Request,
        sink: BlockSink | PartSink,
        open_bytes: OpenBytes,
    ) -> None:
        self.package = package
        self.request = request
        self.sink = sink
        self.open_bytes = open_bytes
        self._outcome = RequestOutcome.CANCELLED  # until something arrived
        self._error: TransferError | None = None
        self._is_cancelled = False
        self._reading: asyncio.Task[None] | None = None

    @property
    def outcome(self) -> RequestOutcome:
        """What became of it."""
        return self._outcome

    @property
    def error(self) -> TransferError | None:
        """How it failed; None if it did not."""
        return self._error

    async def receive(self) -> None:
        """Receive all of it, or as much as comes before it fails or is stopped.

        Raises:
            StorageError: What has arrived could not be written.
        """
        if self._is_cancelled:
            return
        self._reading = asyncio.ensure_future(self._read())
        try:
            await self._reading
            self._note(RequestOutcome.RECEIVED)
        except TransferError as error:
            self._note(RequestOutcome.FAILED, error)
        except ShortenedError:
            self._note(RequestOutcome.SHORTENED)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self._is_cancelled or (task and task.cancelling()):
                raise

    def _note(self, outcome: RequestOutcome, error: TransferError | None = None) -> None:
        if not self._is_cancelled:
            self._outcome, self._error = outcome, error

    def cancel(self) -> None:
        """Receive no more of it, unless all has arrived."""
        if self._reading is None or not self._reading.done():
            self._is_cancelled = True
        if self._reading:
            self._reading.cancel()

    def shorten(self, end_block: BlockInObject) -> None:
        """Receive no block from ``end_block`` on."""
        if isinstance(self.sink, BlockSink):
            self.sink.shorten(end_block)

    def lost_part(self) -> None:
        """Its part was given to another request before it noticed."""
        self._outcome = RequestOutcome.CANCELLED

    async def _read(self) -> None:
        blocks, part = self.request.blocks, self.request.part
        start, end = self.package.manifest.extent_span(blocks)
        if part:
            start, end = start + part.start, start + part.end
        placement = self.package.placement(self.request.endpoint)
        await self.sink.ready()
        await placement.read_range(
            blocks.object, start, end, self.sink, from_beginning=self.request.from_beginning
        )
