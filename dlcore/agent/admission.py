"""Who is answered: programs of the same user or of an administrator; no page in a browser.

The socket or pipe lets no other user in (`dlcore.agent.local`). A browser of the same user could be
made to send requests to a local server, under a name of the attacker's. So the `Host` is checked,
and whatever a browser adds to requests of its pages is refused.

Source: https://fetch.spec.whatwg.org/ (Origin), https://w3c.github.io/webappsec-fetch-metadata/.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Final

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from dlcore.agent.errors_over_http import status_of, trouble_of
from dlcore.agent.interface import Trouble
from dlcore.agent.routes import JSON
from dlcore.errors import DlcoreError
from dlcore.shortages import shortage_in

HOST: Final = "dlcore"
_BROWSERS: Final = ("Origin", "Sec-Fetch-Site", "Referer")
_log = logging.getLogger(__name__)


def refusal(status: int, message: str, remedy: str = "", code: str = "config") -> web.Response:
    """An answer that says what is wrong."""
    body = msgspec.json.encode(Trouble(code, message, remedy))
    return web.Response(status=status, body=body, content_type=JSON)


def admitting(hosts: Collection[str] = (HOST,)) -> Middleware:
    """Refuse requests that do not come from a program of this user.

    Args:
        hosts: What may stand in the field ``Host``.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.headers.getall("Host", []) not in [[host] for host in hosts]:
            return refusal(403, "the agent was addressed by another name", f"Send Host: {HOST}.")
        if any(name in request.headers for name in _BROWSERS):
            return refusal(403, "the agent does not answer pages in a browser")
        return await handler(request)

    return middleware


@web.middleware
async def telling_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every error into a `Trouble`. The text of a foreign error is left out: see the log."""
    try:
        return await handler(request)
    except DlcoreError as error:
        return _answer(error)
    except web.HTTPRequestEntityTooLarge:
        return refusal(413, "the body is too long")
    except web.HTTPMethodNotAllowed as error:
        answer = refusal(405, f"this path has no {request.method}")
        answer.headers["Allow"] = error.headers["Allow"]
        return answer
    except web.HTTPException as error:
        return refusal(error.status, error.reason or "it cannot be answered")
    except Exception as error:
        if shortage := shortage_in(error):
            _log.warning("a call of the agent failed: %s", shortage.message, exc_info=error)
            return _answer(shortage)
        _log.exception("a call of the agent failed by a fault of dlcore")
        return refusal(500, "this is a fault of dlcore", "Please report it.", "internal")


def _answer(error: DlcoreError) -> web.Response:
    trouble = trouble_of(error)
    body = msgspec.json.encode(trouble)
    return web.Response(status=status_of(trouble), body=body, content_type=JSON)
