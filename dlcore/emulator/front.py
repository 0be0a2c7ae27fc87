"""What every answer has in common: latency, the access log and the count of refusals.

Guarantees: a log line names method, path and status, never a query string: that is where
signatures are.
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
_CLIENT_GONE = 499


def application(
    routes: list[web.RouteDef], counters: Counters, latency_s: float, sleep: Sleep
) -> web.Application:
    """An application of ``routes`` whose answers are delayed, counted and logged."""

    @web.middleware
    async def observe(request: web.Request, handler: _Handler) -> web.StreamResponse:
        begun_s = time.perf_counter()
        status = 500
        try:
            if latency_s:
                await sleep(latency_s)
            response = await handler(request)
            status = response.status
        except web.HTTPException as error:
            status = error.status
            raise
        except DlcoreError as error:  # the folder is damaged: say so, and go on serving
            log.error("%s", error)
            raise web.HTTPInternalServerError from error
        except asyncio.CancelledError:
            status = _CLIENT_GONE
            raise
        except ConnectionError as error:  # noticed by writing before the server library told us
            status = _CLIENT_GONE
            raise asyncio.CancelledError from error
        finally:
            if status >= 400 and status != _CLIENT_GONE:
                counters.refused(status)
            taken_s = time.perf_counter() - begun_s
            log.info("%s %s %d %.3f s", request.method, request.path, status, taken_s)
        return response

    app = web.Application(middlewares=[observe])
    app.add_routes(routes)
    return app
