"""One answer to a request: status, headers, and the body as it comes.

Guarantees: an endpoint that brings too little for too long is given up; whatever goes wrong below
comes out as a `TransferError` without secrets, and without the foreign exception as its context,
for that might print them. An answer that was not read to its end takes its connection with it.

Not here: what an answer means (`range_reader`, `document_reader`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TypeVar

import aiohttp

from dlcore.errors import Fault, TransferError
from dlcore.transfer.http.aiohttp_internals import Wire, take
from dlcore.transfer.http.faults import NETWORK_ERRORS, error_of_exception, error_of_status
from dlcore.transfer.http.redaction import redact
from dlcore.transfer.http.stall_timer import Watchdog

Arrived = TypeVar("Arrived")

LEFTOVER_BYTES = 64 << 10  # an error's body up to this is read, to keep the connection


class Answer:
    """Leave it (``with``) to free its connection.

    Args:
        endpoint: Name of the endpoint, for errors.
        response: Its headers have arrived.
        stall_s: Seconds that may pass without progress.
        proxied: Whether there is a proxy between.
        left: Called once when it is left.

    Attributes:
        status: The HTTP status.
        headers: Untrusted text.
    """

    def __init__(
        self,
        endpoint: str,
        response: aiohttp.ClientResponse,
        stall_s: float,
        *,
        proxied: bool,
        left: Callable[[], None],
    ) -> None:
        self.status = response.status
        self.headers = response.headers
        self._endpoint = endpoint
        self._response = response
        self._stall_s = stall_s
        self._proxied = proxied
        self._left = left
        self._watchdog = Watchdog(stall_s, self._give_up)

    def __enter__(self) -> Answer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Release the connection; break it if the body was not read to its end."""
        self._watchdog.stop()
        self._response.close()
        self._left()

    async def read(self) -> bytes:
        """The next bytes of the body as they arrived; empty at its end.

        Raises:
            TransferError: ``STALL`` or ``TRUNCATED``.
        """
        data = await self.arrival(self._next())
        self.arrived(len(data))
        return data

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

    def arrived(self, count_bytes: int) -> None:
        """So much of what is awaited has come."""
        self._watchdog.arrived(count_bytes)

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
            return self.error(Fault.STALL, f"hardly a byte for {self._stall_s:g} s")
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

    @property
    def _request(self) -> str:
        return f"{self._response.method} {redact(str(self._response.url))}"
