"""The connection below an answer, taken out of aiohttp's hands for the time of a body.

The only place that knows aiohttp's inside. Guarantees: nothing is taken unless aiohttp, the
event loop and the connection are as this module knows them; what aiohttp had already read of the
body is handed over with the connection; a connection that is given back is free for the next
request, and one that brings bytes which nobody asked for is closed, not used again.

Assumes a body of known length, in no coding.
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

# Those of asyncio's Proactor loop would place bytes after a pause; others are not known.
_TRANSPORTS = frozenset({"asyncio.selector_events", "asyncio.sslproto", "uvloop.loop"})
HEAD_BYTES = 16 << 10  # room for a head of the longest allowed, and little else
_INSIDE = {
    ResponseHandler: ("_parser", "connection_lost", "data_received", "set_response_params"),
    aiohttp.StreamReader: ("exception", "feed_eof", "is_eof", "read_nowait"),
    aiohttp.ClientResponse: ("connection", "content"),
}


@functools.cache
def aiohttp_is_known() -> bool:
    """Whether aiohttp has the inside that this module was written for."""
    return all(hasattr(kind, name) for kind, names in _INSIDE.items() for name in names)


class Wire:
    """A connection in the middle of a body.

    Attributes:
        transport: The connection, paused.
        head: What aiohttp had read of the body.
        handler: aiohttp's protocol; must hear of everything that is not body.
        tls: Holds what arrived and was not asked for, even after the connection has ended.
        socket: As the event loop shows it.
    """

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        transport: asyncio.Transport,
        handler: ResponseHandler,
    ) -> None:
        self.transport = transport
        self.head = response.content.read_nowait()  # resumes reading
        transport.pause_reading()
        self.handler = handler
        self.tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        self.socket: object = transport.get_extra_info("socket")
        self._content = response.content

    def give_back(self) -> None:
        """Let aiohttp have the connection again, for the whole body was read."""
        self.handler._parser = cast("Any", _NothingMore())
        self.transport.set_protocol(self.handler)
        if hasattr(self.transport, "max_size"):  # what aiohttp reads with a head is copied twice
            self.transport.max_size = HEAD_BYTES

    def break_off(self) -> None:
        """Break the connection, unless somebody has: the TLS of Python 3.11.2 fails at it twice."""
        if not self.transport.is_closing():
            self.transport.abort()

    async def finish(self) -> None:
        """Tell aiohttp that the answer is complete, once surplus had the time to show."""
        await asyncio.sleep(0)
        self._content.feed_eof()


def take(response: aiohttp.ClientResponse) -> Wire | None:
    """The connection below an answer whose headers have been read.

    Returns:
        None if it must stay where it is: all of the body has arrived, it is broken or held back,
        or not of a known kind.
    """
    connection, content = response.connection, response.content
    if connection is None or content.is_eof() or content.exception() is not None:
        return None
    transport, handler = connection.transport, connection.protocol
    if type(handler) is not ResponseHandler or type(transport).__module__ not in _TRANSPORTS:
        return None
    if transport is None or transport.is_closing() or not transport.is_reading():
        return None
    return Wire(response, transport, handler)


def forget_broken(connector: aiohttp.BaseConnector | None) -> None:
    """Take the transport from idle connections that are no more.

    One that the server broke by surplus bytes over TLS lets aiohttp's own closing fail.
    """
    idle: Iterable[Iterable[tuple[ResponseHandler, float]]]
    idle = getattr(connector, "_conns", {}).values()
    for handler, _ in itertools.chain.from_iterable(idle):
        if not handler.is_connected():
            handler.transport = None


class _NothingMore:
    """Stands for aiohttp's parser between two answers: every byte is surplus."""

    def feed_data(self, data: bytes) -> tuple[tuple[()], bool, bytes]:
        if data:
            raise aiohttp.ClientPayloadError("surplus")  # aiohttp closes the connection
        return (), False, b""

    def feed_eof(self) -> None:
        """The connection ends in order."""

    def pause_reading(self) -> None:
        """There is nothing to hold back."""
