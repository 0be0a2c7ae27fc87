"""Which proxy to use for a host, from the environment or the system's settings.

aiohttp's ``trust_env`` is not used: it would also send passwords from ``.netrc`` along with signed
URLs, and look the settings up in a thread for each request.
"""

from __future__ import annotations

import functools
from urllib.request import getproxies, proxy_bypass

from dlcore.transfer.http.urls import is_loopback


@functools.lru_cache(maxsize=256)
def proxy_of(scheme: str, host: str) -> str | None:
    """The proxy's URL, which may hold a password; None to connect directly."""
    setting = getproxies().get(scheme)
    if setting is None or is_loopback(host) or proxy_bypass(host):
        return None
    return setting if "://" in setting else f"http://{setting}"
