"""The command line in ``SMSTSPostAction``, which is started when a run has ended.

Nothing waits for it, and nothing records how it ends: it may restart the machine.

Source: Microsoft Learn, "Task sequence variables": "Just before exiting the task sequence, the
TSManager process spawns the specified post action. It doesn't wait or record any status".
"""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Collection
from pathlib import Path
from typing import Final, Protocol

from dlcore.steps.command_line import command_of
from dlcore.steps.commands.process import Scene
from dlcore.steps.commands.step_environment import step_environment
from dlcore.steps.interface import Job
from dlcore.tasksequence import Step, Variables
from dlcore.tasksequence.step_types import RUN_COMMAND_LINE

_log = logging.getLogger(__name__)

POST_ACTION: Final = "SMSTSPostAction"
_NEW_GROUP: Final = 0x00000200
_DETACHED: Final = 0x00000008
"""Source: Microsoft Learn, "Process Creation Flags": CREATE_NEW_PROCESS_GROUP, DETACHED_PROCESS."""

_left_running: list[subprocess.Popen[bytes]] = []
"""Python warns of a process that nobody waited for when its object goes."""


class PostAction(Protocol):
    """Starts the command line that a run leaves behind."""

    def start(self, line: str, variables: Variables, folder: Path) -> None:
        """Start it, and wait for nothing. It logs what goes wrong, and raises nothing.

        Args:
            line: As its author wrote it; it may quote variables.
            variables: As they are at the end of the run.
            folder: Where it starts.
        """
        ...


class DetachedPostAction:
    """Starts the command line as a process that outlives this one. Implements `PostAction`.

    Args:
        secret_variables: Names of environment variables that hold credentials. It gets none.
    """

    def __init__(self, secret_variables: Collection[str] = ()) -> None:
        self._secret_variables = frozenset(secret_variables)

    def start(self, line: str, variables: Variables, folder: Path) -> None:
        """Start it in a session of its own."""
        environment = step_environment(os.environ, variables, self._secret_variables).values
        step = Step(0, POST_ACTION, RUN_COMMAND_LINE)
        scene = Scene(Job(step, variables), folder, environment, folder)
        try:
            command = command_of(line, scene)
            process = subprocess.Popen(  # noqa: S603  # the sequence says what to start
                command.arguments,
                executable=command.program,
                cwd=folder,
                env={**environment, **command.environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=os.name == "posix",
                creationflags=0 if os.name == "posix" else _NEW_GROUP | _DETACHED,
            )
        except (OSError, ValueError) as error:  # its text may hold the value of a variable
            reason = error.strerror if isinstance(error, OSError) else None
            _log.error("%s cannot be started: %s", POST_ACTION, reason or type(error).__name__)
            return
        _left_running.append(process)
        _log.info("%s was started as process %d", POST_ACTION, process.pid)
