"""Opens connections through an HTTP proxy that wants a login by Negotiate or NTLM.

Such a login counts for the connection, so ``CONNECT`` is sent over it again with each token, which
aiohttp does not do. The proxy looks the server's name up.

Guarantees: a connection through such a proxy serves requests of its own login only. The login is
sent before the tunnel is open, never through it: the server behind it sees nothing of it.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohappyeyeballs
import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler

from dlcore.errors import TransferError
from dlcore.transfer.http.connect_exchange import (
    OPENED,
    ConnectAnswer,
    ConnectError,
    ConnectExchange,
)
from dlcore.transfer.http.connection_login import ConnectionLogin
from dlcore.transfer.http.pinned_connections import (
    ConnectionPin,
    LoginInterruptedError,
    PinnedConnections,
)
from dlcore.transfer.http.presented_accounts import PresentedAccounts
from dlcore.transfer.http.proxies import Proxy
from dlcore.transfer.http.proxy_faults import failed

_DEFAULT_PORT = 80


@dataclass(frozen=True, slots=True)
class Tunnel:
    """The way through one proxy, with one login.

    Attributes:
        endpoint: Whose requests take it.
        proxy: The proxy; its URL is ``http``.
        login: Logs in there.
    """

    endpoint: str
    proxy: Proxy
    login: ConnectionLogin


class TunnelConnector(PinnedConnections, aiohttp.TCPConnector):
    """What opens connections through a proxy.

    Args:
        tunnel: The way.
        accounts: What servers and proxies have said of accounts.
        connect_timeout_s: Seconds after which a proxy that does not answer is given up.
        options: For `aiohttp.TCPConnector`.
    """

    def __init__(
        self, tunnel: Tunnel, accounts: PresentedAccounts, connect_timeout_s: float, **options: Any
    ) -> None:
        super().__init__(resolver=_NoLookup(), use_dns_cache=False, **options)
        self._tunnel = tunnel
        self._accounts = accounts
        self._connect_timeout_s = connect_timeout_s

    async def _wrap_create_connection(
        self, *args: Any, addr_infos: list[Any], **options: Any
    ) -> tuple[asyncio.Transport, ResponseHandler]:
        host, port = addr_infos[0][4][:2]
        opened = await self._open(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
        try:
            return await self._wrap_existing_connection(*args, sock=opened, **options)
        except BaseException:
            opened.close()
            raise

    async def _open(self, target: str) -> socket.socket:
        """A tunnel to a server.

        Raises:
            TransferError: The proxy cannot be reached, or opens none.
            ProxyAuthError: It does not accept this client.
        """
        tunnel, request, pin = self._tunnel, f"CONNECT {target}", ConnectionPin()
        exchange = ConnectExchange(target, self._connect_proxy, pin)

        def failure(reason: str) -> TransferError:
            return failed(tunnel.endpoint, request, tunnel.proxy, reason)

        async def send(more: Mapping[str, str]) -> ConnectAnswer:
            try:
                return await exchange.send(more)
            except ConnectError as error:
                reason = error.strerror or ""
            except LoginInterruptedError:
                reason = "it closed the connection in the middle of the login"
            raise failure(reason)

        try:
            answer, _ = await tunnel.login.send(
                tunnel.endpoint, request, send, self._accounts, is_shared=False, pin=pin
            )
            if answer.status not in OPENED:
                raise failure(f"it answered {answer.status}")
        except BaseException:
            exchange.close()
            raise
        return exchange.taken()

    async def _connect_proxy(self) -> socket.socket:
        parts = urlsplit(self._tunnel.proxy.url)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                found = await loop.getaddrinfo(
                    parts.hostname, parts.port or _DEFAULT_PORT, type=socket.SOCK_STREAM
                )
                return await aiohappyeyeballs.start_connection(found)
        except TimeoutError:
            raise OSError(None, f"no answer within {self._connect_timeout_s:g} s") from None


class _NoLookup(AbstractResolver):
    """Leaves names to the proxy."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The name itself in the place of its address."""
        return [ResolveResult(hostname=host, host=host, port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        """There is nothing to close."""
