"""What a distribution point lists: files and folders, and their links.

It lists them as its reply to ``PROPFIND``, and as a page for people.

Guarantees: pure, and linear in the length of the document, however it is nested: elements are
looked for only where RFC 4918 puts them. At most `MAX_TAGS` tags are read. An entry's path is
relative to the package and stays inside it. Its link keeps the server's spelling of path and query,
because everything after ``?`` must be sent unchanged. If a link names another host, its path is
used on the host that was asked: a distribution point has several names, and no request ever goes to
a host that the settings do not name.

Source: the reply quoted in maurice-daly/DriverAutomationTool, issue 21: an empty ``getetag``, and
``sccm?/`` before the last component of a collection, or between package and file. For the page:
badsectorlabs/sccm-http-looter, which reads a length or ``&lt;dir&gt`` before each link.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple
from urllib.parse import unquote
from xml.etree.ElementTree import Element, ParseError

from dlcore.transfer.http.urls import quote_unsafe

MAX_TAGS = 4_000_000
"""Opening and closing tags of one listing: some 250,000 files. The tree of one tag takes up to 100
bytes of memory."""

MAX_COMBINING = 30
"""Characters in a row that combine with the one before them. They are sorted, in a time that grows
with the square of their number.

Source: Unicode Standard Annex 15, section 13, "Stream-Safe Text Format".
"""

_DAV = "{DAV:}"
_SCCM_MARK = "sccm?/"
_AUTHORITY = re.compile(r"^https?://[^/?#]*", re.IGNORECASE)
_DIGITS = re.compile(r"[0-9]{1,18}", re.ASCII)
_ON_PAGE = re.compile(
    r"""(?:\b([0-9]{1,18})|&lt;dir&gt;?)[ \t]{1,64}<a href="([^"<>]{1,8192})">""",
    re.ASCII | re.IGNORECASE,
)


class ListedItem(NamedTuple):
    """One file or folder of a package.

    Attributes:
        path: Relative to the package; empty for the package's own folder.
        link: Path and query on the server.
        is_folder: Whether it is a folder.
        length_bytes: Length of a file; 0 for a folder.
    """

    path: str
    link: str
    is_folder: bool
    length_bytes: int


def parse_listing(document: bytes, root: str) -> list[ListedItem]:
    """Read a multistatus document.

    Args:
        document: The body of the reply.
        root: Path of the package on the server, ``/SMS_DP_SMSPKG$/ABC00012``.

    Raises:
        ValueError: It is malformed, or a link leads out of the package. The text says which.

    Source: RFC 4918, section 13.
    """
    import defusedxml
    from defusedxml.ElementTree import fromstring

    if document.count(b"<") > MAX_TAGS:
        raise ValueError(f"it has more than {MAX_TAGS} tags")
    try:
        tree = fromstring(document, forbid_dtd=True)
    except (ParseError, defusedxml.DefusedXmlException, LookupError):
        raise ValueError("it is not plain XML") from None
    if tree.tag != f"{_DAV}multistatus":
        raise ValueError("it is not a WebDAV multistatus document")
    return [_entry(response, root) for response in tree.iterfind(f"{_DAV}response")]


def parse_page(document: bytes, root: str) -> list[ListedItem]:
    """Read a page for people: a length, or ``<dir>``, and a link on each line.

    Args:
        document: The body of the reply.
        root: Path of the package on the server.

    Raises:
        ValueError: A link leads out of the package, or the page has none, and is not empty.
    """
    from html import unescape  # loads a large table

    if document.count(b"<") > MAX_TAGS:
        raise ValueError(f"it has more than {MAX_TAGS} tags")
    text = document.decode("utf-8", "replace")
    found = []
    for length, href in _ON_PAGE.findall(text):
        link = quote_unsafe(_AUTHORITY.sub("", unescape(href), count=1))
        found.append(ListedItem(_relative_path(link, root), link, not length, int(length or 0)))
    if not found and "<a " in text.lower():
        raise ValueError("it is not a page of a distribution point")
    return found


def _entry(response: Element, root: str) -> ListedItem:
    link = quote_unsafe(_AUTHORITY.sub("", _text(response, f"{_DAV}href"), count=1))
    found = _properties(response)
    kind = _text(found, f"{_DAV}iscollection")
    is_collection = found.find(f"{_DAV}resourcetype/{_DAV}collection") is not None
    is_folder = kind == "1" if kind else is_collection
    length = _text(found, f"{_DAV}getcontentlength") or "0"
    if not _DIGITS.fullmatch(length):
        raise ValueError("the length of a file is not a number")
    return ListedItem(_relative_path(link, root), link, is_folder, 0 if is_folder else int(length))


def _properties(response: Element) -> Element:
    """What the server tells of an entry; what it cannot tell stands apart, with another status.

    Raises:
        ValueError: It can tell nothing of it, as of a folder that is closed to this client.
    """
    described = response.findall(f"{_DAV}propstat")
    told = [each for each in described if _is_success(each)]
    if (described and not told) or not _is_success(response):
        raise ValueError("the server cannot tell what an entry is")
    properties = Element(f"{_DAV}prop")
    for each in told:
        properties.extend(each.findall(f"{_DAV}prop/*"))
    return properties


def _is_success(described: Element) -> bool:
    """Whether its status is that of a success, or it has none."""
    status = _text(described, f"{_DAV}status").split()
    return len(status) < 2 or status[1] == "200"


def _text(element: Element, path: str) -> str:
    return element.findtext(path, "").strip()


def _relative_path(link: str, root: str) -> str:
    """The path of a link, relative to the package.

    Raises:
        ValueError: It is not inside the package.
    """
    if not link.startswith("/") or link.startswith("//"):
        raise ValueError("a link is not an absolute path")  # it would change the URL's host
    path = _decoded_path(link.replace(_SCCM_MARK, "", 1))
    base = _decoded_path(root)
    if path.casefold() == base.casefold():
        return ""
    if not path.casefold().startswith(f"{base.casefold()}/"):
        raise ValueError("a link leads out of the package")
    relative = path[len(base) + 1 :]
    if any(name in {"", ".", ".."} or "\\" in name or "\0" in name for name in relative.split("/")):
        raise ValueError("a link is not a plain path")
    return relative


def _decoded_path(path: str) -> str:
    """A path without the codes of a URL, in the one spelling of Unicode that counts here.

    Raises:
        ValueError: It would take the square of its length to bring it into that spelling.
    """
    decoded = unquote(path)
    if not decoded.isascii() and _has_long_run(decoded):
        raise ValueError("a link has too many combining characters in a row")
    return unicodedata.normalize("NFC", decoded).rstrip("/")


def _has_long_run(text: str) -> bool:
    """Whether so many characters combine with one that no language has as many."""
    run = 0
    for character in text:
        run = run + 1 if unicodedata.combining(character) else 0
        if run > MAX_COMBINING:
            return True
    return False
