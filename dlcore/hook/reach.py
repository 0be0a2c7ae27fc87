"""Reaches the machine's agent, and starts one if none runs.

The agent that is started is a process of its own that outlives this one and the step. It shares no
handle with it: Windows' engine would wait for a pipe that a child of the program still has open.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TypeVar

from dlcore.agent.interface import ContentAgent
from dlcore.errors import AgentError, ConfigError
from dlcore.hook.settings import HookPolicy, HookSettings

T = TypeVar("T")
Connect = Callable[[Path], AbstractAsyncContextManager[ContentAgent]]
HasEnded = Callable[[], bool]
Start = Callable[[HookSettings], HasEnded]


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
        start: Starts an agent, and tells whether that has ended. None: as a process.

    Raises:
        AgentError: There is no agent, and none could be started in time.
        ConfigError: There is no agent, and no deployment file with which to start one.
    """
    async with (connect or _connect)(settings.state) as agent:
        try:
            await answer(agent.status(), policy)
        except AgentError:
            check_config(settings)
            await _wait_for(agent, (start or start_detached)(settings), policy)
        yield agent


async def _wait_for(agent: ContentAgent, has_ended: HasEnded, policy: HookPolicy) -> None:
    """Wait until an agent that was started answers.

    Raises:
        AgentError: It does not in time, or ended.
    """
    deadline_s = asyncio.get_running_loop().time() + policy.agent_start_s
    while True:
        is_last = has_ended() or asyncio.get_running_loop().time() >= deadline_s
        try:
            await answer(agent.status(), policy)
        except AgentError as error:
            if is_last:
                raise AgentError(
                    f"the agent that was started cannot be used: {error.message}",
                    remedy="Run the same command by hand to see why: `dlcore agent run`.",
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
            remedy="Look at it with `dlcore agent status`, and start it anew.",
        ) from None


def check_config(settings: HookSettings) -> None:
    """Make sure that there is a deployment file.

    Raises:
        ConfigError: There is none.
    """
    if not settings.config.is_file():
        raise ConfigError(
            f"no agent runs, and there is no deployment file to start one with: {settings.config}",
            remedy="Put it there, or name it in the task sequence variable DLCORE_CONFIG.",
        )


def agent_command(settings: HookSettings) -> list[str]:
    """The command that runs the agent. It holds no secret."""
    return [
        *(sys.executable, "-m", "dlcore", "agent", "run"),
        *("--config", str(settings.config), "--state", str(settings.state)),
    ]


def start_detached(settings: HookSettings) -> HasEnded:
    """Start an agent that outlives this process. Returns what tells whether it has ended.

    Raises:
        AgentError: The system refused.
    """
    try:
        process = _spawn(agent_command(settings))
    except OSError as error:
        raise AgentError(
            f"the agent cannot be started: {error.strerror}",
            remedy="Install it as a service: `dlcore agent install`.",
        ) from None
    return lambda: process.poll() is not None


def _spawn(command: list[str]) -> subprocess.Popen[bytes]:
    if sys.platform != "win32":
        return _start(command, start_new_session=True)
    detached = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
    try:  # else it ends with the job in which the engine may run its programs
        return _start(command, creationflags=detached | subprocess.CREATE_BREAKAWAY_FROM_JOB)
    except PermissionError:
        return _start(command, creationflags=detached)


def _start(
    command: list[str], *, start_new_session: bool = False, creationflags: int = 0
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603  # the command is our own
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=start_new_session,
        creationflags=creationflags,
    )


def _connect(state: Path) -> AbstractAsyncContextManager[ContentAgent]:
    from dlcore.agent.client import AgentClient

    return AgentClient(state, patience_s=0.0)  # whether to wait is decided here
