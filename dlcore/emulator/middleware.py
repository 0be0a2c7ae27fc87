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
_CLIENT_CLOSED_REQUEST = 499  # nginx's status for a client that has gone; never sent


def application(
    routes: list[web.RouteDef], counters: Counters, latency_s: float, sleep: Sleep
) -> web.Application:
    """An application that serves ``routes`` and delays, counts and logs its responses."""

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

    app = web.Application(middlewares=[observe])
    app.add_routes(routes)
    return app
