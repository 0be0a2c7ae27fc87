"""Paths that people write as ``file:`` URLs.

Guarantees: a URL that another system would read as another place is refused, not guessed at.

Source: RFC 8089, "The 'file' URI Scheme", and its appendix E for drives and UNC paths of Windows.
"""

from __future__ import annotations

import os
import re
from typing import Final
from urllib.parse import unquote, urlsplit

from dlcore.errors import ConfigError

SCHEME: Final = "file:"
_DRIVE: Final = re.compile(r"/+[A-Za-z]:(/|$)")
_FORMS: Final = "file:///srv/site, file:///C:/site or file://server/share/site"


def is_file_url(text: str) -> bool:
    """Whether a text is a ``file:`` URL, usable or not."""
    return text[: len(SCHEME)].lower() == SCHEME


def path_of_file_url(url: str, *, is_windows: bool = os.name == "nt") -> str:
    r"""The path that a ``file:`` URL means.

    Args:
        url: ``file:///srv/site``, ``file:///C:/site``; ``file://server/share/site``, which is
            ``\\server\share\site``.
        is_windows: Whether the path is for Windows.

    Raises:
        ConfigError: It means no path on this system; the message says why.
    """
    try:
        parts = urlsplit(url)
        host = "" if parts.netloc.lower() == "localhost" else parts.netloc
    except ValueError:
        raise _unusable(url, "cannot be read as a URL") from None
    path = unquote(parts.path)
    if "?" in url or "#" in url:
        raise _unusable(url, "has a query or fragment; write ? as %3F and # as %23")
    if "\0" in path or not path.startswith("/"):
        raise _unusable(url, "is not an absolute path")
    if ":" in host:
        raise _unusable(url, "has a drive in the place of a computer: three slashes come first")
    if not is_windows:
        if host:
            raise _unusable(url, f"names another computer, {host}, which only Windows understands")
        return path
    if host or (path.startswith("//") and not _DRIVE.match(path)):
        return f"//{host}{path}".replace("////", "//").replace("/", "\\")
    if not _DRIVE.match(path):
        raise _unusable(url, "names no drive")
    return path.lstrip("/").replace("/", "\\")


def _unusable(url: str, why: str) -> ConfigError:
    return ConfigError(f"{url} {why}", remedy=f"Write it as {_FORMS}; or name the path itself.")
