"""What all endpoints of a process share: connections, name lookups, the bound on each host.

Guarantees: at most so many ranges are read from one host (scheme, name and port) at once,
whichever endpoints they are for. Connections stay warm for `KEEPALIVE_S` and serve whoever asks
next; a name is looked up once in `LOOKUP_S`, and again at once when its addresses fail. TLS is
always verified; no cookie is kept, no body decoded, headers are bounded.

Opened by the first request, closed when the last endpoint that made one closes. For one event
loop.
"""

from __future__ import annotations

import ssl

import aiohttp
from yarl import URL

from dlcore.transfer.http.aiohttp_internals import forget_broken
from dlcore.transfer.http.asking import HEADERS
from dlcore.transfer.http.semaphore import Turns
from dlcore.transfer.http.tls import tls_context

MAX_CONNECTIONS = 256
CONNECT_S = 10.0
KEEPALIVE_S = 60.0  # warm between the packages of two steps; before a firewall forgets them
LOOKUP_S = 60.0
HEADER_BYTES = 8190
HEADER_COUNT = 128


class Network:
    """Pass one to all endpoints of a process.

    Args:
        max_connections: Most ranges to read from one host at once.
    """

    def __init__(self, max_connections: int = MAX_CONNECTIONS) -> None:
        self._most = max_connections
        self._hosts: dict[tuple[str, str, int], Turns] = {}
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._users: set[object] = set()
        self._session: aiohttp.ClientSession | None = None

    def limit(self, max_connections: int) -> None:
        """Change the bound on each host, at any time: a lower one as ranges end."""
        self._most = max_connections
        for turns in self._hosts.values():
            turns.limit(max_connections)

    def turns(self, url: URL) -> Turns:
        """The bound on the host of a URL."""
        host = (url.scheme, url.raw_host or "", url.port or 0)
        found = self._hosts.get(host)
        if found is None:
            found = self._hosts[host] = Turns(self._most)
        return found

    def trust(self, ca_file: str) -> ssl.SSLContext:
        """How to verify: see `dlcore.transfer.http.tls.tls_context`."""
        found = self._contexts.get(ca_file)
        if found is None:
            found = self._contexts[ca_file] = tls_context(ca_file)
        return found

    def session(self, user: object) -> aiohttp.ClientSession:
        """The connections, for as long as the user does not `leave`."""
        self._users.add(user)
        if self._session is None:
            self._session = _new_session()
        return self._session

    def forget_address(self, url: URL) -> None:
        """Nobody answers there: look the host of a URL up again next time."""
        connector = self._session.connector if self._session else None
        if isinstance(connector, aiohttp.TCPConnector) and url.host and url.port:
            connector.clear_dns_cache(url.host, url.port)

    async def leave(self, user: object) -> None:
        """Close all connections if this was the last user. Idempotent."""
        self._users.discard(user)
        if self._users or self._session is None:
            return
        session, self._session = self._session, None
        forget_broken(session.connector)
        await session.close()


def _new_session() -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(
        limit=0,  # turns bound the ranges; a renewal must not queue behind them
        keepalive_timeout=KEEPALIVE_S,
        ttl_dns_cache=int(LOOKUP_S),
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        headers=HEADERS,
        timeout=aiohttp.ClientTimeout(
            total=None, connect=None, sock_connect=CONNECT_S, sock_read=None
        ),
        max_line_size=HEADER_BYTES,
        max_field_size=HEADER_BYTES,
        max_headers=HEADER_COUNT,
    )
