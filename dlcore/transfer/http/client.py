"""The only place that speaks HTTP: one endpoint's requests over the shared network.

Guarantees: no redirect is followed, no URL quoted again; a connection that the server closed while
it was idle costs a new one, not an error; an endpoint that does not answer for ``stall_s`` is
given up; whatever goes wrong below comes out as a `TransferError` without secrets, and without the
foreign exception as its context, for that might print them.

Assumes one event loop, and that asking twice does no harm: nothing that is asked here changes
anything at a server. Not here: what comes after the headers (`answer`).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from dlcore.errors import Fault, TransferError
from dlcore.transfer.http.faults import NETWORK_ERRORS, error_of_exception
from dlcore.transfer.http.pool import Network
from dlcore.transfer.http.proxies import proxy_of
from dlcore.transfer.http.redaction import redact
from dlcore.transfer.http.response import Answer
from dlcore.transfer.http.stall_timer import STALL_S
from dlcore.transfer.http.urls import exact_url

_REPEATED_BY_AIOHTTP = frozenset({"GET", "HEAD"})
_STALE = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)


class HttpClient:
    """One endpoint's way to its hosts.

    Args:
        endpoint: Name of the endpoint, for errors.
        network: Shared with other endpoints; one of its own by default.
        ca_file: PEM file of the authorities to trust; empty for the system's store.
        stall_s: Seconds without progress after which a request is given up.
    """

    def __init__(
        self,
        endpoint: str,
        network: Network | None = None,
        *,
        ca_file: str = "",
        stall_s: float = STALL_S,
    ) -> None:
        self.endpoint = endpoint
        self._network = network or Network()
        self._ca_file = ca_file
        self._stall_s = stall_s
        self._closed = False

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        in_turn: bool = False,
    ) -> Answer:
        """Send a request without a body; leave the answer (``with``) to free the connection.

        Args:
            method: The method.
            url: What to ask for, exact.
            headers: More request headers.
            in_turn: Whether it counts towards the bound on its host, and waits if that is reached.

        Raises:
            TransferError: ``CONNECT``, ``STALL``, ``TLS``, or ``REFUSED`` for what is not HTTP.
        """
        target = self._target(method, url)
        if not in_turn:
            return await self._send(method, target, headers, _nothing)
        turns = self._network.turns(target)
        await turns.take()
        try:
            return await self._send(method, target, headers, turns.give_back)
        except BaseException:
            turns.give_back()
            raise

    def _target(self, method: str, url: str) -> URL:
        try:
            return exact_url(url)
        except ValueError as error:
            failure = self._failure(method, url, error)
        raise failure

    async def _send(
        self,
        method: str,
        target: URL,
        headers: Mapping[str, str] | None,
        left: Callable[[], None],
    ) -> Answer:
        session = self._session()
        late = asyncio.timeout(self._stall_s)
        try:
            proxy = proxy_of(target.scheme, target.raw_host or "")
            tls = self._trust(target, proxy)
            async with late:
                response = await _answered(
                    session, method, target, headers=headers, ssl=tls, proxy=proxy
                )
            return Answer(
                self.endpoint, response, self._stall_s, proxied=proxy is not None, left=left
            )
        except NETWORK_ERRORS as error:
            if isinstance(error, aiohttp.ClientConnectorError):
                self._network.forget_address(target)
            failure = self._failure(method, str(target), error, is_late=late.expired())
        raise failure

    def _trust(self, target: URL, proxy: str | None) -> ssl.SSLContext | bool:
        """How to verify; where there is no TLS the authorities are not read, which takes long."""
        if "https" in {target.scheme, urlsplit(proxy or "").scheme}:
            return self._network.trust(self._ca_file)
        return True

    def _session(self) -> aiohttp.ClientSession:
        if self._closed:
            raise TransferError(
                "the endpoint was closed", fault=Fault.CONNECT, endpoint=self.endpoint
            )
        return self._network.session(self)

    def _failure(
        self, method: str, url: str, error: Exception, *, is_late: bool = False
    ) -> TransferError:
        request = f"{method} {redact(url)}"
        if is_late:
            return TransferError(
                f"{request}: no answer for {self._stall_s:g} s",
                fault=Fault.STALL,
                endpoint=self.endpoint,
            )
        return error_of_exception(self.endpoint, request, error, answered=False)

    async def aclose(self) -> None:
        """Ask nothing more; close all connections unless others use the network. Idempotent."""
        self._closed = True
        await self._network.leave(self)


async def _answered(
    session: aiohttp.ClientSession, method: str, target: URL, **options: Any
) -> aiohttp.ClientResponse:
    """The answer's headers; asks again if the connection that was taken is no more."""
    try:
        return await session.request(method, target, allow_redirects=False, **options)
    except _STALE as error:
        if method in _REPEATED_BY_AIOHTTP or isinstance(error, aiohttp.ClientConnectorError):
            raise
    return await session.request(method, target, allow_redirects=False, **options)


def _nothing() -> None:
    """What follows a request that took no turn."""
