"""``--live``: the page of a run while it goes on, for a browser on the same computer.

Guarantees: it listens at the loopback address only. Its address has a secret of 128 bits, and any
other gets 404, so neither other users nor other pages in the browser can read it. It can only be
read. Whoever opens many connections does not take the run's files and connections away.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Final

from aiohttp import web

from dlcore.engine.events import Event, RunEnded
from dlcore.engine.listeners.bus import EventBus
from dlcore.engine.listeners.lines import EventLines, StampedEvent, stamp
from dlcore.engine.listeners.thinning import RecordPolicy, Thinning
from dlcore.errors import ConfigError
from dlcore.timeline import timeline_of
from dlcore.timeline.page import page_of
from dlcore.waiting import in_thread

REFRESH_S: Final = 5  # often enough to watch, and slow enough to read
MAX_CONNECTIONS: Final = 16
"""A browser opens six to one server. Any user of this computer may connect, and each connection
takes one of the files that this process may open.
"""

_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class LivePage:
    """The page of a run, as far as it has come.

    Args:
        secret: Part of its address.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._thinning = Thinning(RecordPolicy())
        self._events: list[StampedEvent] = []
        self._has_ended = False
        self._is_watched = False
        self._end_is_seen = asyncio.Event()

    def hear(self, event: Event) -> None:
        """Take note of an event."""
        now_s = asyncio.get_running_loop().time
        self._events += self._thinning.choose(StampedEvent(stamp(time.time, now_s), event))
        self._has_ended |= isinstance(event, RunEnded)

    async def answer(self, request: web.Request) -> web.Response:
        """Serve the page."""
        if not secrets.compare_digest(request.match_info["secret"].encode(), self._secret.encode()):
            raise web.HTTPNotFound
        self._is_watched = True
        has_ended, events = self._has_ended, tuple(self._events)
        page = await in_thread(lambda: page_of(timeline_of(EventLines(events, 0))))
        headers = dict(_HEADERS)
        if has_ended:
            self._end_is_seen.set()
        else:
            headers["Refresh"] = str(REFRESH_S)
        return web.Response(text=page, content_type="text/html", headers=headers)

    async def wait_for_reader(self) -> None:
        """Let a browser that shows the page read its end, if there is one."""
        if self._is_watched and self._has_ended:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REFRESH_S + 1):
                    await self._end_is_seen.wait()


@contextlib.asynccontextmanager
async def shown_live(bus: EventBus, tell: Callable[[str], None]) -> AsyncIterator[None]:
    """Serve the page while the body runs.

    Args:
        bus: Tells the events.
        tell: Is told the address.

    Raises:
        ConfigError: This computer lets no program listen at its loopback address.
    """
    secret = secrets.token_urlsafe(16)
    page = LivePage(secret)
    application = web.Application()
    application.router.add_get("/{secret}", page.answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        server = await _listen(runner)
        try:
            bus.subscribe(page.hear)
            port = server.sockets[0].getsockname()[1]
            tell(f"the run in a browser: http://127.0.0.1:{port}/{secret}")
            try:
                yield
            finally:
                bus.unsubscribe(page.hear)
            await page.wait_for_reader()
        finally:
            server.close()
    finally:
        await runner.cleanup()


class _Door(asyncio.Protocol):
    """Lets a connection in; if there are too many, the oldest one is cut off.

    Args:
        factory: Makes what answers.
        inside: The connections of all doors, the oldest first.
    """

    def __init__(
        self, factory: Callable[[], asyncio.BaseProtocol], inside: deque[asyncio.Transport]
    ) -> None:
        self._factory = factory
        self._inside = inside

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        still_open = [one for one in self._inside if not one.is_closing()]
        self._inside.clear()
        self._inside.extend([*still_open, transport])
        if len(self._inside) > MAX_CONNECTIONS:
            self._inside.popleft().abort()
        protocol = self._factory()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)


async def _listen(runner: web.AppRunner) -> asyncio.Server:
    factory = runner.server
    assert factory is not None, "the runner was not set up"
    inside: deque[asyncio.Transport] = deque()
    try:
        return await asyncio.get_running_loop().create_server(
            lambda: _Door(factory, inside), "127.0.0.1", 0, backlog=MAX_CONNECTIONS
        )
    except OSError as error:
        raise ConfigError(
            f"--live: cannot listen at 127.0.0.1: {error.strerror}",
            remedy="Run without --live; dlcore report shows the run while it goes on, too.",
        ) from error
