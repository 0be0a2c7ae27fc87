"""What a request says: which object, which bytes of it, and in what form."""

from __future__ import annotations

from urllib.parse import quote

from dlcore.model import object_key

HEADERS = {"Accept-Encoding": "identity", "User-Agent": "dlcore"}
"""Of every request."""


def published_url(base_url: str, key: str) -> str:
    """The URL of what is published below another under that key."""
    return f"{base_url}/{quote(key)}"


def object_url(base_url: str, name: str) -> str:
    """The URL of an object of that name, published below another URL."""
    return published_url(base_url, object_key(name))


def range_header(start: int, end: int) -> dict[str, str]:
    """Asks for bytes ``[start, end)``."""
    return {"Range": f"bytes={start}-{end - 1}"}
