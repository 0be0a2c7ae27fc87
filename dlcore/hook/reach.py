"""Reaches the machine's agent, and starts one if none runs.

The agent that is started is a process of its own that outlives this one and the step. It shares no
handle with it: Windows' engine would wait for a pipe that a child of the program still has open.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from dlcore.agent.interface import ContentAgent
from dlcore.errors import AgentError, ConfigError
from dlcore.hook.settings import HookPolicy, HookSettings

T = TypeVar("T")
Connect = Callable[[Path], ContentAgent]
Start = Callable[[HookSettings], None]


async def reach_agent(
    settings: HookSettings,
    policy: HookPolicy,
    *,
    connect: Connect | None = None,
    start: Start | None = None,
) -> ContentAgent:
    """The agent that owns the state directory; it has answered just now.

    Args:
        settings: Where the state directory and the deployment file are.
        policy: How long to wait.
        connect: Makes a client of the agent of a state directory. None: the real one.
        start: Starts an agent. None: as a process.

    Raises:
        AgentError: There is no agent, and none could be started in time.
        ConfigError: There is no agent, and no deployment file with which to start one.
    """
    agent = (connect or _connect)(settings.state)
    try:
        await answer(agent.status(), policy)
    except AgentError:
        check_config(settings)
    else:
        return agent
    (start or start_detached)(settings)
    deadline_s = asyncio.get_running_loop().time() + policy.agent_start_s
    while True:
        await asyncio.sleep(policy.agent_poll_s)
        try:
            await answer(agent.status(), policy)
        except AgentError:
            if asyncio.get_running_loop().time() >= deadline_s:
                raise
        else:
            return agent


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


def start_detached(settings: HookSettings) -> None:
    """Start an agent that outlives this process.

    Raises:
        AgentError: The system refused.
    """
    try:
        _spawn(agent_command(settings))
    except OSError as error:
        raise AgentError(
            f"the agent cannot be started: {error.strerror}",
            remedy="Install it as a service: `dlcore agent install`.",
        ) from None


if sys.platform == "win32":

    def _spawn(command: list[str]) -> None:
        detached = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
        try:  # else it ends with the job in which the engine may run its programs
            _start(command, detached | subprocess.CREATE_BREAKAWAY_FROM_JOB)
        except PermissionError:
            _start(command, detached)

    def _start(command: list[str], flags: int) -> None:
        subprocess.Popen(  # noqa: S603  # the command is our own
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            creationflags=flags,
        )

else:

    def _spawn(command: list[str]) -> None:
        subprocess.Popen(  # noqa: S603  # the command is our own
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


def _connect(state: Path) -> ContentAgent:
    """A client of the agent of a state directory; nothing is asked yet."""
    raise AgentError(f"no agent can be reached for {state}")
