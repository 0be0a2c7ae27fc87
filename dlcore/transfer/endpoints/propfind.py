"""The answer of a distribution point to ``PROPFIND``: what it lists, and the links to it.

Guarantees: pure; an entry's path is relative to the package and stays inside; its link is the
server's own spelling of path and query, since everything after ``?`` must stand as it is. Where a
link says another host, its path on the host that was asked is meant: a distribution point has
several names, and nothing is ever asked of a foreign one.

Source: the reply quoted in maurice-daly/DriverAutomationTool, issue 21: an empty ``getetag``, and
``sccm?/`` before the last component of a collection or between package and file.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple
from urllib.parse import unquote
from xml.etree.ElementTree import Element, ParseError

from dlcore.transfer.http.urls import quote_unsafe

_DAV = "{DAV:}"
_MARK = "sccm?/"
_AUTHORITY = re.compile(r"^https?://[^/?#]*", re.IGNORECASE)
_DIGITS = re.compile(r"[0-9]{1,18}", re.ASCII)


class Entry(NamedTuple):
    """One file or folder of a package.

    ``path`` is relative to the package, ``""`` for itself; ``link`` is path and query on the
    server; ``length_bytes`` is 0 for a folder.
    """

    path: str
    link: str
    is_folder: bool
    length_bytes: int


def parse_listing(document: bytes, root: str) -> list[Entry]:
    """Read a multistatus document.

    Args:
        document: The body.
        root: Path of the package on the server, ``/SMS_DP_SMSPKG$/ABC00012``.

    Raises:
        ValueError: It is malformed, or a link leads out of the package.
    """
    import defusedxml
    from defusedxml.ElementTree import fromstring

    try:
        tree = fromstring(document, forbid_dtd=True)
    except (ParseError, defusedxml.DefusedXmlException, LookupError):
        raise ValueError("the listing is not plain XML") from None
    if tree.tag != f"{_DAV}multistatus":
        raise ValueError("the listing is not a multistatus document")
    return [_entry(response, root) for response in tree.iter(f"{_DAV}response")]


def _entry(response: Element, root: str) -> Entry:
    link = quote_unsafe(_AUTHORITY.sub("", _text(response, "href"), count=1))
    is_folder = _text(response, "iscollection") == "1"
    length = _text(response, "getcontentlength") or "0"
    if not _DIGITS.fullmatch(length):
        raise ValueError("a length in the listing is not a number")
    return Entry(_inside(link, root), link, is_folder, 0 if is_folder else int(length))


def _text(response: Element, name: str) -> str:
    found = next(response.iter(f"{_DAV}{name}"), None)
    return (found.text or "").strip() if found is not None else ""


def _inside(link: str, root: str) -> str:
    """Path of a link relative to the package.

    Raises:
        ValueError: It is not inside.
    """
    path = _plain(link.replace(_MARK, "", 1))
    base = _plain(root)
    if path.casefold() == base.casefold():
        return ""
    if not path.casefold().startswith(f"{base.casefold()}/"):
        raise ValueError("a link in the listing leads out of the package")
    relative = path[len(base) + 1 :]
    if any(name in {"", ".", ".."} or "\\" in name or "\0" in name for name in relative.split("/")):
        raise ValueError("a link in the listing is not a plain path")
    return relative


def _plain(path: str) -> str:
    return unicodedata.normalize("NFC", unquote(path)).rstrip("/")
