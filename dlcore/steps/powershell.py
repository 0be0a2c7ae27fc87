"""The step *Run PowerShell Script*: a script of its own, or one in its package.

The step's exit code is the script's: what it gives to ``exit``, else the exit code of the last
program that it ran, else 0. A terminating error gives 1. Other errors are printed, and do not fail
the step.

Source: Microsoft Learn, "Task sequence steps", Run PowerShell Script; "about_PowerShell_exe",
parameter Command, for the exit codes.
"""

from __future__ import annotations

import base64
import binascii
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dlcore.printable import quoted
from dlcore.steps.commands import run_as
from dlcore.steps.commands.process import Command, Commands, Scene
from dlcore.steps.commands.quoting import powershell
from dlcore.steps.commands.working_folder import package_folder
from dlcore.steps.interface import CANNOT_RUN, Job, Outcome
from dlcore.tasksequence import Step, StepParameters

OUTPUT_VARIABLE: Final = "OSDRunPowerShellScriptOutputVariableName"

_SOURCE: Final = "OSDRunPowerShellScriptSourceScript"
_FILE: Final = "OSDRunPowerShellScriptScriptName"

_NO_SCRIPT: Final = f"the step has no script ({_SOURCE}) and names no file ({_FILE})"

_POLICIES: Final = (
    "AllSigned",
    "Bypass",
    "RemoteSigned",
    "Restricted",
    "Undefined",
    "Unrestricted",
)
"""Source: ConfigMgr SDK, SMS_TaskSequence_RunPowerShellScriptAction, property ExecutionPolicy."""

_DEFAULT_POLICY: Final = "AllSigned"  # the editor's; the strictest one that it offers


class RunPowerShellScript:
    """Runs a step's script. Implements `Executor`.

    Args:
        commands: Runs commands.
    """

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    def obstacle(self, step: Step, variables: Mapping[str, str]) -> str:
        """Whether the step names no script or another account, or PowerShell is missing."""
        parameters = StepParameters(step, variables)
        if not _shell():
            return "PowerShell is not installed"
        has_script = parameters.written(_SOURCE) or parameters.written(_FILE).strip()
        return run_as.POWERSHELL.obstacle(parameters) or ("" if has_script else _NO_SCRIPT)

    async def run(self, job: Job) -> Outcome:
        """Run the script and wait for its end."""
        if why := self.obstacle(job.step, job.variables):
            return Outcome(CANNOT_RUN, message=why)
        return await self._commands.run(
            job, _command, output_variable=job.parameters.expanded(OUTPUT_VARIABLE).strip()
        )


def _shell() -> str | None:
    return shutil.which("powershell.exe") or shutil.which("pwsh")


def _command(scene: Scene) -> Command:
    """What starts the step's script.

    Raises:
        ValueError: The step cannot be run here; the message says why.
    """
    parameters = scene.job.parameters
    script = _script(scene)
    quoted = powershell.quote(parameters.parts("OSDRunPowerShellScriptParameters"))
    called = f"& {powershell.literal(str(script))} {quoted.text}; exit $LASTEXITCODE"
    return Command(
        [
            _shell() or "",
            "-NoLogo",
            "-NonInteractive",
            "-ExecutionPolicy",
            _policy(parameters),
            "-Command",
            called,
        ],
        environment=quoted.environment,
    )


def _script(scene: Scene) -> Path:
    """The file of the script; one that the step itself contains is written first."""
    parameters = scene.job.parameters
    source = parameters.written(_SOURCE)
    if source:
        script = scene.scratch / "script.ps1"
        script.write_text(_decoded(source), encoding="utf-8-sig")
        return script
    name = parameters.expanded(_FILE)
    script = (package_folder(scene.job) or scene.where) / name.replace("\\", "/")
    if not name or not script.is_file():
        raise ValueError(f"the script {quoted(name)} is not in the step's package")
    return script


def _policy(parameters: StepParameters) -> str:
    asked = parameters.expanded("OSDRunPowerShellScriptExecutionPolicy").strip() or _DEFAULT_POLICY
    for policy in _POLICIES:
        if asked.lower() == policy.lower():
            return policy
    raise ValueError(f"{quoted(asked[:60])} is not an execution policy of PowerShell")


def _decoded(source: str) -> str:
    try:
        return base64.b64decode(source, validate=True).decode("utf-16-le").lstrip("\ufeff")
    except (binascii.Error, UnicodeDecodeError):
        raise ValueError("the step's script is not base64 of UTF-16") from None
