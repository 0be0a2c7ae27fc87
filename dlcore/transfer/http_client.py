"""The only place that speaks HTTP: one aiohttp session for each endpoint.

Guarantees: TLS is always verified; no redirect is followed, no cookie kept, no body decoded, no
URL quoted again; headers are bounded; an endpoint that sends nothing for ``stall_s`` is given up;
whatever goes wrong below comes out as a `TransferError` without secrets, and without the foreign
exception as its context, for that might print them. An answer that was not read to its end takes
its connection with it.

Assumes one event loop. Not here: what an answer means (`range_reader`, `document_reader`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import TypeVar

import aiohttp
from multidict import CIMultiDictProxy

from dlcore.errors import Fault, TransferError
from dlcore.transfer.faults import NETWORK_ERRORS, error_of_exception, error_of_status
from dlcore.transfer.proxies import proxy_of
from dlcore.transfer.redact import redact
from dlcore.transfer.tls import tls_context
from dlcore.transfer.urls import exact_url
from dlcore.transfer.watchdog import Watchdog
from dlcore.transfer.wire import Wire, forget_broken, take

Arrived = TypeVar("Arrived")

CONNECT_S = 10.0
STALL_S = 20.0
KEEPALIVE_S = 60.0  # connections stay warm between the packages of two steps
HEADER_BYTES = 8190
HEADER_COUNT = 128
LEFTOVER_BYTES = 64 << 10  # an error's body up to this is read, to keep the connection


class Answer:
    """Status and headers of one answer, and its body as it comes."""

    def __init__(
        self,
        endpoint: str,
        request: str,
        response: aiohttp.ClientResponse,
        stall_s: float,
        *,
        proxied: bool,
    ) -> None:
        self._endpoint = endpoint
        self._request = request
        self._response = response
        self._stall_s = stall_s
        self._proxied = proxied
        self._watchdog = Watchdog(stall_s, self._give_up)

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self._response.status

    @property
    def headers(self) -> CIMultiDictProxy[str]:
        """The headers; untrusted text."""
        return self._response.headers

    async def read(self) -> bytes:
        """The next bytes of the body as they arrived; empty at its end.

        Raises:
            TransferError: ``STALL`` or ``TRUNCATED``.
        """
        return await self.arrival(self._next())

    async def _next(self) -> bytes:
        while not self._response.content.at_eof():
            data, _ = await self._response.content.readchunk()
            if data:  # a chunk's end comes without
                return data
        return b""

    async def arrival(self, awaited: Awaitable[Arrived]) -> Arrived:
        """Wait for what the network brings.

        Raises:
            TransferError: ``STALL`` or ``TRUNCATED``.
        """
        self._watchdog.wait_begins()
        try:
            return await awaited
        except NETWORK_ERRORS as error:
            failure = self._failure(error)
        finally:
            self._watchdog.wait_ends()
        raise failure

    def arrived(self) -> None:
        """Some of what is awaited has come: the endpoint is not stalled."""
        self._watchdog.wait_begins()

    def wire(self) -> Wire | None:
        """The connection, to be read by the caller from now on; None where it must not be."""
        return None if self._proxied else take(self._response)

    def _give_up(self) -> None:
        connection = self._response.connection
        if connection and connection.transport:  # one that stalls will not say goodbye either
            connection.transport.abort()
        self._response.close()

    def _failure(self, error: BaseException) -> TransferError:
        if self._watchdog.barked:
            return self.error(Fault.STALL, f"sent nothing for {self._stall_s:g} s")
        return error_of_exception(self._endpoint, self._request, error, answered=True)

    def error(self, fault: Fault, message: str, *, remedy: str = "") -> TransferError:
        """A fault of this answer, to be raised."""
        return TransferError(
            f"{self._request}: {message}", fault=fault, endpoint=self._endpoint, remedy=remedy
        )

    async def refusal(self) -> TransferError:
        """What a status that was not hoped for means, to be raised."""
        left = LEFTOVER_BYTES
        with contextlib.suppress(TransferError):
            while left > 0 and (data := await self.read()):
                left -= len(data)
        return error_of_status(self._endpoint, self._request, self.status, self.headers)

    def close(self) -> None:
        """Release the connection; break it if the body was not read to its end."""
        self._watchdog.stop()
        self._response.close()


class HttpClient:
    """One endpoint's connections.

    Args:
        endpoint: Name of the endpoint, for errors.
        connections: Most ranges to read at once.
        ca_file: PEM file of the authorities to trust; empty for the system's store.
        connect_s: Seconds to wait for a connection.
        stall_s: Seconds without a byte after which an answer is given up.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        connections: int = 4,
        ca_file: str = "",
        connect_s: float = CONNECT_S,
        stall_s: float = STALL_S,
    ) -> None:
        self.endpoint = endpoint
        self.turn = asyncio.Semaphore(connections)
        self._ca_file = ca_file
        self._connect_s = connect_s
        self._stall_s = stall_s
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    @contextlib.asynccontextmanager
    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[Answer]:
        """Send a request without a body; the connection is free again when the block ends.

        Raises:
            TransferError: ``CONNECT``, ``STALL``, ``TLS``, or ``REFUSED`` for what is not HTTP.
        """
        answer = await self._send(f"{method} {redact(url)}", method, url, headers or {})
        try:
            yield answer
        finally:
            answer.close()

    async def _send(
        self, request: str, method: str, url: str, headers: Mapping[str, str]
    ) -> Answer:
        failure: TransferError
        late = asyncio.timeout(self._stall_s)
        try:
            target = exact_url(url)
            proxy = proxy_of(target.scheme, target.raw_host or "")
            async with late:
                response = await self._open_session().request(
                    method, target, headers=headers, allow_redirects=False, proxy=proxy
                )
            return Answer(
                self.endpoint, request, response, self._stall_s, proxied=proxy is not None
            )
        except NETWORK_ERRORS as error:
            if late.expired():
                failure = TransferError(
                    f"{request}: no answer for {self._stall_s:g} s",
                    fault=Fault.STALL,
                    endpoint=self.endpoint,
                )
            else:
                failure = error_of_exception(self.endpoint, request, error, answered=False)
        raise failure

    def _open_session(self) -> aiohttp.ClientSession:
        if self._closed:
            raise TransferError(
                "the endpoint was closed", fault=Fault.CONNECT, endpoint=self.endpoint
            )
        if self._session is None:
            self._session = self._new_session()
        return self._session

    def _new_session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            ssl=tls_context(self._ca_file),
            limit=0,  # `turn` bounds the ranges; a renewal must not queue behind them
            keepalive_timeout=KEEPALIVE_S,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            headers={"Accept-Encoding": "identity", "User-Agent": "dlcore"},
            timeout=aiohttp.ClientTimeout(
                total=None, connect=None, sock_connect=self._connect_s, sock_read=None
            ),
            max_line_size=HEADER_BYTES,
            max_field_size=HEADER_BYTES,
            max_headers=HEADER_COUNT,
        )

    async def aclose(self) -> None:
        """Close all connections. Idempotent."""
        self._closed = True
        session, self._session = self._session, None
        if session is not None:
            forget_broken(session.connector)
            await session.close()
