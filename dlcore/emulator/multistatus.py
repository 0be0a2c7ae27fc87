"""Writes a folder's listing as a distribution point answers ``PROPFIND``.

Pure. The members, their order and which of them are empty (``getetag``, for one) follow a reply
that was observed. Links are absolute. ``sccm?/`` is before the last component in the link of a
collection, and between package and path in the link of a file.

Source: reply to ``PROPFIND`` quoted in maurice-daly/DriverAutomationTool issue 21.
"""

from __future__ import annotations

import email.utils
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import quote
from xml.sax.saxutils import escape

from dlcore.file_times import moment_of

_RESPONSE = (
    "<D:response><D:href>{href}</D:href><D:propstat><D:status>HTTP/1.1 200 OK</D:status><D:prop>"
    "<D:getcontenttype/><D:supportedlock/><D:getetag/><D:creationdate/>"
    "<D:iscollection>{iscollection}</D:iscollection>"
    "<D:resourcetype>{resourcetype}</D:resourcetype><D:ishidden>0</D:ishidden>"
    "<D:displayname>{displayname}</D:displayname>"
    "<D:getlastmodified>{getlastmodified}</D:getlastmodified><D:getcontentlanguage/>"
    "<D:getcontentlength>{getcontentlength}</D:getcontentlength></D:prop></D:propstat>"
    "</D:response>"
)


class VirtualFolder(NamedTuple):
    """The URL of the virtual folder, a package's id, and its time of publication since 1970."""

    root: str
    package_id: str
    modified_s: float


def multistatus(responses: Iterable[str]) -> bytes:
    """The document with these responses."""
    return (
        '<?xml version="1.0" encoding="utf-8" ?><D:multistatus xmlns:D="DAV:">'
        f"{''.join(responses)}</D:multistatus>"
    ).encode()


def collection(folder: VirtualFolder, path: str) -> str:
    """The response for a folder of the package; ``""`` is the package itself."""
    parent, _, name = "/".join(filter(None, (folder.package_id, path))).rpartition("/")
    above = f"{quote(parent)}/" if parent else ""
    return _RESPONSE.format(
        href=escape(f"{folder.root}/{above}sccm?/{quote(name)}/"),
        iscollection=1,
        resourcetype="<D:collection/>",
        displayname=escape(name),
        getlastmodified="",
        getcontentlength=0,
    )


def member(folder: VirtualFolder, path: str, length_bytes: int) -> str:
    """The response for a file of the package."""
    return _RESPONSE.format(
        href=escape(f"{folder.root}/{quote(folder.package_id)}/sccm?/{quote(path)}"),
        iscollection=0,
        resourcetype="",
        displayname=escape(path.rpartition("/")[2]),
        getlastmodified=email.utils.format_datetime(moment_of(folder.modified_s), usegmt=True),
        getcontentlength=length_bytes,
    )
