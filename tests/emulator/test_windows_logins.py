"""Logins belong to connections; the tokens are toys, the server and its client are real."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Handler

from dlcore.emulator.ntlm_acceptor import LoginRefusedError
from dlcore.emulator.windows_logins import WindowsLogins

HELLO, PROOF = (base64.b64encode(token).decode() for token in (b"hello", b"proof"))


class Toy:
    """Wants a hello, and then the proof."""

    def __init__(self) -> None:
        self.greeted = False

    def accept(self, token: bytes) -> tuple[bytes | None, str]:
        if token == b"hello" and not self.greeted:
            self.greeted = True
            return b"challenge", ""
        if token != b"proof" or not self.greeted:
            raise LoginRefusedError
        return None, "anna"


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[str]:
    async def content(_: web.Request) -> web.Response:
        return web.Response(text="content")

    logins = WindowsLogins(lambda _: Toy())

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        return await logins.pass_on(request, handler)

    app = web.Application(middlewares=[guard])
    app.router.add_get("/", content)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def connection() -> AsyncIterator[aiohttp.ClientSession]:
    """A client that uses one connection for all its requests."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:
        yield session


async def status(session: aiohttp.ClientSession, url: str, shown: str = "") -> int:
    headers = {"Authorization": shown} if shown else {}
    async with session.get(url, headers=headers) as response:
        await response.read()
        return response.status


async def test_a_login_opens_its_own_connection_only() -> None:
    async with serving() as url, connection() as one, connection() as other:
        assert await status(one, url, f"Negotiate {HELLO}") == 401
        assert await status(one, url, f"Negotiate {PROOF}") == 200
        assert await status(one, url) == 200
        assert await status(other, url) == 401


async def test_both_schemes_are_offered_and_the_challenge_is_of_the_chosen_one() -> None:
    async with serving() as url, connection() as session:
        async with session.get(url) as response:
            assert response.headers.getall("WWW-Authenticate") == ["Negotiate", "NTLM"]
        async with session.get(url, headers={"Authorization": f"ntlm {HELLO}"}) as response:
            challenge = base64.b64encode(b"challenge").decode()
            assert response.headers.getall("WWW-Authenticate") == [f"NTLM {challenge}"]


async def test_what_is_no_login_is_refused_and_ends_the_old_one() -> None:
    async with serving() as url, connection() as session:
        for shown in ("Basic YTpi", "Negotiate", "Negotiate ***", f"Negotiate {PROOF}"):
            assert await status(session, url, f"Negotiate {HELLO}") == 401
            assert await status(session, url, f"Negotiate {PROOF}") == 200
            assert await status(session, url, shown) == 401
            assert await status(session, url) == 401


async def test_a_handshake_that_was_broken_off_does_not_spoil_the_next() -> None:
    async with serving() as url, connection() as session:
        assert await status(session, url, f"Negotiate {HELLO}") == 401
        assert await status(session, url) == 401
        assert await status(session, url, f"Negotiate {HELLO}") == 401
        assert await status(session, url, f"Negotiate {PROOF}") == 200
