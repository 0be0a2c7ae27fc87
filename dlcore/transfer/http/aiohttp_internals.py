"""Borrows a connection from aiohttp while a body is read, and returns it.

This is the only module that knows aiohttp's internals. Guarantees: nothing is borrowed unless
aiohttp, the event loop and the connection are of the kinds listed here. What aiohttp has already
read of the body comes with the connection. A returned connection serves the next request, unless
the server sends bytes that were not asked for: then it is closed.

Assumes a body of known length without a content coding.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import ssl
from collections.abc import Iterable
from typing import Any, cast

import aiohttp
from aiohttp.client_proto import ResponseHandler

from dlcore.transfer.http.proactor import ProactorSocket, is_proactor

_KNOWN_TRANSPORTS = frozenset({"asyncio.selector_events", "asyncio.sslproto", "uvloop.loop"})
"""Modules of transports that stop reading at once when paused, and ask a protocol for memory."""

_NEEDED_ATTRIBUTES = {
    ResponseHandler: ("_parser", "connection_lost", "data_received", "set_response_params"),
    aiohttp.StreamReader: ("exception", "feed_eof", "is_eof", "read_nowait"),
    aiohttp.ClientResponse: ("connection", "content"),
}

_TLS_READ_BYTES_BETWEEN_BODIES = 16 << 10  # enough for the longest headers that we allow


@functools.cache
def is_known_aiohttp() -> bool:
    """Whether the installed aiohttp has the internals that this module needs."""
    return all(hasattr(kind, name) for kind, names in _NEEDED_ATTRIBUTES.items() for name in names)


class BorrowedConnection:
    """A connection in the middle of a body.

    Attributes:
        transport: The connection; reading is paused.
        first_bytes: What aiohttp had already read of the body.
        handler: aiohttp's protocol. It must be told of everything that is not body.
        tls: Decrypts the body; None without TLS. It may still hold bytes after the connection has
            ended.
        socket: As the event loop gives it.
        proactor: Reads the socket where the transport does not ask for memory; else None.
    """

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        transport: asyncio.Transport,
        handler: ResponseHandler,
    ) -> None:
        self.transport = transport
        self.first_bytes = response.content.read_nowait()  # this resumes reading
        transport.pause_reading()
        self.handler = handler
        self.tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        self.socket: object = transport.get_extra_info("socket")
        self.proactor = ProactorSocket(transport) if is_proactor(transport) else None
        self._content = response.content

    def give_back(self) -> None:
        """Return the connection to aiohttp: the whole body was read."""
        self.handler._parser = cast("Any", _SurplusParser())
        self.transport.set_protocol(self.handler)
        if hasattr(self.transport, "max_size"):
            # Body bytes that asyncio reads together with the next headers are copied twice more.
            self.transport.max_size = _TLS_READ_BYTES_BETWEEN_BODIES

    def abort(self) -> None:
        """Break the connection, once only: the TLS of Python 3.11.2 fails the second time."""
        if not self.transport.is_closing():
            self.transport.abort()

    async def finish(self) -> None:
        """Tell aiohttp that the response is complete, after surplus bytes had time to show."""
        await asyncio.sleep(0)
        self._content.feed_eof()


def borrow_connection(response: aiohttp.ClientResponse) -> BorrowedConnection | None:
    """Take over the connection of a response whose headers have arrived.

    Returns:
        None if aiohttp must keep it: the whole body has arrived, the connection is broken or
        paused, or its kind is not known here.
    """
    connection, content = response.connection, response.content
    if connection is None or content.is_eof() or content.exception() is not None:
        return None
    transport, handler = connection.transport, connection.protocol
    if not isinstance(handler, ResponseHandler) or transport is None:
        return None
    if type(transport).__module__ not in _KNOWN_TRANSPORTS and not is_proactor(transport):
        return None
    if transport.is_closing() or not transport.is_reading():
        return None
    return BorrowedConnection(response, transport, handler)


def received_bytes(response: aiohttp.ClientResponse) -> int:
    """How much of a response's body aiohttp has received, whether it was read or not."""
    return response.content.total_bytes


def forget_broken_connections(connector: aiohttp.BaseConnector | None) -> None:
    """Take broken connections from a pool that is about to be closed.

    When surplus bytes have broken an idle TLS connection, closing it fails inside aiohttp.
    """
    idle: Iterable[Iterable[tuple[ResponseHandler, float]]]
    idle = getattr(connector, "_conns", {}).values()
    for handler, _ in itertools.chain.from_iterable(idle):
        if not handler.is_connected():
            handler.transport = None


class _SurplusParser:
    """Stands for aiohttp's parser until the next request: every byte is one too many."""

    def feed_data(self, data: bytes) -> tuple[tuple[()], bool, bytes]:
        if data:
            raise aiohttp.ClientPayloadError("surplus")  # aiohttp then closes the connection
        return (), False, b""

    def feed_eof(self) -> None:
        """Accept an orderly end of the connection."""

    def pause_reading(self) -> None:
        """Do nothing: this parser holds no data back."""
