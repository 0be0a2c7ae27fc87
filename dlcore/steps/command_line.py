"""The step *Run Command Line*.

The value of a variable that its line quotes is data: see `quoting`. On Windows the line itself is
started, as ConfigMgr does it; elsewhere a shell runs it.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping

from dlcore.steps.interface import CANNOT_RUN, Job, Outcome
from dlcore.steps.process import Command, Commands, Scene
from dlcore.steps.quoting import posix, windows
from dlcore.tasksequence import Step

SHELL = "/bin/sh"


class RunCommandLine:
    """Runs a step's command line. Implements `Executor`.

    Args:
        commands: Runs commands.
    """

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    def obstacle(self, step: Step, variables: Mapping[str, str]) -> str:
        """Nothing keeps the step from being run."""
        del step, variables
        return ""

    async def run(self, job: Job) -> Outcome:
        """Run the command line and wait for its end."""
        line = job.parameters.written("CommandLine") or _after_run(job.step.action)
        if not job.variables.expand(line).strip():
            return Outcome(CANNOT_RUN, message="the step has no command line")
        return await self._commands.run(job, lambda scene: command_of(line, scene))


def _after_run(action: str) -> str:
    """The command behind ``smsswd.exe /run:[PACKAGE]``."""
    match = re.match(r'\s*"?smsswd\.exe"?\s+/run:\S*\s+(.*)', action, re.IGNORECASE | re.DOTALL)
    return match.group(1) if match else ""


def command_of(line: str, scene: Scene) -> Command:
    """What a command line, as its author wrote it, starts on this system.

    Raises:
        ValueError: The value of a variable cannot be quoted; the message says why.
    """
    if os.name == "posix":
        quoted = posix.quote(scene.job.variables.parts(line))
        return Command([SHELL, "-c", quoted.text], environment=quoted.environment)
    found = windows.quote(
        line, scene.job.variables, scene.environment, lambda name: _found(name, scene)
    )
    return Command(found.text, program=found.program)


def _found(program: str, scene: Scene) -> str:
    """The file that a program's name stands for, the step's folder first."""
    path = scene.environment.get("PATH", os.defpath)
    return shutil.which(str(scene.where / program)) or shutil.which(program, path=path) or program
