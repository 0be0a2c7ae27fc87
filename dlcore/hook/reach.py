"""Reaches the machine's agent, and starts one if none runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TypeVar

from dlcore.agent.interface import ContentAgent
from dlcore.disk.faults import guarded
from dlcore.disk.ownership import check_unalterable
from dlcore.errors import AgentError, ConfigError
from dlcore.hook.settings import CONFIG_VARIABLE, HookPolicy, HookSettings
from dlcore.hook.starting import StartedAgent, start_detached
from dlcore.long_path import long_path

T = TypeVar("T")
Connect = Callable[[Path], AbstractAsyncContextManager[ContentAgent]]
Start = Callable[[HookSettings], StartedAgent]


@asynccontextmanager
async def reach_agent(
    settings: HookSettings,
    policy: HookPolicy,
    *,
    connect: Connect | None = None,
    start: Start | None = None,
) -> AsyncIterator[ContentAgent]:
    """The agent that owns the state directory; it has answered just now.

    Args:
        settings: Where the state directory and the deployment file are.
        policy: How long to wait.
        connect: Connects to the agent of a state directory. None: to the real one.
        start: Starts an agent. None: as a process.

    Raises:
        AgentError: There is no agent, and none could be started in time.
        ConfigError: There is no agent, and no deployment file with which to start one.
    """
    async with (connect or _connect)(settings.state) as agent:
        try:
            await answer(agent.status(), policy)
        except AgentError:
            check_config(settings)
            started = (start or start_detached)(settings)
            try:
                await _wait_for(agent, started, policy)
            finally:
                started.leave()
        yield agent


async def _wait_for(agent: ContentAgent, started: StartedAgent, policy: HookPolicy) -> None:
    """Wait until an agent that was started answers.

    Raises:
        AgentError: It does not answer in time, or has ended.
    """
    deadline_s = asyncio.get_running_loop().time() + policy.agent_start_s
    while True:
        has_ended = started.has_ended()
        is_last = has_ended or asyncio.get_running_loop().time() >= deadline_s
        try:
            await answer(agent.status(), policy)
        except AgentError as error:
            if is_last:
                told = started.last_errors() if has_ended else ""
                reason = f"has ended: {told}" if told else f"cannot be used: {error.message}"
                raise AgentError(
                    f"the agent that was started {reason}",
                    remedy="Run the same command by hand to see why: `dlcore agent run --config"
                    " ... --state ...`.",
                ) from error
        else:
            return
        await asyncio.sleep(policy.agent_poll_s)


async def answer(question: Awaitable[T], policy: HookPolicy) -> T:
    """What the agent answers.

    Raises:
        AgentError: It does not answer in time, or cannot be reached.
    """
    try:
        async with asyncio.timeout(policy.agent_answer_s):
            return await question
    except TimeoutError:
        raise AgentError(
            f"the agent does not answer within {policy.agent_answer_s:g} s",
            remedy="Look at it with `dlcore agent status`, and restart it.",
        ) from None


def check_config(settings: HookSettings) -> None:
    """Make sure that there is a deployment file, and that nobody else could have written it.

    The hook runs as the system: whoever can alter the file decides where content comes from.

    Raises:
        ConfigError: There is none.
        OwnershipError: Another ordinary user could alter it.
        StorageError: It cannot be looked at.
    """
    if not settings.config.is_file():
        raise ConfigError(
            f"no agent runs, and there is no deployment file to start one with: {settings.config}",
            remedy=f"Put it there, or name it in the task sequence variable {CONFIG_VARIABLE}.",
        )
    with guarded("look at the deployment file", settings.config):
        check_unalterable(long_path(settings.config.absolute()))


def _connect(state: Path) -> AbstractAsyncContextManager[ContentAgent]:
    from dlcore.agent.client import AgentClient

    return AgentClient(state, patience_s=0.0)  # whether to wait is decided here
