"""The agent as a process: it holds a state directory, answers its clients, and ends in order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

from aiohttp import web

from dlcore.agent.api import application
from dlcore.agent.interface import Priority
from dlcore.agent.listening import LocalServer, address_of, server_at
from dlcore.agent.policy import AgentPolicy
from dlcore.agent.service import AgentService
from dlcore.deployment import Deployment
from dlcore.engine.client import Client

_log = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def running_agent(
    deployment: Deployment,
    state: Path,
    *,
    version: str,
    config: str = "",
    server: LocalServer | None = None,
    policy: AgentPolicy | None = None,
    pace: Callable[[Client, Priority], None] = lambda client, priority: None,
    wait_s: float = 0.0,
) -> AsyncIterator[AgentService]:
    """Run the agent of a state directory while the body runs.

    Args:
        deployment: Settings: endpoints, catalog, conditions.
        state: The state directory.
        version: Of dlcore.
        config: The deployment file, for people.
        server: What listens; None: at the address that belongs to the state directory.
        policy: The agent's constants.
        pace: Told how much of the link a client's downloads may use, whenever that changes.
        wait_s: How long to wait while another process holds the state directory.

    Raises:
        LockedError: Another process holds it; the message says which.
        StorageError: It cannot be used.
        AgentError: Nobody can listen at the address.
        ConfigError: An endpoint's settings cannot be used.
    """
    policy = policy or AgentPolicy()
    server = server or server_at(address_of(state))
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(Client(deployment, state, wait_s=wait_s))
        service = AgentService(
            client,
            version=version,
            config=config,
            policy=policy,
            pace=lambda priority: pace(client, priority),
        )
        stack.push_async_callback(service.aclose)
        await service.start()
        runner = web.AppRunner(
            application(service, version, server.admits),
            handle_signals=False,
            handler_cancellation=True,  # a client that goes away waits no longer
            access_log=None,
            shutdown_timeout=policy.shutdown_s,
        )
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await server.start(runner)
        stack.push_async_callback(server.close)
        stack.push_async_callback(service.end_calls)
        yield service
    _log.info("the agent has ended")


async def run_until_stopped(service: AgentService) -> None:
    """Wait until a client asks the agent to end; a cancellation ends the wait, too."""
    with contextlib.suppress(asyncio.CancelledError):
        await service.stopping.wait()
