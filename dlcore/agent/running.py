"""The agent as a process: it holds a state directory, answers its clients, and ends in order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

from aiohttp import web

from dlcore.agent.addresses import address_of
from dlcore.agent.api import application
from dlcore.agent.local import LocalServer, local_server
from dlcore.agent.policy import AgentPolicy
from dlcore.agent.service import AgentService
from dlcore.agent.system.service_manager import ServiceManager, keep_alive, service_manager
from dlcore.deployment import Deployment
from dlcore.engine.client import Client
from dlcore.waiting import cancel_and_wait

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
    wait_s: float = 0.0,
    cap_bytes_per_s: float | None = None,
) -> AsyncIterator[AgentService]:
    """Run the agent of a state directory while the body runs.

    Args:
        deployment: Settings: endpoints, catalog, conditions.
        state: The state directory.
        version: Of dlcore.
        config: The deployment file, for people.
        server: What listens; None: at the address that belongs to the state directory.
        policy: The agent's constants.
        wait_s: How long to wait while another process holds the state directory.
        cap_bytes_per_s: Read at most this much from all endpoints together; None: as the
            deployment says.

    Raises:
        LockedError: Another process holds it; the message says which.
        StorageError: It cannot be used.
        AgentError: Nobody can listen at the address.
        ConfigError: An endpoint's settings cannot be used.
    """
    policy = policy or AgentPolicy()
    server = server or local_server(address_of(state))
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(Client(deployment, state, wait_s=wait_s))
        if cap_bytes_per_s is not None:
            client.limit(cap_bytes_per_s)
        service = AgentService(
            client,
            version=version,
            config=config,
            policy=policy,
            pace=client.set_urgency,
        )
        stack.push_async_callback(service.aclose)
        await service.start()
        runner = web.AppRunner(
            application(service, version),
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


async def run_until_stopped(service: AgentService, manager: ServiceManager | None = None) -> None:
    """Wait until a client asks the agent to end; a cancellation ends the wait, too.

    Args:
        service: It runs.
        manager: Hears how the agent is; None: who started this process.
    """
    manager = manager or service_manager()
    manager.ready()
    life = asyncio.ensure_future(keep_alive(manager))
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await service.stopping.wait()
    finally:
        manager.stopping()
        await cancel_and_wait([life])
