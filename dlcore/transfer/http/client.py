"""Sends the HTTP requests of one endpoint through the shared connection pool.

Guarantees: a URL is sent exactly as given. Redirects are followed only by a client that was made
so (`following`); to all others they are errors. If the server closed an idle connection, the
request is sent again on a new one and no error is raised. An endpoint that sends no response
headers for ``stall_s`` is given up. Every failure comes out as a `TransferError` without secrets.
The exception of aiohttp is not kept as its context: its text may hold secrets.

Assumes one event loop, and that a request may be repeated: none of them changes anything at a
server. What follows the headers is in `response`.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import ssl
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from dlcore.errors import Fault, TransferError
from dlcore.transfer.http.addresses import (
    METADATA_REFUSED,
    AddressRefusedError,
    Reach,
    is_metadata_host,
    narrower,
)
from dlcore.transfer.http.connection_login import ConnectionLogin
from dlcore.transfer.http.exchanges import OpenExchange
from dlcore.transfer.http.faults import NETWORK_ERRORS, REMEDIES, error_of_exception
from dlcore.transfer.http.following import Following
from dlcore.transfer.http.passages import Passage
from dlcore.transfer.http.pool import ConnectionPool
from dlcore.transfer.http.proxies import Proxies, Proxy
from dlcore.transfer.http.proxy_faults import error_of_proxy, script_failed
from dlcore.transfer.http.proxy_logins import ProxyAuthentication
from dlcore.transfer.http.proxy_script import ProxyScriptError
from dlcore.transfer.http.redirect_memory import RedirectMemory
from dlcore.transfer.http.redirects import Route
from dlcore.transfer.http.response import Response
from dlcore.transfer.http.semaphore import ResizableSemaphore
from dlcore.transfer.http.tls import ClientCertificate
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
        reach: Which addresses to connect to. A proxy looks the names up itself, so behind one it is
            the proxy that decides.
        follows_redirects: Whether redirects are followed.
        certificate: What this client shows to the one server that it is for.
        proxies: Which proxy to use for a host; as the environment says if None.
        login: Logs in at the one server that it is for, if that wants a login for each connection.
        proxy_authentication: How to log in at proxies that want a login for each connection; None:
            each request carries the login.

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
        reach: Reach = Reach.ANY,
        follows_redirects: bool = False,
        certificate: ClientCertificate | None = None,
        proxies: Proxies | None = None,
        login: ConnectionLogin | None = None,
        proxy_authentication: ProxyAuthentication | None = None,
    ) -> None:
        self.endpoint = endpoint
        self._pool = pool or ConnectionPool()
        self.policy = self._pool.policy
        self._ca_file = ca_file
        self._reach = reach
        self._certificate = certificate
        self._proxies = proxies or Proxies()
        self._login = login
        self._proxy_authentication = proxy_authentication
        memory = RedirectMemory(self.policy) if follows_redirects else None
        self._following = Following(endpoint, self._send, memory) if memory else None
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
                HTTP, a redirect must not be followed, or the URL cannot be sent.
        """
        self._target(method, url)
        try:
            if self._following:
                return await self._following.request(method, url, headers or {})
            return await self._send(method, Route((url,)), headers or {})
        except TransferError as error:
            _log.warning("%s", error)
            raise

    def host_limit(self, url: str) -> ResizableSemaphore:
        """The limit of the URL's host; a range holds it (``async with``) while it is read.

        Raises:
            TransferError: ``REFUSED``: the URL cannot be sent.
        """
        asked = self._following.url(url) if self._following else url
        return self._pool.host_limit(self._target("GET", asked))

    async def aclose(self) -> None:
        """Refuse further requests; close the connections unless others use the pool. Idempotent."""
        self._is_closed = True
        await self._pool.leave(self)

    def _target(self, method: str, url: str) -> URL:
        try:
            return exact_url(url)
        except ValueError as error:
            failure = self._failure(method, Route((url,)), error)
        _log.warning("%s", failure)
        raise failure

    async def _send(self, method: str, route: Route, headers: Mapping[str, str]) -> Response:
        target = exact_url(route.url)
        self._check_metadata(method, route, target)
        passage = await self._passage(method, route, target)
        login = passage.login(self._login_for(route), f"{method} {route}")
        exchange = self._exchange(method, route)
        send = functools.partial(self._send_once, method, route, target, passage, headers)
        free: Callable[[], None] | None = None
        try:
            if login is None:
                raw = await send()
            else:
                is_shared = passage.is_shared and not login.side.is_proxy
                raw, free = await login.send(
                    self.endpoint,
                    f"{method} {route}",
                    send,
                    self._pool.accounts,
                    is_shared=is_shared,
                )
        except BaseException as error:
            if exchange:
                exchange.end(None, error.fault if isinstance(error, TransferError) else None)
            raise
        return Response(
            self.endpoint,
            raw,
            route,
            self.policy,
            proxy=passage.proxy,
            exchange=exchange,
            window=self._pool.windows.of(self.endpoint),
            free=free,
        )

    async def _send_once(
        self,
        method: str,
        route: Route,
        target: URL,
        passage: Passage,
        headers: Mapping[str, str],
        more: Mapping[str, str] | None = None,
    ) -> aiohttp.ClientResponse:
        """Send a request, with ``more`` headers, and wait for those of the response."""
        timeout = asyncio.timeout(self.policy.stall_s)
        is_logged = _log.isEnabledFor(logging.DEBUG)
        if is_logged:
            self._log_exchange(method, route, "is sent")
        proxy = passage.proxy
        session = self._session(route, passage)
        sent = {**headers, **more} if more else headers
        options: dict[str, Any] = {"headers": sent, "ssl": self._tls(route, target, proxy)}
        options |= passage.options
        try:
            async with timeout:
                raw = await _send_again_if_stale(session, method, target, **options)
        except NETWORK_ERRORS as error:
            if isinstance(error, aiohttp.ClientConnectorError):
                self._pool.forget_address(target)
            failure = self._failure(
                method, route, _unwrapped(error), has_timed_out=timeout.expired(), proxy=proxy
            )
        else:
            if is_logged:
                self._log_exchange(method, route, f"was answered {raw.status}")
            return raw
        raise failure

    def _login_for(self, route: Route) -> ConnectionLogin | None:
        """The login, for requests that never left its origin."""
        login = self._login
        return login if login and route.is_within(login.origin) else None

    def _exchange(self, method: str, route: Route) -> OpenExchange | None:
        if self._pool.observe is None:
            return None
        now_s = asyncio.get_running_loop().time
        return OpenExchange(self._pool.observe, self.endpoint, method, route.shown_url, now_s)

    @property
    def unused_script(self) -> str:
        """The system's proxy script and why it is not used, for people; empty for none."""
        return self._proxies.unused_script

    async def proxy_for(self, target: URL) -> tuple[Proxy, str] | None:
        """The proxy that leads to a URL, and where it is set; None to connect directly.

        Raises:
            ConfigError: The proxy's setting cannot be used.
            TransferError: The script that names the proxy does not tell.
        """
        proxy = (await self._passage("HEAD", Route((str(target),)), target)).proxy
        return (proxy, self._proxies.source_for(target.scheme)) if proxy else None

    def _reach_of(self, route: Route) -> Reach:
        return narrower(self._reach, route.reach)

    def _check_metadata(self, method: str, route: Route, target: URL) -> None:
        """Refuse a metadata service that another server named, also if a proxy would ask it."""
        if is_metadata_host(target.raw_host or "") and self._reach_of(route) is not Reach.ANY:
            raise self._failure(method, route, AddressRefusedError(METADATA_REFUSED))

    def _tls(self, route: Route, target: URL, proxy: Proxy | None) -> ssl.SSLContext | bool:
        """The TLS context. It is made for https only, because reading the authorities is slow.

        A request that another server led to the certificate's own one does not show it.
        """
        if target.scheme == "https":
            own = self._certificate
            is_own = own is not None and route.is_within(own.origin)
            return self._pool.tls_context(self._ca_file, own if is_own else None)
        if proxy and urlsplit(proxy.url).scheme == "https":
            return self._pool.tls_context(self._ca_file)
        return True

    async def _passage(self, method: str, route: Route, target: URL) -> Passage:
        try:
            proxy = await self._proxies.way_to(target.scheme, target.raw_host or "")
        except ProxyScriptError as error:
            source = self._proxies.source_for(target.scheme)
            failure = script_failed(self.endpoint, f"{method} {route}", source, str(error))
            raise failure from None
        how, login = self._proxy_authentication, None
        if proxy and how:
            login = self._pool.proxy_logins.of(proxy, how)
        return Passage(self.endpoint, target.scheme == "https", proxy, login)

    def _session(self, route: Route, passage: Passage) -> aiohttp.ClientSession:
        if self._is_closed:
            raise TransferError(
                "the endpoint was closed", fault=Fault.CONNECT, endpoint=self.endpoint
            )
        return self._pool.session(self, passage.session_way(self._reach_of(route)))

    def _failure(
        self,
        method: str,
        route: Route,
        error: Exception,
        *,
        has_timed_out: bool = False,
        proxy: Proxy | None = None,
    ) -> TransferError:
        request = f"{method} {route}"
        if has_timed_out:
            return TransferError(
                f"{request}: no response within {self.policy.stall_s:g} s",
                fault=Fault.STALL,
                endpoint=self.endpoint,
                remedy=REMEDIES[Fault.STALL],
            )
        by_proxy = error_of_proxy(self.endpoint, request, error, proxy) if proxy else None
        return by_proxy or error_of_exception(self.endpoint, request, error, has_headers=False)

    def _log_exchange(self, method: str, route: Route, event: str) -> None:
        _log.debug("%s: %s %s %s", self.endpoint, method, route, event)


def _unwrapped(error: Exception) -> Exception:
    """What aiohttp wraps without a word of its own: an error on the way to or behind a proxy."""
    is_wrapper = type(error) is aiohttp.ClientOSError
    return error.__cause__ if is_wrapper and isinstance(error.__cause__, OSError) else error


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
