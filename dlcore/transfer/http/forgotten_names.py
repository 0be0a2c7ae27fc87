"""Names of hosts that are to be looked up again, while others wait for what is being found.

aiohttp looks a name up once for all requests that wait for it, and lets them find the addresses in
its cache afterwards. Where a connection fails at once (no network, an address that is refused), the
addresses would be gone from there before all of them had their turn, and aiohttp raises `KeyError`.

Guarantees: a name is forgotten as soon as no request waits for its addresses, and before the next
one gets them.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import aiohttp
from yarl import URL


class ForgettingConnector(aiohttp.TCPConnector):
    """aiohttp's, which can be told at any time that a host's addresses do not answer."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._forgotten: set[tuple[str, int]] = set()
        self._awaited: Counter[tuple[str, int]] = Counter()

    def forget(self, url: URL) -> None:
        """Look the host of a URL up again at the next connection."""
        if url.raw_host and url.port:  # aiohttp's cache has names as they are sent
            self._forgotten.add((url.raw_host, url.port))

    async def _resolve_host(self, host: str, port: int, *args: Any, **options: Any) -> list[Any]:
        """Find the addresses of a host, as aiohttp does."""
        key = host, port
        if key in self._forgotten and not self._awaited[key]:
            self._forgotten.discard(key)
            self.clear_dns_cache(host, port)
        self._awaited[key] += 1
        try:
            return list(await super()._resolve_host(host, port, *args, **options))
        finally:
            self._awaited[key] -= 1
            if not self._awaited[key]:
                del self._awaited[key]
