"""Delays, logs and counts every response of the emulator.

Guarantees: a log line has the method, path and status, but never the query string, because that
holds signatures.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from dlcore.emulator.counters import Counters
from dlcore.emulator.sender import Sleep
from dlcore.errors import DlcoreError

log = logging.getLogger("dlcore.emulator.access")

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Guard = Callable[[web.Request, _Handler], Awaitable[web.StreamResponse]]
"""Answers a request by its handler, or refuses it."""
_CLIENT_CLOSED_REQUEST = 499  # nginx's status for a client that has gone; never sent


def application(
    routes: list[web.RouteDef],
    counters: Counters,
    latency_s: float,
    sleep: Sleep,
    guard: Guard | None = None,
) -> web.Application:
    """An application that serves ``routes`` and delays, counts and logs its responses.

    Args:
        routes: What it serves.
        counters: Count the responses.
        latency_s: Delay of each response.
        sleep: Waits.
        guard: Decides which requests are answered; None for all.
    """

    @web.middleware
    async def observe(request: web.Request, handler: _Handler) -> web.StreamResponse:
        started_s = time.perf_counter()
        status = 500
        try:
            if latency_s:
                await sleep(latency_s)
            response = await handler(request)
            status = response.status
        except web.HTTPException as error:
            status = error.status
            raise
        except DlcoreError as error:  # the folder is damaged: log it and keep serving
            log.error("%s", error)
            raise web.HTTPInternalServerError from error
        except asyncio.CancelledError:
            status = _CLIENT_CLOSED_REQUEST
            raise
        except ConnectionError as error:  # a write failed before aiohttp cancelled this handler
            status = _CLIENT_CLOSED_REQUEST
            raise asyncio.CancelledError from error
        finally:
            if status >= 400 and status != _CLIENT_CLOSED_REQUEST:
                counters.refused(status)
            taken_s = time.perf_counter() - started_s
            log.info("%s %s %d %.3f s", request.method, request.path, status, taken_s)
        return response

    @web.middleware
    async def admit(request: web.Request, handler: _Handler) -> web.StreamResponse:
        return await (guard(request, handler) if guard else handler(request))

    app = web.Application(middlewares=[observe, admit])
    app.add_routes(routes)
    return app
