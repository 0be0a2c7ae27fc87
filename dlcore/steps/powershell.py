"""The step *Run PowerShell Script*: a script of its own, or one in its package."""

from __future__ import annotations

import base64
import binascii
import shutil
from collections.abc import Mapping

from dlcore.steps.interface import Job, Outcome
from dlcore.steps.process import Command, Commands, Scene
from dlcore.steps.quoting import powershell
from dlcore.tasksequence import Step


class RunPowerShellScript:
    """Runs a step's script. Implements `Executor`.

    Args:
        commands: Runs commands.
    """

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    def obstacle(self, step: Step, variables: Mapping[str, str]) -> str:
        """Whether PowerShell is missing."""
        del step, variables
        return "" if _shell() else "PowerShell is not installed"

    async def run(self, job: Job) -> Outcome:
        """Run the script and wait for its end."""
        return await self._commands.run(job, _command)


def _shell() -> str | None:
    return shutil.which("powershell.exe") or shutil.which("pwsh")


def _command(scene: Scene) -> Command:
    """What starts the step's script.

    Raises:
        ValueError: The step cannot be run here; the message says why.
    """
    parameters = scene.job.parameters
    shell = _shell()
    if not shell:
        raise ValueError("PowerShell is not installed")
    source = parameters.written("OSDRunPowerShellScriptSourceScript")
    if source:
        script = scene.scratch / "script.ps1"
        script.write_text(_decoded(source), encoding="utf-8-sig")
    else:
        name = parameters.expanded("OSDRunPowerShellScriptScriptName")
        script = scene.where / name.replace("\\", "/")
        if not name or not script.is_file():
            raise ValueError(f"the script {name!r} is not in the step's package")
    policy = parameters.written("OSDRunPowerShellScriptExecutionPolicy") or "AllSigned"
    quoted = powershell.quote(parameters.parts("OSDRunPowerShellScriptParameters"))
    called = f"& {powershell.literal(str(script))} {quoted.text}; exit $LASTEXITCODE"
    return Command(
        [
            *(shell, "-NoLogo", "-NonInteractive", "-ExecutionPolicy", policy),
            *("-Command", called),
        ],
        environment=quoted.environment,
    )


def _decoded(source: str) -> str:
    try:
        return base64.b64decode(source, validate=True).decode("utf-16-le").lstrip("\ufeff")
    except (binascii.Error, UnicodeDecodeError):
        raise ValueError("the step's script is not base64 of UTF-16") from None
