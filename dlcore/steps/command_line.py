"""The step *Run Command Line*.

The value of a variable that its line quotes is data: see `quoting`. On Windows the line itself is
started, as ConfigMgr does it; elsewhere a shell runs it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from dlcore.steps.commands import run_as
from dlcore.steps.commands.process import Command, Commands, Scene
from dlcore.steps.commands.quoting import posix
from dlcore.steps.commands.windows_command import windows_command
from dlcore.steps.interface import CANNOT_RUN, Job, Outcome
from dlcore.tasksequence import Step, StepParameters
from dlcore.tasksequence.package_references import after_run, programs_started

SHELL = "/bin/sh"

OUTPUT_VARIABLE: Final = "SMSTSRunCommandLineOutputVariableName"
"""Source: exports of ConfigMgr, property OutputVariableName."""

_NO_LINE: Final = "the step has no command line"

_CLIENT_TOOLS: Final = {
    "osddownloadcontent.exe": "use a Download Package Content step, which dlcore runs itself",
    "smsswd.exe": "give the step itself the package, or use an Install Package step",
}
"""Programs of the ConfigMgr client that lines start, and what to do without them."""


class RunCommandLine:
    """Runs a step's command line. Implements `Executor`.

    Args:
        commands: Runs commands.
    """

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    def obstacle(self, step: Step, variables: Mapping[str, str]) -> str:
        """Whether it has no line, or asks for another account or a part of the ConfigMgr client."""
        parameters = StepParameters(step, variables)
        line = line_of(parameters, step)
        if not line.strip():
            return _NO_LINE
        for name in programs_started(line):
            tool = name.removesuffix(".exe") + ".exe"
            if tool in _CLIENT_TOOLS:
                return f"{tool} is a part of the ConfigMgr client; {_CLIENT_TOOLS[tool]}"
        return run_as.COMMAND_LINE.obstacle(parameters)

    async def run(self, job: Job) -> Outcome:
        """Run the command line and wait for its end."""
        parameters = job.parameters
        line = line_of(parameters, job.step)
        if not job.variables.expand(line).strip():
            return Outcome(CANNOT_RUN, message=_NO_LINE)
        if why := self.obstacle(job.step, job.variables):
            return Outcome(CANNOT_RUN, message=why)
        is_redirected = not parameters.is_true("SMSTSDisableWow64Redirection")
        return await self._commands.run(
            job,
            lambda scene: command_of(line, scene, is_redirected=is_redirected),
            output_variable=parameters.expanded(OUTPUT_VARIABLE).strip(),
        )


def line_of(parameters: StepParameters, step: Step) -> str:
    """The command line as its author wrote it, without ``smsswd.exe /run:[PACKAGE]`` before it."""
    line = parameters.written("CommandLine") or step.action
    after = after_run(line)
    return parameters.written("CommandLine") if after is None else after


def command_of(line: str, scene: Scene, *, is_redirected: bool = False) -> Command:
    """What a command line, as its author wrote it, starts on this system.

    Args:
        line: The line.
        scene: Where it runs.
        is_redirected: Whether 64-bit Windows is to start the 32-bit copy of a program.

    Raises:
        ValueError: The value of a variable cannot be quoted; the message says why.
    """
    if os.name == "posix":
        quoted = posix.quote(scene.job.variables.parts(line))
        return Command([SHELL, "-c", quoted.text], environment=quoted.environment)
    return windows_command(line, scene, is_redirected=is_redirected)
