"""Which proxy leads to a URL, by the environment's or the system's settings.

Read here rather than by aiohttp's ``trust_env``, which would also send ``.netrc`` passwords along
with signed URLs and look the settings up in a thread for each request.
"""

from __future__ import annotations

import functools
from urllib.request import getproxies, proxy_bypass

from dlcore.transfer.http.urls import is_loopback


@functools.lru_cache(maxsize=256)
def proxy_of(scheme: str, host: str) -> str | None:
    """URL of the proxy for a scheme and host, perhaps with a password; None to connect directly."""
    setting = getproxies().get(scheme)
    if setting is None or is_loopback(host) or proxy_bypass(host):
        return None
    return setting if "://" in setting else f"http://{setting}"
