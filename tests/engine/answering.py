"""A small web server of this process, which answers as a test says."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@contextlib.asynccontextmanager
async def answering(answer: Answer, *, ends_answers: bool = False) -> AsyncIterator[str]:
    """Serve on a free port of loopback.

    Args:
        answer: Answers whatever is asked for.
        ends_answers: Whether an answer ends when its client has gone.

    Yields:
        The server's URL, without a slash at its end.
    """
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0, handler_cancellation=ends_answers)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
