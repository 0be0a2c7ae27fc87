"""URLs as they go over the wire: exact, absolute, free of surprises.

Guarantees: what passes is used byte for byte, never quoted again or normalised (yarl would turn
``%2F`` in a signature's query into ``/``); no control characters, spaces, userinfo or
foreign schemes get as far as a request line.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from urllib.parse import quote

from yarl import URL

_UNSAFE = re.compile(r"[^\x21-\x7e]")


@functools.lru_cache(maxsize=1024)
def exact_url(text: str) -> URL:
    """The URL as it stands.

    Raises:
        ValueError: It cannot be requested; the text of the error does not repeat the URL.
    """
    if _UNSAFE.search(text):
        raise ValueError("has a space or a character outside of ASCII")
    try:
        url = URL(text, encoded=True)
        _ = url.port  # a port out of range shows only here
    except ValueError:
        raise ValueError("cannot be read as a URL") from None
    if url.scheme not in {"http", "https"} or not url.raw_host:
        raise ValueError("is not an absolute http or https URL")
    if url.raw_user is not None or url.raw_password is not None:
        raise ValueError("carries a user name or password")
    return url


def is_protected(url: URL) -> bool:
    """Whether a credential may travel there: https, or a loopback host."""
    return url.scheme == "https" or is_loopback(url.raw_host or "")


def is_loopback(host: str) -> bool:
    """Whether the host can only be this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def quote_unsafe(text: str) -> str:
    """Percent-encode only what cannot stand in a request line; all else is left as it is."""
    return _UNSAFE.sub(lambda match: quote(match[0]), text)
