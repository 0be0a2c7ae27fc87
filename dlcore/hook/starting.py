"""Starts an agent as a process of its own, which outlives this one and the step.

It shares no pipe with this process: Windows' engine would wait for a pipe that a child of the
program still has open. What it prints of errors goes into a temporary file without a name.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Final, Protocol

from dlcore.deployment import load_deployment
from dlcore.errors import AgentError, DlcoreError
from dlcore.hook.settings import HookSettings

_PREFIX: Final = "DLCORE_"
_KEPT: Final = frozenset(
    {"DLCORE_NATIVE", "DLCORE_RECEIVE", "DLCORE_SHA256_BACKEND", "DLCORE_WRITE", "DLCORE_DEBUG"}
)
"""How files are read and written; they set no option of a command."""
_MAX_TOLD_BYTES: Final = 600  # of an error, for one line of a log


class StartedAgent(Protocol):
    """An agent that was started by this process."""

    def has_ended(self) -> bool:
        """Whether its process has ended."""
        ...

    def last_errors(self) -> str:
        """What it printed of errors last, in one line; empty if it printed nothing."""
        ...

    def leave(self) -> None:
        """It is on its own from now on."""
        ...


def start_detached(
    settings: HookSettings, environment: Mapping[str, str] = os.environ
) -> StartedAgent:
    """Start an agent that outlives this process.

    Args:
        settings: Where its deployment file and its state directory are.
        environment: Of this process.

    Raises:
        AgentError: The system refused.
    """
    try:
        errors = error_file()
        try:
            given = agent_environment(settings, environment)
            return _Process(_spawn(agent_command(settings), given, errors), errors)
        except BaseException:
            errors.close()
            raise
    except OSError as error:
        raise AgentError(
            f"the agent cannot be started: {error.strerror}",
            remedy="Install it as a service: `dlcore agent install`.",
        ) from None


def error_file() -> IO[bytes]:
    """Takes what the agent says as it starts; keeps nothing if no temporary file can be made."""
    try:
        return tempfile.TemporaryFile()
    except OSError:
        return Path(os.devnull).open("w+b")


def agent_command(settings: HookSettings) -> list[str]:
    """The command that runs the agent. It holds no secret."""
    command = [sys.executable, "-m", "dlcore", "agent", "run"]
    return [*command, "--config", str(settings.config), "--state", str(settings.state)]


def agent_environment(settings: HookSettings, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of the agent: without what sets options of commands.

    A task sequence's variables are in the environment when somebody tries the program by hand, and
    some have the names of other things on the command line.

    Args:
        settings: Where the deployment file is: it may name variables that hold credentials.
        environment: Of this process.
    """
    try:
        kept = _KEPT | load_deployment(settings.config).secret_variables
    except DlcoreError:
        kept = _KEPT  # the agent tells what is wrong with the file
    return {
        name: value
        for name, value in environment.items()
        if name in kept or not name.upper().startswith(_PREFIX)
    }


class _Process:
    """Implements `StartedAgent` over a process.

    Args:
        process: It was started.
        errors: What it writes to as its standard error.
    """

    def __init__(self, process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
        self._process = process
        self._errors = errors

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def last_errors(self) -> str:
        try:
            length_bytes = self._errors.seek(0, os.SEEK_END)
            self._errors.seek(max(0, length_bytes - _MAX_TOLD_BYTES))
            return " ".join(self._errors.read().decode(errors="replace").split())
        except OSError:
            return ""

    def leave(self) -> None:
        self._errors.close()


def _spawn(
    command: list[str], environment: Mapping[str, str], errors: IO[bytes]
) -> subprocess.Popen[bytes]:
    if sys.platform != "win32":
        return _start(command, environment, errors, start_new_session=True)
    detached = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
    try:  # else it ends with the job in which the engine may run its programs
        breakaway = detached | subprocess.CREATE_BREAKAWAY_FROM_JOB
        return _start(command, environment, errors, creationflags=breakaway)
    except PermissionError:
        return _start(command, environment, errors, creationflags=detached)


def _start(
    command: list[str],
    environment: Mapping[str, str],
    errors: IO[bytes],
    *,
    start_new_session: bool = False,
    creationflags: int = 0,
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603  # the command is our own
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=errors,
        start_new_session=start_new_session,
        creationflags=creationflags,
    )
