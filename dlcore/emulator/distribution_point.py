"""An on-premises distribution point over the published folder: plain files by HTTP.

Follows what is documented or was observed: ``PROPFIND`` with the real reply's shape, ``sccm?/``
anywhere in the path, ranges, no ``ETag``. Files are cut out of the published objects. Anonymous:
plays the virtual folder that asks for no credentials. Does not list by ``GET``.
"""

from __future__ import annotations

import asyncio
import email.utils
import functools
import logging
import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from aiohttp import web

from dlcore.emulator.counters import Counters
from dlcore.emulator.multistatus import Site, collection, member, multistatus
from dlcore.emulator.published import Published
from dlcore.emulator.ranges import ranged
from dlcore.emulator.sender import Sender, Span
from dlcore.emulator.tree import Tree
from dlcore.model import File, Manifest

_TARGET = re.compile(
    r"/(?P<root>(?:NOCERT_)?SMS_DP_SMSPKG(?:\$|%24))/(?P<rest>.*)", re.IGNORECASE | re.DOTALL
)
_REMEMBERED = 8

log = logging.getLogger("dlcore.emulator")


class _Package(NamedTuple):
    """A package's current version."""

    manifest: Manifest
    tree: Tree
    modified_s: float


class _Asked(NamedTuple):
    """What a request is about."""

    site: Site
    package: _Package
    path: str


class DistributionPoint:
    """Answers listings and reads below ``/SMS_DP_SMSPKG$/`` and ``/NOCERT_SMS_DP_SMSPKG$/``."""

    def __init__(self, published: Published, sender: Sender, counters: Counters) -> None:
        self._published = published
        self._sender = sender
        self._counters = counters
        self._opened = functools.lru_cache(_REMEMBERED)(self._open)

    def routes(self) -> list[web.RouteDef]:
        """All paths: the router would take ``?`` for the end of one."""
        return [
            web.route("PROPFIND", "/{path:.*}", self.propfind),
            web.get("/{path:.*}", self.get),
        ]

    async def propfind(self, request: web.Request) -> web.Response:
        """List a folder, or with ``Depth: 0`` name one thing."""
        asked = await self._find(request)
        site, tree, path = asked.site, asked.package.tree, asked.path
        file = tree.file(path)
        folder = tree.folder(path)
        if file is not None:
            responses = [member(site, file.path, file.length_bytes)]
        elif folder is not None:
            responses = [collection(site, folder.path)]
            if request.headers.get("Depth") != "0":
                responses += [collection(site, inner) for inner in folder.folders]
                responses += [member(site, f.path, f.length_bytes) for f in folder.files]
        else:
            raise web.HTTPNotFound
        return web.Response(
            status=207, body=multistatus(responses), content_type="text/xml", charset="utf-8"
        )

    async def get(self, request: web.Request) -> web.StreamResponse:
        """Send a range of a file, or the whole."""
        asked = await self._find(request)
        file = asked.package.tree.file(asked.path)
        if file is None:
            raise web.HTTPNotFound
        answer = ranged(request.headers.get("Range"), file.length_bytes)
        if answer.status == 416:
            return web.Response(status=416, headers=answer.headers)
        span = await asyncio.to_thread(self._span, asked.package, file, answer.start, answer.end)
        response = web.StreamResponse(
            status=answer.status,
            headers={
                "Content-Type": "application/octet-stream",
                "Last-Modified": email.utils.formatdate(asked.site.modified_s, usegmt=True),
                **answer.headers,
            },
        )
        if await self._sender.send(request, response, span, self._counters.content_sent):
            self._counters.range_served()
        return response

    async def _find(self, request: web.Request) -> _Asked:
        """The package and path that a request's target means.

        Raises:
            HTTPException: There is no such package, or the target is none of ours.
        """
        match = _TARGET.fullmatch(request.raw_path)
        if match is None:
            raise web.HTTPNotFound
        try:
            rest = unquote_to_bytes(match["rest"].replace("sccm?/", "", 1)).decode()
        except UnicodeError as error:
            raise web.HTTPBadRequest from error
        package_id, _, path = rest.partition("/")
        package = await asyncio.to_thread(self._package, package_id.upper())
        if package is None:
            raise web.HTTPNotFound
        root = f"http://{request.host}/{match['root']}"
        site = Site(root, package.manifest.package_id, package.modified_s)
        return _Asked(site, package, path.strip("/"))

    def _package(self, package_id: str) -> _Package | None:
        entry = self._published.current(package_id)
        return self._opened(entry.manifest) if entry is not None else None

    def _open(self, digest: str) -> _Package:
        manifest = self._published.manifest(digest)
        if manifest is None:
            log.error("manifest %s is missing on disk", digest)
            raise web.HTTPNotFound
        return _Package(manifest, Tree(manifest), self._published.modified_s(digest))

    def _span(self, package: _Package, file: File, start: int, end: int) -> Span:
        """Where bytes of a file lie on disk.

        Raises:
            HTTPNotFound: The object's file is missing.
        """
        if start == end:
            return Span(Path(), 0, 0)  # an empty file is in no object
        name = package.manifest.objects[file.object].name
        stored = self._published.stored(name)
        if stored is None:
            log.error("object %s is missing on disk", name)
            raise web.HTTPNotFound
        return Span(stored.path, file.offset_bytes + start, file.offset_bytes + end)
