"""Connections that carry a login, and that only requests of this login get.

NTLM authenticates a connection, not a request: whoever is handed such a connection speaks as its
user. aiohttp's pool knows nothing of that. So each request with a login holds a *pin*, and aiohttp
is told that connections of different pins are of different kinds.

Guarantees: a connection that was opened under a pin serves requests under this pin only, one at a
time. While a handshake is under way, what belongs to it goes over the connection on which it was
begun, or is not sent. The pin that was given back last is taken first, so that there are as few
connections as requests at a time.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any, Protocol, cast

import aiohttp
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.connector import Connection

from dlcore.transfer.http.forgotten_names import ForgettingConnector


class LoginInterruptedError(aiohttp.ClientConnectionError):
    """The connection on which a handshake was begun is gone. Nothing was sent over another."""


class Closable(Protocol):
    """A connection, as far as a login is about it."""

    def close(self) -> None:
        """Close it."""


class ConnectionPin:
    """One connection at a time, for one login.

    Attributes:
        certificate: What the server of the connection showed, in DER; None without TLS.
        is_authenticated: Whether the connection that the last request used carries the login.
    """

    def __init__(self) -> None:
        self.certificate: bytes | None = None
        self.is_authenticated = False
        self._used: Closable | None = None
        self._has_begun = False

    def begin(self) -> None:
        """The server has answered the first token: the rest belongs to the same connection."""
        self._has_begun = True

    def end(self, *, is_authenticated: bool) -> None:
        """The handshake has ended."""
        self._has_begun = False
        self.is_authenticated = is_authenticated

    def break_off(self) -> None:
        """Close the connection if the handshake has begun there and not ended.

        A server that still waits for the next token could take the first one of another handshake
        for it, and refuse the login.
        """
        if self._has_begun and self._used is not None:
            self._used.close()
        self.end(is_authenticated=False)

    def connected(self, connection: Connection) -> None:
        """Note which connection a request gets, before anything of it is sent.

        Raises:
            LoginInterruptedError: It is another one than that of the handshake.
        """
        protocol = connection.protocol
        if protocol is self._used:
            return
        assert protocol is not None, "it is not closed yet"
        try:
            self.moved(protocol)
        except LoginInterruptedError:
            connection.close()
            raise
        transport = connection.transport
        tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object") if transport else None
        self.certificate = tls.getpeercert(binary_form=True) if tls else None

    def moved(self, connection: Closable) -> None:
        """Note that the next request goes over another connection.

        Raises:
            LoginInterruptedError: A handshake was begun on the one before.
        """
        if self._has_begun:
            raise LoginInterruptedError
        self._used = connection
        self.is_authenticated = False


class ConnectionPins:
    """The pins of one login."""

    def __init__(self) -> None:
        self._free: list[ConnectionPin] = []

    def take(self) -> ConnectionPin:
        """A pin that no other request holds."""
        return self._free.pop() if self._free else ConnectionPin()

    def give_back(self, pin: ConnectionPin) -> None:
        """The request has ended, and with it the use of its connection."""
        self._free.append(pin)


_held: ContextVar[ConnectionPin | None] = ContextVar("dlcore.pinned_connections.held", default=None)


@contextlib.contextmanager
def holding(pin: ConnectionPin) -> Iterator[None]:
    """Send what is requested inside over the connection of this pin."""
    token = _held.set(pin)
    try:
        yield
    finally:
        _held.reset(token)


class PinnedRequest(aiohttp.ClientRequest):
    """A request that says which pin it holds; without one it is as any other."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self.pin = _held.get()
        super().__init__(*args, **options)

    @property
    def connection_key(self) -> ConnectionKey:
        """What tells apart connections that must not serve each other's requests."""
        key = super().connection_key
        # aiohttp compares and hashes the whole key, and has no field for what its users add to it.
        # `proxy_headers_hash` is free: it has a value only with `proxy_headers`, which dlcore never
        # gives. The pin itself stands there, and not a number made of it, which could be that of
        # another pin; two pins are never equal.
        return key._replace(proxy_headers_hash=cast("Any", self.pin)) if self.pin else key


class PinnedConnections(aiohttp.BaseConnector):
    """Tells the pin of a request which connection it gets; for a connector to inherit first."""

    async def connect(self, req: aiohttp.ClientRequest, *args: Any, **options: Any) -> Connection:
        """As aiohttp; see `ConnectionPin.connected` for what it raises."""
        connection = await super().connect(req, *args, **options)
        if isinstance(req, PinnedRequest) and req.pin:
            req.pin.connected(connection)
        return connection


class TcpConnector(PinnedConnections, ForgettingConnector):
    """aiohttp's, with pins, and with names that can be forgotten."""
