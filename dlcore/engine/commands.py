"""Runs command lines and scripts for real.

Knows the step types *Run Command Line*, *Run PowerShell Script* and *Restart Computer*; others
need an executor that can do what they stand for, and fail here saying so.

A command starts in the step's own folder if it names one, else in its package's. Its environment is
that of `step_environment`. The value of a variable that its line quotes is data: see `quoting`. On
Windows the line itself is started, as ConfigMgr does it; elsewhere a shell runs it. The COM object
exists only on Windows, so a command sets variables by appending ``NAME=value`` lines to the file
that ``DLCORE_VARIABLES`` names.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from dlcore.engine.answers import VARIABLE, read_answers
from dlcore.engine.executor import CANNOT_RUN, Outcome
from dlcore.engine.quoting import posix, powershell, windows
from dlcore.engine.step_environment import step_environment
from dlcore.tasksequence import Step, Variables, needs
from dlcore.tasksequence.step_types import RESTART, RUN_COMMAND_LINE, RUN_POWERSHELL
from dlcore.waiting import in_thread, wait_for_all

_log = logging.getLogger(__name__)

TIMED_OUT = 0x800705B4  # ERROR_TIMEOUT as an HRESULT
SHELL = "/bin/sh"


class CommandExecutor:
    """Executes command lines and scripts as child processes, their output passed through.

    Args:
        secret_variables: Names of environment variables that hold credentials, as
            `dlcore.Deployment.secret_variables` tells them. No command gets them.
    """

    def __init__(self, secret_variables: Collection[str] = ()) -> None:
        self._secret_variables = frozenset(secret_variables)
        self._has_told = False

    async def run(self, step: Step, variables: Variables, content: Mapping[str, Path]) -> Outcome:
        """Run the step's command and wait for its end."""
        if step.type == RESTART:
            return Outcome(restart=True)
        environment = self._environment(variables)
        with tempfile.TemporaryDirectory(
            prefix="dlcore-step-", ignore_cleanup_errors=True
        ) as scratch:
            where = _folder(step, variables, content)
            scene = _Scene(step, variables, where, environment, Path(scratch))
            try:
                command = _command(scene)
            except ValueError as error:
                return Outcome(CANNOT_RUN, message=str(error))
            return await _execute(command, scene)

    def _environment(self, variables: Variables) -> dict[str, str]:
        made = step_environment(os.environ, variables, self._secret_variables)
        if not self._has_told:
            self._has_told = True
            _log.info("not passed on to commands: %s", " ".join(made.withheld) or "nothing")
            _log.info("not set for commands: %s", " ".join(made.not_set) or "nothing")
        return made.values


class _Scene(NamedTuple):
    """What a step is run with."""

    step: Step
    variables: Variables
    where: Path
    environment: dict[str, str]
    scratch: Path


class _Command(NamedTuple):
    """What is started; a text is a command line for ``CreateProcess``."""

    arguments: str | list[str]
    program: str | None = None
    environment: Mapping[str, str] = {}


def _command(scene: _Scene) -> _Command:
    """What the step asks to be started.

    Raises:
        ValueError: The step cannot be run here; the message says why.
    """
    if scene.step.type == RUN_COMMAND_LINE:
        line = scene.step.variables.get("CommandLine") or _after_run(scene.step.action)
        return _command_line(line, scene)
    if scene.step.type == RUN_POWERSHELL:
        return _powershell(scene)
    raise ValueError(f"steps of the type {scene.step.type} are not run by this executor")


def _after_run(action: str) -> str:
    """The command behind ``smsswd.exe /run:[PACKAGE]``."""
    match = re.match(r'\s*"?smsswd\.exe"?\s+/run:\S*\s+(.*)', action, re.IGNORECASE | re.DOTALL)
    return match.group(1) if match else ""


def _command_line(line: str, scene: _Scene) -> _Command:
    if not scene.variables.expand(line).strip():
        raise ValueError("the step has no command line")
    if os.name == "posix":
        quoted = posix.quote(scene.variables.parts(line))
        return _Command([SHELL, "-c", quoted.text], environment=quoted.environment)
    found = windows.quote(
        line, scene.variables, scene.environment, lambda name: _found(name, scene)
    )
    return _Command(found.text, program=found.program)


def _found(program: str, scene: _Scene) -> str:
    """The file that a program's name stands for, the step's folder first."""
    path = scene.environment.get("PATH", os.defpath)
    return shutil.which(str(scene.where / program)) or shutil.which(program, path=path) or program


def _powershell(scene: _Scene) -> _Command:
    step, variables = scene.step, scene.variables
    shell = shutil.which("powershell.exe") or shutil.which("pwsh")
    if not shell:
        raise ValueError("PowerShell is not installed")
    source = step.variables.get("OSDRunPowerShellScriptSourceScript", "")
    if source:
        script = scene.scratch / "script.ps1"
        script.write_text(_decoded(source), encoding="utf-8-sig")
    else:
        name = step.variables.get("OSDRunPowerShellScriptScriptName", "")
        script = scene.where / variables.expand(name).replace("\\", "/")
        if not name or not script.is_file():
            raise ValueError(f"the script {name!r} is not in the step's package")
    policy = step.variables.get("OSDRunPowerShellScriptExecutionPolicy", "") or "AllSigned"
    parameters = powershell.quote(
        variables.parts(step.variables.get("OSDRunPowerShellScriptParameters", ""))
    )
    called = f"& {powershell.literal(str(script))} {parameters.text}; exit $LASTEXITCODE"
    return _Command(
        [
            *(shell, "-NoLogo", "-NonInteractive", "-ExecutionPolicy", policy),
            *("-Command", called),
        ],
        environment=parameters.environment,
    )


def _decoded(source: str) -> str:
    try:
        return base64.b64decode(source, validate=True).decode("utf-16-le").lstrip("\ufeff")
    except (binascii.Error, UnicodeDecodeError):
        raise ValueError("the step's script is not base64 of UTF-16") from None


def _folder(step: Step, variables: Variables, content: Mapping[str, Path]) -> Path:
    """Where the step starts."""
    if step.start_in:
        return Path(variables.expand(step.start_in))
    for package in needs(step, variables):
        if package in content:
            return content[package]
    return Path.cwd()


async def _execute(command: _Command, scene: _Scene) -> Outcome:
    step, answers = scene.step, scene.scratch / "variables"
    answers.touch()
    try:
        process = await _start(command, scene, {VARIABLE: str(answers)})
    except (OSError, ValueError) as error:  # ValueError: NUL in a text of the step's own
        return Outcome(CANNOT_RUN, message=_cannot_start(step, error))
    try:
        # Not wait_for: before Python 3.12 a cancellation can get lost in it.
        async with asyncio.timeout(step.timeout_s):
            code = await asyncio.to_thread(process.wait)
    except TimeoutError:
        return Outcome(TIMED_OUT, message=f"ran longer than {step.timeout_s} s")
    finally:
        await _end(process)
    _log.debug("step %d: exit code %d", step.index, code)
    try:
        scene.variables.update(read_answers(answers))
    except ValueError as error:
        return Outcome(CANNOT_RUN, message=str(error))
    return Outcome(code & 0xFFFFFFFF)


def _cannot_start(step: Step, error: OSError | ValueError) -> str:
    """The error's own text may contain the value of a variable, as a part of a path."""
    reason = error.strerror if isinstance(error, OSError) else None
    where = f" in {step.start_in}" if step.start_in else ""
    return f"cannot start{where}: {reason or type(error).__name__}"


async def _start(
    command: _Command, scene: _Scene, own: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start the command; its output goes to standard error, since the report owns the other.

    A cancellation waits until it has started, and ends it. It is not one of asyncio's processes:
    those take no command line as it is on Windows.
    """
    starting = asyncio.ensure_future(
        asyncio.to_thread(
            subprocess.Popen,
            command.arguments,
            executable=command.program,
            cwd=scene.where,
            env={**scene.environment, **command.environment, **own},
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            stderr=sys.stderr,
            start_new_session=os.name == "posix",
        )
    )
    try:
        await wait_for_all([starting])
    except asyncio.CancelledError:
        if not starting.exception():
            await _end(starting.result())
        raise
    return starting.result()


async def _end(process: subprocess.Popen[bytes]) -> None:
    """Leave no process behind."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            if os.name == "posix":
                os.killpg(process.pid, 9)
            else:
                process.kill()
        await in_thread(process.wait)
