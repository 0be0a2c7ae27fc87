"""URLs that are sent exactly as they were given.

Guarantees: an accepted URL is used byte for byte. It is neither quoted again nor normalized: yarl
would turn a ``%2F`` in a signature's query into ``/``. A URL with control characters, spaces, a
user name or another scheme never gets as far as a request line.
"""

from __future__ import annotations

import functools
import re
from urllib.parse import quote, unquote

from yarl import URL

from dlcore import endpoint_rules

_UNSAFE = re.compile(r"[^\x21-\x7e]")


@functools.lru_cache(maxsize=1024)
def exact_url(text: str) -> URL:
    """Check a URL and keep its spelling.

    Raises:
        ValueError: It cannot be requested. The error's text says why, and does not repeat the URL.
    """
    if _UNSAFE.search(text):
        raise ValueError("has a space or a character outside of ASCII")
    try:
        url = URL(text, encoded=True)
        _ = url.port  # a port that is out of range is noticed only here
    except ValueError:
        raise ValueError("cannot be read as a URL") from None
    if url.scheme not in {"http", "https"} or not url.raw_host:
        raise ValueError("is not an absolute http or https URL")
    if url.raw_user is not None or url.raw_password is not None:
        raise ValueError("contains a user name or password")
    return url


def without_user(text: str) -> tuple[str, str]:
    """Take the user's name out of a URL.

    Returns:
        The URL without it, otherwise in its own spelling, and the name; empty if it has none.

    Raises:
        ValueError: It has a password. The error's text does not repeat the URL.
    """
    scheme, mark, rest = text.partition("://")
    if not mark:
        return text, ""
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    userinfo, at, _ = authority.rpartition("@")
    if not at:
        return text, ""
    if ":" in userinfo:
        raise ValueError("contains a password")
    return f"{scheme}://{rest[len(userinfo) + 1 :]}", unquote(userinfo)


def join_key(base_url: str, key: str) -> str:
    """The URL of a published key below a base URL without a trailing slash."""
    return f"{base_url}/{quote(key)}"


def origin_of(url: URL) -> tuple[str, str, int | None]:
    """Scheme, host and port: what a credential belongs to."""
    return url.scheme, (url.raw_host or "").lower(), url.port


def is_protected(url: URL) -> bool:
    """Whether a credential may be sent there: over https, or to a loopback host."""
    return endpoint_rules.is_protected(url.scheme, url.raw_host or "")


def quote_unsafe(text: str) -> str:
    """Percent-encode only what cannot stand in a request line; leave everything else as it is."""
    return _UNSAFE.sub(lambda match: quote(match[0]), text)
