"""Distribution points that serve a content library over HTTP, for tests of several rooms."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Collection, Mapping
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

from dlcore.emulator import Counters
from dlcore.emulator.library_point import LibraryPoint
from dlcore.emulator.sender import Sender
from dlcore.store.unproven import PIECE_BYTES
from tests.publish.helpers import content

FOLDER = "/SMS_DP_SMSPKG$"
LARGE = content(3 * PIECE_BYTES + 5)
TREE: Mapping[str, bytes | None] = {
    "setup.exe": LARGE,
    "bin/web.config": content(700),
    "Ärger & #1 %41+b.txt": content(40),
    f"{'n' * 240}.inf": content(9),
    "empty": b"",
    "none": None,
}
"""A package with names as servers find them hard."""


class Asked:
    """What a server was asked for, and what it refuses.

    Attributes:
        requests: Method, path and query of each request.
        refused: What has one of these texts in its path or query is not found.
        breaks_at: A part of a path, and the offset from which on no range of it is sent.
    """

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.refused: tuple[str, ...] = ()
        self.breaks_at: tuple[str, int] | None = None

    def is_refused(self, request: web.Request) -> bool:
        """Whether a request is not answered as it should be."""
        if request.method != "GET":
            return any(part in request.raw_path for part in self.refused if "/" in part)
        if any(part in request.raw_path for part in self.refused):
            return True
        part, offset = self.breaks_at or ("", 0)
        return bool(part) and part in request.raw_path and (request.http_range.start or 0) >= offset

    def of(self, part: str) -> list[str]:
        """The requests with a text in them."""
        return [request for request in self.requests if part in request]


def point(
    library: Path,
    *,
    has_propfind: bool = True,
    lists_contents: bool = True,
    hidden_endings: Collection[str] = (),
) -> LibraryPoint:
    return LibraryPoint(
        [library],
        Sender(None, time.monotonic, asyncio.sleep),
        Counters(),
        has_propfind=has_propfind,
        lists_contents=lists_contents,
        hidden_endings=hidden_endings,
    )


@contextlib.asynccontextmanager
async def serving_point(point: LibraryPoint, asked: Asked | None = None) -> AsyncIterator[str]:
    """Serve it; gives the URL of its virtual folder."""

    @web.middleware
    async def note(request: web.Request, handler: Handler) -> web.StreamResponse:
        if asked:
            asked.requests.append(f"{request.method} {request.raw_path}")
            if asked.is_refused(request):
                raise web.HTTPNotFound
        return await handler(request)

    app = web.Application(middlewares=[note])
    app.add_routes(point.routes())
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}{FOLDER}"
    finally:
        await runner.cleanup()
