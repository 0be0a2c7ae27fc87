"""Servers that want a login for each connection, and what such a login is made of.

`ToyContext` and `ToyAcceptor` stand for NTLM: two tokens of the client, one challenge, and a proof
that says nothing of the password but whether it is the right one. The real acceptor is the
emulator's, `dlcore.emulator.ntlm_acceptor.NtlmAcceptor`.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import ssl
import weakref
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from aiohttp import web
from aiohttp.typedefs import Handler

from dlcore.transfer.http.channel_binding import server_end_point
from dlcore.transfer.http.security_contexts import (
    AccountPassword,
    ContextError,
    Scheme,
    SecurityContext,
)

CHALLENGE = b"nonce-0123456789"


def proof(user: str, password: str, binding: bytes | None) -> bytes:
    text = f"{user}\n{password}\n".encode() + CHALLENGE + (binding or b"")
    return user.encode() + b"\n" + hashlib.sha256(text).digest()


class ToyContext:
    """The client's side."""

    def __init__(self, account: AccountPassword, binding: bytes | None) -> None:
        self._account = account
        self._binding = binding
        self._steps = 0

    def step(self, token: bytes | None) -> bytes | None:
        self._steps += 1
        if self._steps == 1:
            return b"hello"
        if token != CHALLENGE:
            raise ContextError("not a challenge")
        return proof(self._account.user, self._account.password, self._binding)


@dataclass
class ToyContexts:
    """Makes them.

    Attributes:
        own: Who the process runs as; None for nobody.
        made: Who each context was made for.
    """

    own: AccountPassword | None = None
    made: list[AccountPassword | None] = field(default_factory=list)

    def make(
        self, scheme: Scheme, host: str, account: AccountPassword | None, binding: bytes | None
    ) -> SecurityContext:
        who = account or self.own
        if who is None:
            raise ContextError("this process has no ticket")
        self.made.append(account)
        return ToyContext(who, binding)


class Acceptor(Protocol):
    """The server's side of one handshake."""

    def accept(self, token: bytes) -> tuple[bytes | None, str]:
        """The reply, and the user who is logged in; empty if the handshake goes on.

        Raises:
            ValueError: The login is refused.
        """


class ToyAcceptor:
    def __init__(self, passwords: dict[str, str], binding: bytes | None) -> None:
        self._passwords = passwords
        self._binding = binding

    def accept(self, token: bytes) -> tuple[bytes | None, str]:
        if token == b"hello":
            return CHALLENGE, ""
        user = token.partition(b"\n")[0].decode()
        if token != proof(user, self._passwords.get(user, "none"), self._binding):
            raise ValueError(user)
        return None, user


@dataclass
class _Connection:
    acceptor: Acceptor | None = None
    user: str = ""


@dataclass
class WindowsGuard:
    """Lets requests pass on connections that are logged in; a middleware of aiohttp.

    Attributes:
        new_acceptor: Makes the server's side of a handshake.
        schemes: What it offers.
        keeps: Whether a login counts for the connection, and not for one request only.
        told: What it says of that in ``Persistent-Auth``; empty for nothing.
        proxy_support: What a proxy says of connections; empty for nothing.
        drops: The token at which it breaks the connection: of a handshake the first, the second.
        hangs: Whether it never answers a token.
        hangs_at_proof: Whether it never answers the token that proves the password.
        hanging: Requests that get no answer now; their clients have not gone yet.
        refusing_token: What it sends along when it refuses a login, as SPNEGO may.
        busy: How many tokens it answers 503 before it looks at one.
        repeats: Whether it answers every token with a challenge.
        page_bytes: Length of the page that comes along with a 401.
        connections: Those that were seen.
        statuses: Of each answer.
        users: Path and user of each request that passed.
        shown: Tokens of clients after their first ones.
        received: All values of ``Authorization``.
    """

    new_acceptor: Callable[[], Acceptor]
    schemes: tuple[str, ...] = ("Negotiate", "NTLM")
    keeps: bool = True
    told: str = ""
    proxy_support: str = ""
    drops: Literal["", "first", "second"] = ""
    hangs: bool = False
    hangs_at_proof: bool = False
    hanging: int = 0
    refusing_token: bytes = b""
    busy: int = 0
    repeats: bool = False
    page_bytes: int = 1300
    connections: weakref.WeakKeyDictionary[object, _Connection] = field(
        default_factory=weakref.WeakKeyDictionary
    )
    seen: int = 0
    statuses: list[int] = field(default_factory=list)
    users: list[tuple[str, str]] = field(default_factory=list)
    shown: list[bytes] = field(default_factory=list)
    received: list[str] = field(default_factory=list)

    async def __call__(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await self._answer(request, handler)
        self.statuses.append(response.status)
        return response

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        assert request.transport is not None
        if request.transport not in self.connections:
            self.connections[request.transport] = _Connection()
            self.seen += 1
        connection = self.connections[request.transport]
        text = request.headers.get("Authorization", "")
        if text:
            self.received.append(text)
            if self.hangs:
                await self._hang()
            scheme, _, token = text.partition(" ")
            if self.busy:
                self.busy -= 1
                return web.Response(status=503)
            if self.hangs_at_proof and connection.acceptor:
                self.shown.append(base64.b64decode(token))
                await self._hang()
            refused = self._step(request, connection, scheme, base64.b64decode(token))
            if refused is not None:
                return refused
        elif not connection.user:
            return self._refusal()
        self.users.append((request.path, connection.user))
        response = await handler(request)
        if self.told and not response.prepared:
            response.headers["Persistent-Auth"] = self.told
        if not self.keeps:
            connection.user = ""
        return response

    async def _hang(self) -> None:
        self.hanging += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.hanging -= 1

    def _step(
        self, request: web.Request, connection: _Connection, scheme: str, token: bytes
    ) -> web.StreamResponse | None:
        is_first = connection.acceptor is None
        if not is_first:
            self.shown.append(token)
        if self.drops == ("first" if is_first else "second"):
            assert request.transport is not None
            request.transport.abort()
        connection.acceptor = connection.acceptor or self.new_acceptor()
        if self.repeats:
            return self._refusal({"WWW-Authenticate": f"{scheme} {_text(CHALLENGE)}"})
        try:
            reply, user = connection.acceptor.accept(token)
        except ValueError:
            connection.acceptor = None
            if not self.refusing_token:
                return self._refusal()
            return self._refusal({"WWW-Authenticate": f"{scheme} {_text(self.refusing_token)}"})
        if not user:
            return self._refusal({"WWW-Authenticate": f"{scheme} {_text(reply or b'')}"})
        connection.acceptor, connection.user = None, user
        return None

    def _refusal(self, headers: dict[str, str] | None = None) -> web.Response:
        response = web.Response(status=401, body=b"x" * self.page_bytes, headers=headers)
        if self.proxy_support:
            response.headers["Proxy-Support"] = self.proxy_support
        if headers is None:
            for scheme in self.schemes:
                response.headers.add("WWW-Authenticate", scheme)
        return response


def toy_guard(binding: bytes | None = None, **passwords: str) -> WindowsGuard:
    """A guard that knows these users."""
    return WindowsGuard(lambda: ToyAcceptor(passwords, binding))


def binding_of(certificate: Path) -> bytes | None:
    """The channel binding to the first certificate of a PEM file."""
    text = certificate.read_text()
    end = "-----END CERTIFICATE-----\n"
    return server_end_point(ssl.PEM_cert_to_DER_cert(text[: text.index(end) + len(end)]))


@contextlib.asynccontextmanager
async def serving(
    routes: list[web.RouteDef], guard: WindowsGuard, tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """Serve routes behind a guard; gives the base URL."""
    middleware = web.middleware(lambda request, handler: guard(request, handler))
    app = web.Application(middlewares=[middleware])
    app.add_routes(routes)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    try:
        yield f"{'https' if tls else 'http'}://localhost:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _text(token: bytes) -> str:
    return base64.b64encode(token).decode()
