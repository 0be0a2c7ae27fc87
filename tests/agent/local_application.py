"""An application behind a local server, and a client of it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web

from dlcore.agent.addresses import AgentAddress
from dlcore.agent.local import LocalServer, connector, local_server


class Application:
    """Answers every request, and counts them.

    Attributes:
        asked: How many requests it got.
    """

    def __init__(self) -> None:
        self.asked = 0

    async def runner(self) -> web.AppRunner:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(application, shutdown_timeout=1.0)
        await runner.setup()
        return runner

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked += 1
        return web.Response(text=f"{request.path} {len(await request.read())}")


@contextlib.asynccontextmanager
async def served(
    address: AgentAddress, server: LocalServer | None = None
) -> AsyncIterator[Application]:
    """An application that listens at an address."""
    application = Application()
    runner = await application.runner()
    server = server or local_server(address, {})
    try:
        await server.start(runner)
        yield application
    finally:
        await server.close()
        await runner.cleanup()


async def ask(
    address: AgentAddress, path: str = "/status", *, through: aiohttp.BaseConnector | None = None
) -> str:
    """What the agent at an address answers; the status and a text."""
    async with (
        aiohttp.ClientSession(connector=through or connector(address)) as session,
        session.post(f"http://agent{path}", data=b"x" * 100_000) as response,
    ):
        return f"{response.status} {await response.text()}"
