"""The way of a request: direct, or through a proxy, where this client may have to log in."""

from __future__ import annotations

from typing import Any, NamedTuple

from yarl import URL

from dlcore.errors import AuthError, Fault
from dlcore.transfer.http.addresses import Reach
from dlcore.transfer.http.connection_login import ConnectionLogin
from dlcore.transfer.http.proxies import Proxy
from dlcore.transfer.http.tunnels import Tunnel


class Passage(NamedTuple):
    """One way.

    Attributes:
        endpoint: Name of the endpoint.
        is_tls: Whether the server is reached by https.
        proxy: The proxy; None if there is none.
        proxy_login: Logs connections in at the proxy; None if each request carries the login.
    """

    endpoint: str
    is_tls: bool
    proxy: Proxy | None = None
    proxy_login: ConnectionLogin | None = None

    def session_way(self, reach: Reach) -> Reach | Proxy | Tunnel:
        """What tells apart sessions that share no connection.

        Args:
            reach: What may be reached without a proxy.
        """
        if self.proxy is None:
            return reach
        if self.proxy.is_socks:
            return self.proxy
        if self.proxy_login and self.is_tls:
            return Tunnel(self.endpoint, self.proxy, self.proxy_login)
        return Reach.ANY

    @property
    def options(self) -> dict[str, Any]:
        """What aiohttp is told of the proxy with each request; must not be shown."""
        if self.proxy is None or self.proxy.is_socks:
            return {}
        if self.proxy_login:
            return {} if self.is_tls else {"proxy": URL(self.proxy.url)}
        return {"proxy": self.proxy.url_with_login}

    @property
    def is_shared(self) -> bool:
        """Whether a proxy may send requests of several clients over one connection."""
        return self.proxy is not None and not self.proxy.is_socks and not self.is_tls

    def login(self, server: ConnectionLogin | None, request: str) -> ConnectionLogin | None:
        """What logs in at the connection that a request is sent over.

        Args:
            server: What logs in at the server; None if nothing has to.
            request: Method and redacted URL, for errors.

        Raises:
            AuthError: Both want to log the same connection in.
        """
        if self.proxy_login is None or self.is_tls:  # a tunnel is logged in when it is opened
            return server
        if server is None:
            return self.proxy_login
        raise AuthError(
            f"{request}: the server and the proxy both want to log the connection in, and"
            " without TLS they share it",
            fault=Fault.AUTH,
            endpoint=self.endpoint,
            remedy="Use an https URL, or except the server from the proxy (NO_PROXY).",
        )
