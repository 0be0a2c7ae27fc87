"""The direct receive path: the kernel or OpenSSL writes a body straight into the sink's buffers.

Guarantees: what `plain` does, with the same faults. No bytes object is made for a read, and no
byte is copied but those that came along with the headers. Where the sink is full the connection
is paused; it gets no place for more than the body, and none after the reception has ended.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import cast

import aiohttp

from dlcore.transfer.http.aiohttp_internals import Wire
from dlcore.transfer.http.low_water import LowWater
from dlcore.transfer.http.response import Answer
from dlcore.transfer.sink import Intake


async def receive(answer: Answer, wire: Wire, count: int, intake: Intake) -> None:
    """Move a body of exactly ``count`` bytes into the sink.

    Raises:
        TransferError: ``TRUNCATED`` or ``STALL``.
    """
    reception = _Reception(wire, intake, count - len(wire.head), answer.arrived)
    try:
        await intake.put(wire.head)
        while reception.left:
            await intake.ready()
            await answer.arrival(reception.more())
        await wire.finish()
    finally:
        reception.end()


class _Reception(asyncio.BufferedProtocol):
    """Speaks to the connection while the body arrives.

    Attributes:
        left: Bytes still to come.
    """

    def __init__(
        self, wire: Wire, intake: Intake, left: int, arrived: Callable[[int], None]
    ) -> None:
        self.left = left
        self._low_water = LowWater(
            wire.socket, asyncio.get_running_loop(), is_tls=wire.tls is not None
        )
        self._wire = wire
        self._intake = intake
        self._arrived = arrived
        self._ended = False
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        wire.transport.set_protocol(self)

    def more(self) -> asyncio.Future[None]:
        """Done when the sink is full or the body complete; fails if the body ends early."""
        self._waiter = asyncio.get_running_loop().create_future()
        if self._error is None:
            self._wire.transport.resume_reading()
        elif self._salvage():
            self._waiter.set_result(None)
        else:
            self._waiter.set_exception(self._error)
        return self._waiter

    def end(self) -> None:
        """Break the connection if the body is not complete."""
        self._low_water.stop()
        if self.left:
            self._ended = True
            self._wire.break_off()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes go: never more than the body, never after the end."""
        if self._ended:
            raise ConnectionAbortedError
        return self._intake.place(self.left)

    def buffer_updated(self, nbytes: int) -> None:
        """They are there."""
        self._arrived(nbytes)
        self.left -= nbytes
        self._low_water.arrived(nbytes, self.left)
        free = self._intake.placed(nbytes)
        if not self.left:
            self._wire.give_back()
            self._wake()
        elif not free:
            self._wire.transport.pause_reading()
            self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more comes, but TLS may still hold some of what came."""
        self._wire.handler.connection_lost(exc)
        self._error = exc or aiohttp.ClientPayloadError()
        self._wake()

    def pause_writing(self) -> None:
        """The request is still on its way; aiohttp waits for it."""
        self._wire.handler.pause_writing()

    def resume_writing(self) -> None:
        """It can go on."""
        self._wire.handler.resume_writing()

    def _salvage(self) -> bool:
        """Take what TLS holds; at its end the event loop asks for no more than one buffer."""
        if self._wire.tls is None:
            return False
        try:
            # Into a buffer, it returns how many; its stub knows bytes only.
            count = cast("int", self._wire.tls.read(self.left, self._intake.place(self.left)))
        except ssl.SSLError:  # it holds no whole record
            return False
        if count:  # none after an orderly goodbye
            self.left -= count
            self._intake.placed(count)
        return count > 0

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
