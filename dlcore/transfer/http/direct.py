"""The direct receive path: the kernel writes a body straight into the sink's buffers.

Usually asyncio reads a socket into a new bytes object, aiohttp's parser copies that into a queue,
and we copy it from there into the sink. A body of known length needs no parser, so:

1. aiohttp reads the headers. `aiohttp_internals` then pauses the connection and lends it to us,
   with the first bytes of the body that came along with the headers. `receive` copies these.
2. `_BodyProtocol` takes the place of aiohttp's protocol. asyncio asks it where the next bytes
   shall go (`get_buffer`). It answers with the sink's own buffer, cut to what the body still
   lacks. The kernel writes there (``recv_into``); with TLS, OpenSSL decrypts to there.
3. When the sink is full, reading is paused until `Sink.ready`. TCP then slows the server down.
4. With the last byte, aiohttp gets its connection back for the next request. If the body does not
   become complete, the connection is closed.

`receive_low_water` lets each of these reads bring many bytes.

On Windows, the transport of a connection without TLS never asks a protocol for memory. There
`proactor` reads the socket into the sink's buffers in place of steps 2 and 3.

Guarantees: the same bytes and faults as the plain path. asyncio never gets memory for more than the
body, nor any after `receive` has ended.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import cast

import aiohttp

from dlcore.transfer.http.aiohttp_internals import BorrowedConnection
from dlcore.transfer.http.proactor import ProactorSocket
from dlcore.transfer.http.receive_low_water import ReceiveLowWater
from dlcore.transfer.http.response import Response
from dlcore.transfer.sink import SinkWriter


async def receive(
    response: Response, connection: BorrowedConnection, count: int, writer: SinkWriter
) -> None:
    """Move a body of exactly ``count`` bytes into the sink.

    Raises:
        TransferError: ``TRUNCATED`` or ``STALL``.
    """
    if connection.proactor is not None:
        await _receive_past_proactor(response, connection, connection.proactor, count, writer)
        return
    body = _BodyProtocol(response, connection, count - len(connection.first_bytes), writer)
    try:
        await writer.write(connection.first_bytes)
        while body.left_bytes:
            await writer.ready()
            await response.wait(body.resume())
        await connection.finish()
    finally:
        body.stop()


async def _receive_past_proactor(
    response: Response,
    connection: BorrowedConnection,
    proactor: ProactorSocket,
    count: int,
    writer: SinkWriter,
) -> None:
    """Do what `receive` does, on Windows without TLS."""

    async def read(buffer: memoryview) -> int:
        number = await proactor.read_into(buffer)
        if not number:
            raise aiohttp.ClientPayloadError
        return number

    left_bytes = count - len(connection.first_bytes)
    try:
        await writer.write(connection.first_bytes)
        begun = await response.wait(proactor.finish_begun_read())
        response.received(len(begun))
        await writer.write(memoryview(begun)[:left_bytes])
        left_bytes -= len(begun)
        while left_bytes > 0:
            await writer.ready()
            number = await response.wait(read(writer.buffer(left_bytes)))
            response.received(number)
            writer.advance(number)
            left_bytes -= number
    except BaseException:
        connection.abort()
        raise
    connection.give_back()
    if left_bytes == 0 and proactor.is_idle():
        connection.transport.resume_reading()
    else:  # surplus bytes, or the end
        connection.abort()
    await connection.finish()


class _BodyProtocol(asyncio.BufferedProtocol):
    """asyncio's counterpart on the connection while the body arrives.

    Attributes:
        left_bytes: Bytes of the body that are still missing.
    """

    def __init__(
        self,
        response: Response,
        connection: BorrowedConnection,
        left_bytes: int,
        writer: SinkWriter,
    ) -> None:
        self.left_bytes = left_bytes
        self._low_water = ReceiveLowWater(
            connection.socket,
            asyncio.get_running_loop(),
            response.policy,
            is_tls=connection.tls is not None,
            is_bounded=response.is_bounded,
        )
        self._response = response
        self._connection = connection
        self._writer = writer
        self._has_stopped = False
        self._error: Exception | None = None
        self._pause: asyncio.Future[None] | None = None
        connection.transport.set_protocol(self)

    def resume(self) -> asyncio.Future[None]:
        """Read on; the sink must be ready.

        Returns:
            Done when the sink is full or the body complete. Fails if the body ends early.
        """
        self._pause = asyncio.get_running_loop().create_future()
        if self._error is None:
            self._connection.transport.resume_reading()
        elif self._drain_tls():
            self._pause.set_result(None)
        else:
            self._pause.set_exception(self._error)
        return self._pause

    def stop(self) -> None:
        """Hand out no more memory; break the connection if the body is not complete."""
        self._low_water.stop()
        if self.left_bytes:
            self._has_stopped = True
            self._connection.abort()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Memory for the next bytes: at most the rest of the body, and none after `stop`."""
        if self._has_stopped:
            raise ConnectionAbortedError
        return self._writer.buffer(self.left_bytes)

    def buffer_updated(self, nbytes: int) -> None:
        """Note that ``nbytes`` were written there."""
        self._response.received(nbytes)
        self.left_bytes -= nbytes
        self._low_water.received(nbytes, self.left_bytes)
        is_free = self._writer.advance(nbytes)
        if not self.left_bytes:
            self._connection.give_back()
            self._wake()
        elif not is_free:
            self._connection.transport.pause_reading()
            self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the connection has ended; TLS may still hold bytes of the body."""
        self._connection.handler.connection_lost(exc)
        self._error = exc or aiohttp.ClientPayloadError()
        self._wake()

    def pause_writing(self) -> None:
        """Pass on to aiohttp, which may still be sending the request."""
        self._connection.handler.pause_writing()

    def resume_writing(self) -> None:
        """Pass on to aiohttp."""
        self._connection.handler.resume_writing()

    def _drain_tls(self) -> bool:
        """Read what TLS holds after the connection has ended; False if that is nothing.

        asyncio asks for one buffer at the end of a connection, not for more.
        """
        if self._connection.tls is None:
            return False
        buffer = self._writer.buffer(self.left_bytes)
        try:
            # Reading into a buffer returns a count; the type stub knows only the form with bytes.
            count = cast("int", self._connection.tls.read(self.left_bytes, buffer))
        except ssl.SSLError:  # it holds less than a whole record
            return False
        if count:  # 0 after an orderly end of TLS
            self.left_bytes -= count
            self._writer.advance(count)
        return count > 0

    def _wake(self) -> None:
        if self._pause is not None and not self._pause.done():
            self._pause.set_result(None)
