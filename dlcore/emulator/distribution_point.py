"""Serves the published folder as an on-premises distribution point: plain files over HTTP.

Follows what is documented or was observed: ``PROPFIND`` with the form of the real reply,
``sccm?/`` anywhere in the path, ranges, no ``ETag``. A file is served as an extent of a published
object. Who may ask is decided in front of it. ``GET`` does not list folders.
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
from dlcore.emulator.multistatus import VirtualFolder, collection, member, multistatus
from dlcore.emulator.published_folder import PublishedFolder
from dlcore.emulator.ranges import answer_range
from dlcore.emulator.sender import Sender, Span
from dlcore.emulator.tree import Tree
from dlcore.file_times import moment_of
from dlcore.model import File, Manifest

_TARGET_FORM = re.compile(
    r"/(?P<root>(?:NOCERT_)?SMS_DP_SMSPKG(?:\$|%24))/(?P<rest>.*)", re.IGNORECASE | re.DOTALL
)
_MAX_CACHED_PACKAGES = 8  # a test serves a few; a manifest may take many MB

log = logging.getLogger("dlcore.emulator")


class _Package(NamedTuple):
    """The current version of a package."""

    manifest: Manifest
    tree: Tree
    modified_s: float


class _Target(NamedTuple):
    """The package, and the path inside it, that a request names."""

    virtual_folder: VirtualFolder
    package: _Package
    path: str


class DistributionPoint:
    """Answers requests below ``/SMS_DP_SMSPKG$/`` and ``/NOCERT_SMS_DP_SMSPKG$/``."""

    def __init__(self, published: PublishedFolder, sender: Sender, counters: Counters) -> None:
        self._published = published
        self._sender = sender
        self._counters = counters
        self._opened = functools.lru_cache(_MAX_CACHED_PACKAGES)(self._open)

    def routes(self) -> list[web.RouteDef]:
        """Routes for all paths: the router would end a path at the ``?`` of ``sccm?/``."""
        return [
            web.route("PROPFIND", "/{path:.*}", self.propfind),
            web.get("/{path:.*}", self.get),
        ]

    async def propfind(self, request: web.Request) -> web.Response:
        """List a folder; with ``Depth: 0`` describe the folder or file itself."""
        target = await self._find(request)
        virtual_folder, tree, path = target.virtual_folder, target.package.tree, target.path
        file = tree.file(path)
        folder = tree.folder(path)
        if file is not None:
            responses = [member(virtual_folder, file.path, file.length_bytes)]
        elif folder is not None:
            responses = [collection(virtual_folder, folder.path)]
            if request.headers.get("Depth") != "0":
                responses += [collection(virtual_folder, inner) for inner in folder.folders]
                responses += [member(virtual_folder, f.path, f.length_bytes) for f in folder.files]
        else:
            raise web.HTTPNotFound
        return web.Response(
            status=207, body=multistatus(responses), content_type="text/xml", charset="utf-8"
        )

    async def get(self, request: web.Request) -> web.StreamResponse:
        """Send a range of a file, or the whole file."""
        target = await self._find(request)
        file = target.package.tree.file(target.path)
        if file is None:
            raise web.HTTPNotFound
        head = answer_range(request.headers.get("Range"), file.length_bytes)
        if head.status == 416:
            return web.Response(status=416, headers=head.headers)
        span = await asyncio.to_thread(self._span, target.package, file, head.start, head.end)
        response = web.StreamResponse(
            status=head.status,
            headers={
                "Content-Type": "application/octet-stream",
                "Last-Modified": email.utils.format_datetime(
                    moment_of(target.virtual_folder.modified_s), usegmt=True
                ),
                **head.headers,
            },
        )
        if await self._sender.send(request, response, span, self._counters.content_sent):
            self._counters.range_served()
        return response

    async def _find(self, request: web.Request) -> _Target:
        """Find the package and the path that a request names.

        Raises:
            HTTPException: The package does not exist, or the path is not a distribution point's.
        """
        match = _TARGET_FORM.fullmatch(request.raw_path)
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
        root = f"{request.scheme}://{request.host}/{match['root']}"
        virtual_folder = VirtualFolder(root, package.manifest.package_id, package.modified_s)
        return _Target(virtual_folder, package, path.strip("/"))

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
        """Find bytes ``[start, end)`` of a file on disk.

        Raises:
            HTTPNotFound: The object's file is missing.
        """
        if start == end:
            return Span(Path(), 0, 0)  # an empty file has no object
        name = package.manifest.objects[file.object].name
        stored = self._published.stored(name)
        if stored is None:
            log.error("object %s is missing on disk", name)
            raise web.HTTPNotFound
        return Span(stored.path, file.offset_bytes + start, file.offset_bytes + end)
