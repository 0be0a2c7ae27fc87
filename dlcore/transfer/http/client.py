"""Sends the HTTP requests of one endpoint through the shared connection pool.

Guarantees: redirects are not followed, and a URL is sent exactly as given. If the server closed an
idle connection, the request is sent again on a new one and no error is raised. An endpoint that
sends no response headers for ``stall_s`` is given up. Every failure comes out as a `TransferError`
without secrets. The exception of aiohttp is not kept as its context, for its text may hold secrets.

Assumes one event loop, and that a request may be repeated: none of them changes anything at a
server. What follows the headers is in `response`.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from dlcore.errors import Fault, TransferError
from dlcore.transfer.http.faults import NETWORK_ERRORS, REMEDIES, error_of_exception
from dlcore.transfer.http.pool import ConnectionPool
from dlcore.transfer.http.proxies import proxy_of
from dlcore.transfer.http.redaction import redact
from dlcore.transfer.http.response import Response
from dlcore.transfer.http.semaphore import ResizableSemaphore
from dlcore.transfer.http.urls import exact_url

_log = logging.getLogger(__name__)

_RESENT_BY_AIOHTTP = frozenset({"GET", "HEAD"})
_STALE_CONNECTION = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)


class HttpClient:
    """The client of one endpoint, for all of its hosts.

    Args:
        endpoint: Name of the endpoint, for errors and logs.
        pool: Shared with other endpoints; a new one if None.
        ca_file: PEM file of the authorities to trust; empty for the system's store.
        only_public: Whether to connect to public addresses only. A proxy looks the names up itself,
            so behind one it is the proxy that decides.

    Attributes:
        endpoint: Name of the endpoint.
        policy: Times and limits: those of the pool.
    """

    def __init__(
        self,
        endpoint: str,
        pool: ConnectionPool | None = None,
        *,
        ca_file: str = "",
        only_public: bool = False,
    ) -> None:
        self.endpoint = endpoint
        self._pool = pool or ConnectionPool()
        self.policy = self._pool.policy
        self._ca_file = ca_file
        self._only_public = only_public
        self._is_closed = False

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Send a request without a body and wait for the headers of its response.

        Args:
            method: The HTTP method.
            url: Sent exactly as given.
            headers: Further request headers.

        Returns:
            The response. Leave its context (``with``) to free the connection.

        Raises:
            TransferError: ``CONNECT``, ``STALL``, ``TLS``, or ``REFUSED`` if the response is not
                HTTP or the URL cannot be sent.
        """
        target = self._target(method, url)
        try:
            return await self._send(method, target, headers)
        except TransferError as error:
            _log.warning("%s", error)
            raise

    def host_limit(self, url: str) -> ResizableSemaphore:
        """The limit of the URL's host; a range holds it (``async with``) while it is read.

        Raises:
            TransferError: ``REFUSED``: the URL cannot be sent.
        """
        return self._pool.host_limit(self._target("GET", url))

    async def aclose(self) -> None:
        """Refuse further requests; close the connections unless others use the pool. Idempotent."""
        self._is_closed = True
        await self._pool.leave(self)

    def _target(self, method: str, url: str) -> URL:
        try:
            return exact_url(url)
        except ValueError as error:
            failure = self._failure(method, url, error)
        _log.warning("%s", failure)
        raise failure

    async def _send(self, method: str, target: URL, headers: Mapping[str, str] | None) -> Response:
        timeout = asyncio.timeout(self.policy.stall_s)
        is_logged = _log.isEnabledFor(logging.DEBUG)
        if is_logged:
            self._log_exchange(method, target, "is sent")
        try:
            proxy = proxy_of(target.scheme, target.raw_host or "")
            session = self._session(only_public=self._only_public and proxy is None)
            tls = self._tls(target, proxy)
            async with timeout:
                raw = await _send_again_if_stale(
                    session, method, target, headers=headers, ssl=tls, proxy=proxy
                )
        except NETWORK_ERRORS as error:
            if isinstance(error, aiohttp.ClientConnectorError):
                self._pool.forget_address(target)
            failure = self._failure(method, str(target), error, has_timed_out=timeout.expired())
        else:
            if is_logged:
                self._log_exchange(method, target, f"was answered {raw.status}")
            return Response(self.endpoint, raw, self.policy, is_proxied=proxy is not None)
        raise failure

    def _tls(self, target: URL, proxy: str | None) -> ssl.SSLContext | bool:
        """The TLS context. It is made for https only, because reading the authorities is slow."""
        if "https" in {target.scheme, urlsplit(proxy or "").scheme}:
            return self._pool.tls_context(self._ca_file)
        return True

    def _session(self, *, only_public: bool) -> aiohttp.ClientSession:
        if self._is_closed:
            raise TransferError(
                "the endpoint was closed", fault=Fault.CONNECT, endpoint=self.endpoint
            )
        return self._pool.session(self, only_public=only_public)

    def _failure(
        self, method: str, url: str, error: Exception, *, has_timed_out: bool = False
    ) -> TransferError:
        request = f"{method} {redact(url)}"
        if has_timed_out:
            return TransferError(
                f"{request}: no response within {self.policy.stall_s:g} s",
                fault=Fault.STALL,
                endpoint=self.endpoint,
                remedy=REMEDIES[Fault.STALL],
            )
        return error_of_exception(self.endpoint, request, error, has_headers=False)

    def _log_exchange(self, method: str, target: URL, event: str) -> None:
        _log.debug("%s: %s %s %s", self.endpoint, method, redact(str(target)), event)


async def _send_again_if_stale(
    session: aiohttp.ClientSession, method: str, target: URL, **options: Any
) -> aiohttp.ClientResponse:
    """Send a request and wait for the response's headers.

    The pooled connection may have been closed by the server meanwhile. aiohttp itself then sends
    GET and HEAD again; all other methods are sent again here.
    """
    try:
        return await session.request(method, target, allow_redirects=False, **options)
    except _STALE_CONNECTION as error:
        if method in _RESENT_BY_AIOHTTP or isinstance(error, aiohttp.ClientConnectorError):
            raise
        _log.warning("%s: the connection was closed; sending %s again", target.raw_host, method)
    return await session.request(method, target, allow_redirects=False, **options)
