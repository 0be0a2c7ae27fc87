"""The connection pool that all endpoints of a process share, with its limit for each host.

Guarantees: at most as many ranges as the host limit are read at once from one host (scheme, name
and port), for all endpoints together. The limit begins at ``max_connections_per_host``, may be
changed, and is lower if the process may not open many files. An idle connection serves the next
request to its host. A host name is looked up once for all connections, and again at once if its
addresses fail. TLS certificates are always verified. Cookies are not kept, bodies are not decoded,
headers are limited.

Connections are opened by the first request, and closed when the last client has left. For one event
loop.
"""

from __future__ import annotations

import ssl
from typing import Any

import aiohttp
from yarl import URL

from dlcore.transfer.http.addresses import (
    Reach,
    no_metadata_socket,
    other_machines_socket,
    public_socket,
)
from dlcore.transfer.http.aiohttp_internals import forget_broken_connections
from dlcore.transfer.http.exchanges import Observe, observer
from dlcore.transfer.http.forgotten_names import ForgettingConnector
from dlcore.transfer.http.headers import COMMON_HEADERS
from dlcore.transfer.http.open_files import max_connections
from dlcore.transfer.http.pinned_connections import PinnedRequest, TcpConnector
from dlcore.transfer.http.presented_accounts import PresentedAccounts
from dlcore.transfer.http.proxies import Proxy
from dlcore.transfer.http.proxy_logins import ProxyLogins
from dlcore.transfer.http.receive_window import ReceiveWindows
from dlcore.transfer.http.semaphore import ResizableSemaphore
from dlcore.transfer.http.socks import socks_connector
from dlcore.transfer.http.tls import ClientCertificate, tls_context
from dlcore.transfer.http.tunnels import Tunnel, TunnelConnector
from dlcore.transfer.policy import TransferPolicy

Way = Reach | Proxy | Tunnel
"""What a session connects to."""

_SOCKET_FACTORIES = {
    Reach.ANY: None,
    Reach.NO_METADATA: no_metadata_socket,
    Reach.OTHER_MACHINES: other_machines_socket,
    Reach.PUBLIC: public_socket,
}


class ConnectionPool:
    """Pass one to all endpoints of a process.

    Args:
        policy: Times and limits, for this pool and for all that use it.

    Attributes:
        policy: Times and limits, for this pool and for all that use it.
        observe: Is told of each exchange; None: nobody is.
        accounts: What servers have said of accounts of Windows.
        windows: How much the servers of each endpoint may have under way.
        proxy_logins: The logins at proxies that want one for each connection.
    """

    def __init__(self, policy: TransferPolicy | None = None) -> None:
        self.policy = policy or TransferPolicy()
        self.observe = observer()
        self.accounts = PresentedAccounts()
        self.windows = ReceiveWindows()
        self.proxy_logins = ProxyLogins(self.policy)
        self._allowed_connections = max_connections()
        self._max_connections = min(self.policy.max_connections_per_host, self._allowed_connections)
        self._host_limits: dict[tuple[str, str, int], ResizableSemaphore] = {}
        self._tls_contexts: dict[tuple[str, ClientCertificate | None], ssl.SSLContext] = {}
        self._clients: set[object] = set()
        self._sessions: dict[Way, aiohttp.ClientSession] = {}

    def tell_exchanges(self, observe: Observe | None) -> None:
        """Tell of each exchange that begins from now on; None: of none."""
        self.observe = observe

    def limit(self, connections: int) -> None:
        """Change the limit of every host at any time; a lower one is reached as ranges end.

        Args:
            connections: Ranges read from one host at once; at least 1.
        """
        self._max_connections = min(connections, self._allowed_connections)
        for semaphore in self._host_limits.values():
            semaphore.resize(self._max_connections)

    def host_limit(self, url: URL) -> ResizableSemaphore:
        """The limit of the host of a URL; a range holds it while it is read."""
        host = (url.scheme, url.raw_host or "", url.port or 0)
        if host not in self._host_limits:
            self._host_limits[host] = ResizableSemaphore(self._max_connections)
        return self._host_limits[host]

    def tls_context(
        self, ca_file: str, certificate: ClientCertificate | None = None
    ) -> ssl.SSLContext:
        """The TLS context for these files; see `dlcore.transfer.http.tls.tls_context`.

        Connections that were opened with one context do not serve another.

        Raises:
            ConfigError: A file cannot be used.
        """
        used = ca_file, certificate
        if used not in self._tls_contexts:
            self._tls_contexts[used] = tls_context(ca_file, certificate)
        return self._tls_contexts[used]

    def join(self, client: object) -> None:
        """Keep connections open until this client, too, has called `leave`."""
        self._clients.add(client)

    def session(self, client: object, way: Way = Reach.ANY) -> aiohttp.ClientSession:
        """The session to send requests with; open until every client has called `leave`.

        Args:
            client: Who asks.
            way: What it may connect to, or the proxy that it connects to, if that speaks SOCKS or
                wants a login for each connection. Sessions of different ways share no connection.

        Raises:
            ConfigError: What speaks SOCKS is not installed.
        """
        self.join(client)
        if way not in self._sessions:
            self._sessions[way] = _new_session(self.policy, way, self.accounts)
        return self._sessions[way]

    def forget_address(self, url: URL) -> None:
        """Look the host of a URL up again at the next connection: its addresses do not answer."""
        for session in self._sessions.values():
            if isinstance(session.connector, ForgettingConnector):
                session.connector.forget(url)

    async def leave(self, client: object) -> None:
        """Close all connections if this was the last client. Idempotent."""
        self._clients.discard(client)
        if self._clients:
            return
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            forget_broken_connections(session.connector)
            await session.close()


def _new_session(
    policy: TransferPolicy, way: Way, accounts: PresentedAccounts
) -> aiohttp.ClientSession:
    # The host limits count ranges only: a renewal must not queue behind ranges.
    common: dict[str, Any] = {"limit": 0, "keepalive_timeout": policy.keepalive_s}
    connector: aiohttp.TCPConnector
    if isinstance(way, Proxy):
        connector = socks_connector(way, **common)
    elif isinstance(way, Tunnel):
        connector = TunnelConnector(way, accounts, policy.connect_timeout_s, **common)
    else:
        connector = TcpConnector(
            ttl_dns_cache=int(policy.name_cache_s), socket_factory=_SOCKET_FACTORIES[way], **common
        )
    return aiohttp.ClientSession(
        connector=connector,
        request_class=PinnedRequest,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        headers=COMMON_HEADERS,
        timeout=aiohttp.ClientTimeout(
            total=None, connect=None, sock_connect=policy.connect_timeout_s, sock_read=None
        ),
        max_line_size=policy.max_header_bytes,
        max_field_size=policy.max_header_bytes,
        max_headers=policy.max_header_count,
    )
