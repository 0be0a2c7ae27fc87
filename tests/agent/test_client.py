"""How the client goes on when the agent goes away."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from dlcore.agent.addresses import address_of
from dlcore.agent.client import AgentClient, running_agent_of
from dlcore.agent.interface import Want
from dlcore.agent.local import local_server
from dlcore.agent.running import running_agent
from dlcore.errors import AgentError
from tests.engine.machine import OS, TOOLS
from tests.engine.scene import deployment


async def test_a_call_is_answered_by_the_agent_that_follows(
    published: Path, tmp_path: Path
) -> None:
    """Fault: the agent starts again while a client asks. The client notices nothing."""
    settings = deployment(published)
    async with AgentClient(tmp_path, patience_s=30.0) as client:
        asking = asyncio.ensure_future(client.obtain(OS))
        listening = asyncio.ensure_future(anext(aiter(client.events(after=0))))
        await asyncio.sleep(0)  # nobody is there yet
        async with running_agent(settings, tmp_path, version="1"):
            assert (await asking).is_dir()
            first = await listening
        async with running_agent(settings, tmp_path, version="2"):
            assert (await client.status()).version == "2"
            await client.obtain(TOOLS)
            second = await anext(aiter(client.events(after=first.number)))
            assert second.number > first.number


async def test_a_program_learns_whether_an_agent_runs(published: Path, tmp_path: Path) -> None:
    async with running_agent_of(tmp_path) as agent:
        assert agent is None
    settings = deployment(published)
    async with running_agent(settings, tmp_path, version="1"), running_agent_of(tmp_path) as agent:
        assert agent is not None
        await agent.want(Want("large", ("ABC00001",) * 2000))


async def test_an_agent_that_does_not_come_back_is_told(published: Path, tmp_path: Path) -> None:
    async with AgentClient(tmp_path, patience_s=0.2) as client:
        async with running_agent(deployment(published), tmp_path, version="1"):
            stream = client.events()
            await client.status()
        with pytest.raises(AgentError):
            await client.status()
        with pytest.raises(AgentError):
            await anext(stream)


async def test_a_client_that_is_not_open_says_so(tmp_path: Path) -> None:
    with pytest.raises(AgentError, match="not open"):
        await AgentClient(tmp_path).status()


async def test_a_call_is_given_up_when_the_agent_ends_again_and_again(tmp_path: Path) -> None:
    """Fault: the agent crashes at each call. A client with patience learns of it all the same."""
    calls = 0

    async def crash(request: web.Request) -> web.Response:
        nonlocal calls
        calls += 1
        assert request.transport
        request.transport.abort()
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", crash)
    runner = web.AppRunner(app)
    await runner.setup()
    server = local_server(address_of(tmp_path))
    await server.start(runner)
    try:
        async with AgentClient(tmp_path, patience_s=1e9, retry_s=0.0) as client:
            with pytest.raises(AgentError, match="ended 100 times"):
                await client.obtain(OS)
            assert calls == 100
    finally:
        await server.close()
        await runner.cleanup()
