"""Reads objects of a bucket through its library, and trusts nothing that comes.

Guarantees: as `dlcore.transfer.http.readers`: the sink gets exactly bytes ``[start, end)`` in
order, or an error is raised. A store that sends nothing for ``stall_s`` is given up.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from dlcore.buckets import Bucket, ObjectFacts
from dlcore.errors import Fault, NotFoundError, TransferError
from dlcore.transfer.http.faults import REMEDIES
from dlcore.transfer.policy import TransferPolicy
from dlcore.transfer.sink import SinkWriter


class BucketReader:
    """Reads the objects of one bucket.

    Args:
        endpoint: Name of the endpoint, for errors.
        bucket: The bucket.
        policy: Says when a store is given up.
    """

    def __init__(self, endpoint: str, bucket: Bucket, policy: TransferPolicy) -> None:
        self._endpoint = endpoint
        self._bucket = bucket
        self._policy = policy

    async def read_range(
        self, key: str, span: tuple[int, int], total_bytes: int, writer: SinkWriter
    ) -> None:
        """Read bytes ``[start, end)`` of an object of a known length into a sink.

        Raises:
            TransferError: The store failed, or sent something else.
        """
        await self._receive(key, span, total_bytes, writer.write, writer.drop)

    async def read_document(self, key: str, limit_bytes: int) -> bytes:
        """Read all of a short object.

        Raises:
            TransferError: The store failed; ``RANGE`` if it is longer than ``limit_bytes``.
        """
        length_bytes = (await self.facts(key)).length_bytes
        if length_bytes > limit_bytes:
            raise self._error(Fault.RANGE, f"{key} is longer than {limit_bytes} bytes")
        body = bytearray()

        async def take(piece: memoryview) -> None:
            body.extend(piece)

        if length_bytes:
            await self._receive(key, (0, length_bytes), length_bytes, take, lambda _: None)
        return bytes(body)

    async def facts(self, key: str) -> ObjectFacts:
        """What the store says of an object.

        Raises:
            TransferError: The store failed; ``NOT_FOUND`` if there is none.
        """
        async with self._in_time(key):
            return await self._bucket.facts(key)

    async def _receive(
        self,
        key: str,
        span: tuple[int, int],
        total_bytes: int,
        take: Callable[[memoryview], Awaitable[None]],
        drop: Callable[[int], None],
    ) -> None:
        start, end = span
        missing_bytes = end - start
        async with AsyncExitStack() as stack:
            async with self._in_time(key):
                found = await stack.enter_async_context(self._bucket.read(key, start, end))
            if found.total_bytes != total_bytes:
                raise self._error(
                    Fault.RANGE, f"{key} is {found.total_bytes} bytes long, not {total_bytes}"
                )
            while missing_bytes:
                async with self._in_time(key):
                    piece = await anext(found.pieces, None)
                if piece is None:
                    at = end - missing_bytes
                    raise self._error(Fault.TRUNCATED, f"{key} ended at byte {at} of {end}")
                if len(piece) > missing_bytes:
                    drop(len(piece))
                    raise self._error(Fault.RANGE, f"{key}: more arrived than was asked for")
                await take(piece)
                missing_bytes -= len(piece)

    @asynccontextmanager
    async def _in_time(self, key: str) -> AsyncIterator[None]:
        """Give up what takes too long; what is not there is this endpoint's fault."""
        try:
            async with asyncio.timeout(self._policy.stall_s) as timeout:
                yield
        except TimeoutError:
            if not timeout.expired():
                raise
            raise self._error(
                Fault.STALL, f"{key}: nothing arrived within {self._policy.stall_s:g} s"
            ) from None
        except NotFoundError:
            raise self._error(Fault.NOT_FOUND, f"{key} is not there") from None

    def _error(self, fault: Fault, message: str) -> TransferError:
        return TransferError(
            message, fault=fault, endpoint=self._endpoint, remedy=REMEDIES.get(fault, "")
        )
