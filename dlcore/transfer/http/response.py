"""One HTTP response: its status, its headers, and its body as it arrives.

Guarantees: a body that arrives too slowly for too long is given up; if it is decoded, only what it
decodes to counts. Every failure comes out as a `TransferError` without secrets. The exception of
aiohttp is not kept as its context: its text may hold secrets. A response whose body was not
read to the end closes its connection.

Whether a response fits its request is decided in `readers`.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import NamedTuple, TypeVar

import aiohttp
from multidict import CIMultiDictProxy

from dlcore.errors import Fault, TransferError
from dlcore.redaction import redact
from dlcore.transfer.http.aiohttp_internals import (
    BorrowedConnection,
    borrow_connection,
    received_bytes,
)
from dlcore.transfer.http.alerts import error_of_page
from dlcore.transfer.http.content_coding import Gunzip
from dlcore.transfer.http.exchanges import OpenExchange
from dlcore.transfer.http.faults import (
    NETWORK_ERRORS,
    REMEDIES,
    error_of_exception,
    error_of_status,
)
from dlcore.transfer.http.proxies import Proxy
from dlcore.transfer.http.proxy_faults import PROXY_LOGIN_REQUIRED, login_refused
from dlcore.transfer.http.receive_window import ReceiveWindow
from dlcore.transfer.http.redirects import Route
from dlcore.transfer.http.stall_timer import StallTimer
from dlcore.transfer.policy import TransferPolicy

_log = logging.getLogger(__name__)

T = TypeVar("T")


class Redirect(NamedTuple):
    """A redirect that was followed: the URL that was asked, and the headers of the answer."""

    url: str
    headers: CIMultiDictProxy[str]

    def __repr__(self) -> str:
        """Without its target, which may be a credential."""
        return f"<a redirect of {redact(self.url)}>"


class Response:
    """A response whose headers have arrived; leave its context (``with``) to free the connection.

    Args:
        endpoint: Name of the endpoint, for errors.
        raw: The response as aiohttp gives it.
        route: What was asked.
        policy: Times and limits.
        proxy: The proxy that it came through; None if none.
        exchange: Is told what came; None: nobody wants to know.
        window: Hears of the connection while the body comes; None: it is not bounded.
        free: Called when the connection is not used any more; None: nobody waits for that.

    Attributes:
        status: The HTTP status.
        headers: Untrusted text.
        policy: Times and limits.
        redirects: What led here: each URL that was asked, and the headers of its answer.
    """

    def __init__(
        self,
        endpoint: str,
        raw: aiohttp.ClientResponse,
        route: Route,
        policy: TransferPolicy,
        *,
        proxy: Proxy | None,
        exchange: OpenExchange | None = None,
        window: ReceiveWindow | None = None,
        free: Callable[[], None] | None = None,
    ) -> None:
        self.status = raw.status
        self.headers = raw.headers
        self.policy = policy
        self.redirects: tuple[Redirect, ...] = ()
        self._endpoint = endpoint
        self._raw = raw
        self._route = route
        self._proxy = proxy
        self._gunzip: Gunzip | None = None
        self._read_bytes = 0
        self._exchange = exchange
        self._window = window
        self._free = free
        self._socket = _socket_of(raw) if window else None
        self._stall_timer = StallTimer(policy, self._give_up)

    def __enter__(self) -> Response:
        if self._window:
            self._window.began(self._socket)
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, TransferError):
            _log.warning("%s", error)
        self._stall_timer.stop()
        if self._window:
            self._window.ended(self._socket)
        self._raw.close()
        if self._free:
            self._free()
        if self._exchange:
            fault = error.fault if isinstance(error, TransferError) else None
            self._exchange.end(self.status, fault)

    @property
    def url(self) -> str:
        """What was asked in the end."""
        return self._route.url

    def reached_by(self, redirects: Sequence[Redirect]) -> Response:
        """Note what led here."""
        self.redirects = tuple(redirects)
        return self

    async def read(self) -> bytes:
        """The next bytes of the body as they arrive; empty at the end of the body.

        Raises:
            TransferError: ``STALL`` or ``TRUNCATED``; ``REFUSED``: it cannot be decoded.
        """
        if self._gunzip is None:
            return await self._read_raw()
        while not (piece := self._decoded(self._gunzip)):
            data = await self._read_raw()
            if not data:
                if not self._gunzip.is_complete:
                    raise self.error(Fault.TRUNCATED, "the compressed body ended early")
                return b""
            self._gunzip.feed(data)
        self._stall_timer.received(len(piece))
        return piece

    def decode_gzip(self) -> None:
        """Let `read` give what the body decodes to."""
        self._gunzip = Gunzip()

    @property
    def is_coded(self) -> bool:
        """Whether the body is decoded: then lengths in the headers are not those of its content."""
        return self._gunzip is not None

    @property
    def unread_bytes(self) -> int:
        """Bytes of the body that were received and not read; 0 if it is decoded.

        What the system, or TLS, has received besides is not known here.
        """
        return 0 if self._gunzip else received_bytes(self._raw) - self._read_bytes

    async def wait(self, bytes_from_network: Awaitable[T]) -> T:
        """Await something that the network brings, while the stall timer runs.

        Raises:
            TransferError: ``STALL`` or ``TRUNCATED``.
        """
        self._stall_timer.resume()
        try:
            return await bytes_from_network
        except NETWORK_ERRORS as error:
            failure = self._failure(error)
        finally:
            self._stall_timer.pause()
        raise failure

    def received(self, count_bytes: int) -> None:
        """Tell the stall timer that bytes of the body have arrived."""
        self._stall_timer.received(count_bytes)
        self._count(count_bytes)

    def borrow_connection(self) -> BorrowedConnection | None:
        """Take the connection over to read the body from it; None if that is not possible."""
        is_direct = self._proxy is None or self._proxy.is_socks
        connection = borrow_connection(self._raw) if is_direct else None
        if connection:
            self._read_bytes += len(connection.first_bytes)
        return connection

    def is_bounded(self) -> bool:
        """Whether the connection's receive window is bounded now."""
        return self._window is not None and self._window.is_bounded

    def error(self, fault: Fault, message: str, *, remedy: str = "") -> TransferError:
        """An error that names this request, for the caller to raise.

        Args:
            fault: What kind of failure it is.
            message: What happened.
            remedy: What the reader can do; that of `REMEDIES` if empty.
        """
        return TransferError(
            f"{self._request}: {message}",
            fault=fault,
            endpoint=self._endpoint,
            remedy=remedy or REMEDIES[fault],
        )

    async def status_error(self) -> TransferError:
        """What an unexpected status means, for the caller to raise.

        Reads a short body to its end, as `drain`.
        """
        page = await self.drain()
        if self.status == PROXY_LOGIN_REQUIRED and self._proxy:
            return login_refused(self._endpoint, self._request, self._proxy)
        if self.status == HTTPStatus.BAD_REQUEST and (
            told := error_of_page(self._endpoint, self._request, page)
        ):
            return told
        return error_of_status(self._endpoint, self._request, self.status, self.headers)

    async def drain(self) -> bytes:
        """Read a short body to its end, so that the connection is used again; gives its beginning.

        No part of it may be repeated to people: a server can write there what it was sent.
        """
        left_bytes = self.policy.max_drained_bytes
        beginning = b""
        with contextlib.suppress(TransferError):
            while left_bytes > 0 and (data := await self.read()):
                left_bytes -= len(data)
                beginning = beginning or data
        return beginning

    async def _read_raw(self) -> bytes:
        data = await self.wait(self._next_chunk())
        self._read_bytes += len(data)
        if self._gunzip is None:
            self._stall_timer.received(len(data))
        self._count(len(data))
        return data

    def _count(self, count_bytes: int) -> None:
        if self._exchange:
            self._exchange.received(count_bytes)

    def _decoded(self, gunzip: Gunzip) -> bytes:
        try:
            return gunzip.take()
        except ValueError as error:
            failure = self.error(Fault.REFUSED, str(error))
        raise failure

    async def _next_chunk(self) -> bytes:
        while not self._raw.content.at_eof():
            data, _ = await self._raw.content.readchunk()
            if data:  # the end of an HTTP chunk may come without data
                return data
        return b""

    def _give_up(self) -> None:
        connection = self._raw.connection
        if connection and connection.transport:  # closing in order would wait for the peer
            connection.transport.abort()
        self._raw.close()

    def _failure(self, error: BaseException) -> TransferError:
        if self._stall_timer.has_expired:
            return self.error(
                Fault.STALL,
                f"less than {self.policy.min_bytes_per_s} bytes/s "
                f"arrived for {self.policy.stall_s:g} s",
            )
        return error_of_exception(self._endpoint, self._request, error, has_headers=True)

    @property
    def _request(self) -> str:
        return f"{self._raw.method} {self._route}"


def _socket_of(raw: aiohttp.ClientResponse) -> object:
    """The socket over which the body comes; None if it has arrived with the headers."""
    connection = raw.connection
    transport = connection.transport if connection else None
    return transport.get_extra_info("socket") if transport else None
