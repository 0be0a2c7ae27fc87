"""Serves a content library as a distribution point does: by digests, by INI files, and by names.

Below ``/SMS_DP_SMSPKG$/``:

* ``Datalib`` and what is below it: the INI files, and their folders;
* ``FileLib/<4 digits>/<digest>``: the bytes of a file;
* ``<package id>``, ``<content id>``: the content itself, as a tree of plain files.

Follows what was observed, and can behave as servers do that differ: one without ``PROPFIND``, one
that lists no folder in ``Datalib``, one whose request filtering hides endings of names.

Source: badsectorlabs/sccm-http-looter, for the three forms and the page that lists a folder.
"""

from __future__ import annotations

import asyncio
import email.utils
import html
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

from aiohttp import web

from dlcore.emulator.counters import Counters
from dlcore.emulator.multistatus import VirtualFolder, collection, member, multistatus
from dlcore.emulator.ranges import answer_range
from dlcore.emulator.sender import Sender, Span
from dlcore.errors import ManifestError
from dlcore.file_times import moment_of
from dlcore.long_path import long_path
from dlcore.manifest import decode_content_file, versions_in
from dlcore.plain_files import read_plain

_NO_NAME = re.compile(r"[\\:\0]")  # on Windows "C:" alone leads to another drive
_TARGET_FORM = re.compile(
    r"/(?P<root>(?:NOCERT_)?SMS_DP_SMSPKG(?:\$|%24))/(?P<rest>.*)", re.IGNORECASE | re.DOTALL
)
_INI = ".INI"
_DATA_LIB = "DataLib"
_FILE_LIB = "FileLib"
_LIBRARY_FOLDERS = {"datalib": _DATA_LIB, "filelib": _FILE_LIB}


class _Listed(NamedTuple):
    """A file or folder that is served: its name, and its length if it is a file."""

    name: str
    length_bytes: int | None


class LibraryPoint:
    """Answers requests below ``/SMS_DP_SMSPKG$/`` from a content library.

    Args:
        drives: Its folders ``SCCMContentLib``, one a drive. The first has ``DataLib``, and each a
            part of ``FileLib``.
        sender: Sends bodies.
        counters: Count what is served.
        has_propfind: Whether folders are listed by ``PROPFIND``; else only as pages.
        lists_contents: Whether the folders in ``Datalib`` are listed, not only ``Datalib`` itself;
            else its links lead to the contents, outside of ``Datalib``.
        hidden_endings: Endings of names that request filtering answers with 404 (``.config``);
            what comes after ``sccm?/`` is not filtered.
    """

    def __init__(
        self,
        drives: Sequence[Path],
        sender: Sender,
        counters: Counters,
        *,
        has_propfind: bool = True,
        lists_contents: bool = True,
        hidden_endings: Collection[str] = (),
    ) -> None:
        self._drives = [long_path(drive) for drive in drives]
        self._data_lib = self._drives[0] / _DATA_LIB
        self._sender = sender
        self._counters = counters
        self._has_propfind = has_propfind
        self._lists_contents = lists_contents
        self._hidden = tuple(ending.lower() for ending in hidden_endings)

    def routes(self) -> list[web.RouteDef]:
        """Routes for all paths: the router would end a path at the ``?`` of ``sccm?/``."""
        return [
            web.route("PROPFIND", "/{path:.*}", self.propfind),
            web.get("/{path:.*}", self.get),
        ]

    async def propfind(self, request: web.Request) -> web.Response:
        """List a folder."""
        if not self._has_propfind:
            raise web.HTTPMethodNotAllowed("PROPFIND", ["GET", "HEAD"])
        root, parts = self._target(request)
        entries = await asyncio.to_thread(self._entries, parts)
        modified_s = self._data_lib.stat().st_mtime
        folder = VirtualFolder(f"{request.scheme}://{request.host}/{root}", parts[0], modified_s)
        path = "/".join(parts[1:])
        inside = f"{path}/" if path else ""
        responses = [collection(folder, path)]
        responses += [
            collection(folder, inside + entry.name)
            if entry.length_bytes is None
            else member(folder, inside + entry.name, entry.length_bytes)
            for entry in entries
        ]
        return web.Response(
            status=207, body=multistatus(responses), content_type="text/xml", charset="utf-8"
        )

    async def get(self, request: web.Request) -> web.StreamResponse:
        """Send a range of a file, the whole file, or the page that lists a folder."""
        root, parts = self._target(request)
        path = await asyncio.to_thread(self._file, parts)
        if path is None:
            return self._page(request, root, parts, await asyncio.to_thread(self._entries, parts))
        status = path.stat()
        head = answer_range(request.headers.get("Range"), status.st_size)
        if head.status == 416:
            return web.Response(status=416, headers=head.headers)
        modified = email.utils.format_datetime(moment_of(status.st_mtime), usegmt=True)
        response = web.StreamResponse(
            status=head.status,
            headers={
                "Content-Type": "application/octet-stream",
                "Last-Modified": modified,
                **head.headers,
            },
        )
        span = Span(path, head.start, head.end)
        if await self._sender.send(request, response, span, self._counters.content_sent):
            self._counters.range_served()
        return response

    def _target(self, request: web.Request) -> tuple[str, list[str]]:
        """The virtual folder, and the names of a path in it.

        Raises:
            HTTPException: It is not a path of a distribution point, or it is filtered.
        """
        match = _TARGET_FORM.fullmatch(request.raw_path)
        if match is None:
            raise web.HTTPNotFound
        before_query = match["rest"].partition("?")[0].rstrip("/").lower()
        if self._hidden and before_query.endswith(self._hidden):
            raise web.HTTPNotFound
        try:
            rest = unquote_to_bytes(match["rest"].replace("sccm?/", "", 1)).decode()
        except UnicodeError as error:
            raise web.HTTPBadRequest from error
        parts = rest.strip("/").split("/")
        if any(part in {"", ".", ".."} or _NO_NAME.search(part) for part in parts):
            raise web.HTTPNotFound
        return match["root"], parts

    def _file(self, parts: list[str]) -> Path | None:
        """The file that a path names; None if it may be a folder."""
        folder = _LIBRARY_FOLDERS.get(parts[0].lower())
        if folder:
            return self._stored(folder, *parts[1:])
        described = self._content(parts[0]).joinpath(*parts[1:])
        described = described.with_name(f"{described.name}{_INI}")
        if not (parts[1:] and described.is_file()):
            return None
        digest = decode_content_file(read_plain(described), source="").sha256.hex().upper()
        path = self._stored(_FILE_LIB, digest[:4], digest)
        if path is None:
            raise web.HTTPNotFound
        return path

    def _stored(self, *parts: str) -> Path | None:
        paths = (drive.joinpath(*parts) for drive in self._drives)
        return next((path for path in paths if path.is_file()), None)

    def _entries(self, parts: list[str]) -> list[_Listed]:
        """What is in a folder.

        Raises:
            HTTPNotFound: It is not a folder, or this server does not list it.
        """
        is_data_lib = parts[0].lower() == _DATA_LIB.lower()
        if parts[0].lower() == _FILE_LIB.lower():
            raise web.HTTPNotFound
        if is_data_lib and parts[1:] and not self._lists_contents:
            raise web.HTTPNotFound
        base = self._data_lib if is_data_lib else self._content(parts[0])
        folder = base.joinpath(*parts[1:])
        if not folder.is_dir():
            raise web.HTTPNotFound
        listed = _described if not is_data_lib else _as_it_is
        return [listed(path) for path in sorted(folder.iterdir())]

    def _content(self, name: str) -> Path:
        """The folder of a content in ``DataLib``; a package id means its latest content."""
        data_lib = self._data_lib
        versions = versions_in([path.name for path in data_lib.iterdir() if path.is_dir()], name)
        if versions:
            name = max(versions, key=lambda content: versions[content])
        return data_lib / name

    def _page(
        self, request: web.Request, root: str, parts: list[str], entries: list[_Listed]
    ) -> web.Response:
        above = f"{request.scheme}://{request.host}/{root}"
        if self._lists_contents or parts[0].lower() != _DATA_LIB.lower():
            above += f"/{quote('/'.join(parts))}"
        lines = [
            f"{'&lt;dir&gt' if entry.length_bytes is None else entry.length_bytes}"
            f' <a href="{html.escape(f"{above}/{quote(entry.name)}")}">'
            f"{html.escape(entry.name)}</a><br>"
            for entry in entries
        ]
        text = f"<html><body><pre>{''.join(lines)}</pre></body></html>"
        return web.Response(text=text, content_type="text/html")


def _as_it_is(path: Path) -> _Listed:
    return _Listed(path.name, None if path.is_dir() else path.stat().st_size)


def _described(path: Path) -> _Listed:
    """What an INI file stands for.

    Raises:
        HTTPInternalServerError: It is malformed.
    """
    if path.is_dir():
        return _Listed(path.name, None)
    try:
        stated = decode_content_file(read_plain(path), source=path.name)
    except ManifestError as error:
        raise web.HTTPInternalServerError from error
    return _Listed(path.name[: -len(_INI)], stated.length_bytes)
