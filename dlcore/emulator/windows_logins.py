"""Lets requests pass on connections that are logged in by Negotiate or NTLM, as IIS does.

Guarantees: a login counts for its connection alone, and ends with it. A request without one is
answered 401 with the schemes that are offered.

Source: RFC 4559; MS-NTHT.
"""

from __future__ import annotations

import base64
import binascii
import weakref
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol

from aiohttp import web

from dlcore.emulator.ntlm_acceptor import LoginRefusedError, Scheme

_SCHEMES: Final[dict[str, Scheme]] = {"negotiate": "Negotiate", "ntlm": "NTLM"}

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Acceptor(Protocol):
    """The server's side of one handshake: see `NtlmAcceptor`."""

    def accept(self, token: bytes) -> tuple[bytes | None, str]:
        """The reply, and the user who is logged in; empty if the handshake goes on."""


@dataclass
class _Connection:
    acceptor: Acceptor | None = None
    user: str = ""


class WindowsLogins:
    """What is logged in.

    Args:
        new_acceptor: Begins the server's side of a handshake of a scheme.
    """

    def __init__(self, new_acceptor: Callable[[Scheme], Acceptor]) -> None:
        self._new_acceptor = new_acceptor
        self._connections: weakref.WeakKeyDictionary[object, _Connection] = (
            weakref.WeakKeyDictionary()
        )

    async def pass_on(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Answer a request by its handler if its connection is logged in."""
        if request.transport is None:  # the client has gone
            raise web.HTTPUnauthorized
        connection = self._connections.setdefault(request.transport, _Connection())
        presented = request.headers.get("Authorization", "")
        if presented:
            refusal = self._step(connection, presented)
            if refusal is not None:
                return refusal
        elif not connection.user:
            connection.acceptor = None  # a handshake that was broken off
            return _offering()
        response = await handler(request)
        if not response.prepared:
            response.headers["Persistent-Auth"] = "true"
        return response

    def _step(self, connection: _Connection, presented: str) -> web.Response | None:
        """Take a token; None if the connection is logged in now."""
        connection.user = ""
        name, _, text = presented.partition(" ")
        try:
            scheme = _SCHEMES[name.lower()]
            token = base64.b64decode(text, validate=True)
            acceptor = connection.acceptor or self._new_acceptor(scheme)
            reply, user = acceptor.accept(token)
        except (KeyError, binascii.Error, LoginRefusedError):
            connection.acceptor = None
            return _offering()
        if user:
            connection.acceptor, connection.user = None, user
            return None
        connection.acceptor = acceptor
        challenge = base64.b64encode(reply or b"").decode()
        return web.Response(status=401, headers={"WWW-Authenticate": f"{scheme} {challenge}"})


def _offering() -> web.Response:
    response = web.Response(status=401)
    for scheme in _SCHEMES.values():
        response.headers.add("WWW-Authenticate", scheme)
    return response
