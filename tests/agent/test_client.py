"""How the client goes on when the agent goes away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from dlcore.agent.addresses import address_of
from dlcore.agent.client import AgentClient, running_agent_of
from dlcore.agent.interface import Want
from dlcore.agent.local import local_server
from dlcore.agent.patience import AgentAwayError
from dlcore.agent.running import running_agent
from dlcore.errors import AgentError
from dlcore.store.lock import StateLock
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


@asynccontextmanager
async def taking_connections(state: Path, *, is_lost: bool) -> AsyncIterator[None]:
    """Something of this user that listens where the agent would, and is not an agent any more."""
    writers: list[asyncio.StreamWriter] = []

    async def connected(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        if is_lost:
            writer.close()

    place = address_of(state).listens_at
    server = await asyncio.start_unix_server(connected, place)  # type: ignore[attr-defined,unused-ignore]
    try:
        yield
    finally:
        server.close()
        for writer in writers:
            writer.close()


@pytest.mark.posix_only(reason="a server of asyncio cannot listen at a pipe")
async def test_an_agent_that_hangs_is_told_and_not_waited_for_for_ever(tmp_path: Path) -> None:
    """Fault: the agent is stopped by a debugger, say. Each call ends, with an error of dlcore."""
    async with taking_connections(tmp_path, is_lost=False):
        for patience_s in (0.0, 0.1):
            async with AgentClient(tmp_path, patience_s=patience_s, answer_s=0.05) as client:
                with pytest.raises(AgentAwayError, match="does not answer") as caught:
                    await client.status()
                assert caught.value.away_s > 0.04
                with pytest.raises(AgentError, match="does not answer"):
                    await client.is_there()


@pytest.mark.posix_only(reason="a server of asyncio cannot listen at a pipe")
async def test_an_agent_that_is_lost_at_each_call_is_given_up(tmp_path: Path) -> None:
    async with (
        taking_connections(tmp_path, is_lost=True),
        AgentClient(tmp_path, patience_s=0.05, retry_s=0.0) as client,
    ):
        with pytest.raises(AgentError, match="ended 100 times"):
            await client.obtain(OS)
        assert not await client.is_there()


async def test_an_agent_has_ended_when_its_state_directory_is_free(tmp_path: Path) -> None:
    """Nobody has to listen any more while it still writes."""
    lock = StateLock(tmp_path, 0.0)
    async with AgentClient(tmp_path, answer_s=0.01) as client:
        with pytest.raises(AgentError, match="has not done so"):
            await client.ended()
        lock.release()
        await client.ended()


@pytest.mark.posix_only(reason="a server of asyncio cannot listen at a pipe")
async def test_an_agent_that_hangs_while_it_obtains_a_package_is_told(tmp_path: Path) -> None:
    """Fault: an agent hangs after it was asked for a package, which may take hours. Whoever waits
    is told, as the agent does not answer another question either.
    """
    async with (
        taking_connections(tmp_path, is_lost=False),
        AgentClient(tmp_path, patience_s=0.0, answer_s=0.05) as client,
    ):
        async with asyncio.timeout(10):
            with pytest.raises(AgentAwayError, match="does not answer") as caught:
                await client.obtained("ABC00001")
            assert caught.value.away_s > 0.09  # before the other question, and for its answer
