"""Reads a socket past asyncio's Proactor transport, which Windows uses.

That transport never asks its protocol for memory. It reads at most 64 KiB at a time into memory of
its own, hands out a copy, and has begun the next read by then. So:

1. The transport is paused by its owner. A read that it had begun goes on; `ProactorSocket` waits
   for it, and returns its bytes first.
2. Then the transport leaves the socket alone, and `ProactorSocket` reads it: Windows writes into
   the caller's memory, as much at a time as has arrived.
3. When its owner resumes the transport, the transport reads as before.

Guarantees: when `ProactorSocket.read_into` has ended, even by a cancellation, nothing is written to
the memory any more. Windows itself may go on writing for a moment after a read was cancelled.
Therefore the connection is broken instead, which ends the read, and its end is awaited.

This is the only module that knows the internals of asyncio's Proactor.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any, cast

from dlcore.waiting import wait_for_all

_MODULE = "asyncio.proactor_events"

_NEEDED_ATTRIBUTES = ("_data", "_loop", "_pending_data_length", "_read_fut", "_sock")


class ProactorSocket:
    """The socket of a paused transport.

    Args:
        transport: One for which `is_proactor` is true.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = cast("Any", transport)
        self._socket: socket.socket = self._transport._sock
        self._proactor = self._transport._loop._proactor

    async def finish_begun_read(self) -> bytes:
        """Wait for the read that the transport had begun; call this once, before `read_into`.

        Returns:
            What it brought; empty if there was none, or if the connection has ended.
        """
        await asyncio.sleep(0)  # a transport that was resumed just before begins to read only now
        if (begun := self._transport._read_fut) is not None:
            await asyncio.wait([begun])  # unlike a plain await, does not cancel it
        count = max(self._transport._pending_data_length, 0)
        self._transport._pending_data_length = -1
        return bytes(self._transport._data[:count])

    async def read_into(self, buffer: memoryview) -> int:
        """Read what has arrived, at least one byte.

        Returns:
            How many bytes were written to the start of ``buffer``; 0 at the end of the connection.

        Raises:
            OSError: The connection is broken.
            CancelledError: The connection was broken because of the cancellation.
        """
        if self._transport.is_closing():
            return 0
        reading: asyncio.Future[int] = self._proactor.recv_into(self._socket, buffer)
        try:
            return await asyncio.shield(reading)
        except asyncio.CancelledError:
            self._transport.abort()
            with contextlib.suppress(OSError):  # that was the purpose
                await wait_for_all([reading])
            raise

    def is_idle(self) -> bool:
        """Whether the connection is open and nothing more has arrived."""
        if self._transport.is_closing():
            return False
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False


def is_proactor(transport: asyncio.BaseTransport) -> bool:
    """Whether this is a Proactor transport with the internals that this module needs."""
    return type(transport).__module__ == _MODULE and all(
        hasattr(transport, name) for name in _NEEDED_ATTRIBUTES
    )
