"""Runs command lines and scripts for real.

Knows the step types *Run Command Line*, *Run PowerShell Script* and *Restart Computer*; others
need an executor that can do what they stand for, and fail here saying so.

A command starts in the step's own folder if it names one, else in its package's. Task sequence
variables are in its environment. The COM object exists only on Windows, so a command sets variables
by appending ``NAME=value`` lines to the file that ``DLCORE_VARIABLES`` names.
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
import sys
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from dlcore.engine.executor import CANNOT_RUN, Outcome
from dlcore.tasksequence import Step, Variables, needs
from dlcore.tasksequence.step_types import RESTART, RUN_COMMAND_LINE, RUN_POWERSHELL
from dlcore.waiting import wait_for_all

_log = logging.getLogger(__name__)

TIMED_OUT = 0x800705B4  # ERROR_TIMEOUT as an HRESULT


class CommandExecutor:
    """Executes command lines and scripts as child processes, their output passed through."""

    async def run(self, step: Step, variables: Variables, content: Mapping[str, Path]) -> Outcome:
        """Run the step's command and wait for its end."""
        if step.type == RESTART:
            return Outcome(restart=True)
        with tempfile.TemporaryDirectory(
            prefix="dlcore-step-", ignore_cleanup_errors=True
        ) as scratch:
            try:
                command = _command(step, variables, content, Path(scratch))
            except ValueError as error:
                return Outcome(CANNOT_RUN, message=str(error))
            return await _execute(step, command, variables, content, Path(scratch))


def _command(
    step: Step, variables: Variables, content: Mapping[str, Path], scratch: Path
) -> str | list[str]:
    """A command line for the shell, or a program and its arguments.

    Raises:
        ValueError: The step cannot be run here; the message says why.
    """
    if step.type == RUN_COMMAND_LINE:
        line = variables.expand(step.variables.get("CommandLine") or _after_run(step.action))
        if not line.strip():
            raise ValueError("the step has no command line")
        return line
    if step.type == RUN_POWERSHELL:
        return _powershell(step, variables, content, scratch)
    raise ValueError(f"steps of the type {step.type} are not run by this executor")


def _after_run(action: str) -> str:
    """The command behind ``smsswd.exe /run:[PACKAGE]``."""
    match = re.match(r'\s*"?smsswd\.exe"?\s+/run:\S*\s+(.*)', action, re.IGNORECASE | re.DOTALL)
    return match.group(1) if match else ""


def _powershell(
    step: Step, variables: Variables, content: Mapping[str, Path], scratch: Path
) -> list[str]:
    shell = shutil.which("powershell.exe") or shutil.which("pwsh")
    if not shell:
        raise ValueError("PowerShell is not installed")
    source = step.variables.get("OSDRunPowerShellScriptSourceScript", "")
    if source:
        script = scratch / "script.ps1"
        script.write_text(_decoded(source), encoding="utf-8-sig")
    else:
        name = step.variables.get("OSDRunPowerShellScriptScriptName", "")
        script = _folder(step, variables, content) / variables.expand(name).replace("\\", "/")
        if not name or not script.is_file():
            raise ValueError(f"the script {name!r} is not in the step's package")
    policy = step.variables.get("OSDRunPowerShellScriptExecutionPolicy", "") or "AllSigned"
    parameters = variables.expand(step.variables.get("OSDRunPowerShellScriptParameters", ""))
    quoted = str(script).replace("'", "''")
    return [
        *(shell, "-NoLogo", "-NonInteractive", "-ExecutionPolicy", policy),
        *("-Command", f"& '{quoted}' {parameters}; exit $LASTEXITCODE"),
    ]


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


async def _execute(
    step: Step,
    command: str | list[str],
    variables: Variables,
    content: Mapping[str, Path],
    scratch: Path,
) -> Outcome:
    answers = scratch / "variables"
    answers.touch()
    where = _folder(step, variables, content)
    environment = _environment(variables) | {"DLCORE_VARIABLES": str(answers)}
    try:
        process = await _start(command, where, environment)
    except OSError as error:
        return Outcome(CANNOT_RUN, message=f"cannot start: {error}")
    try:
        # Not wait_for: before Python 3.12 a cancellation can get lost in it.
        async with asyncio.timeout(step.timeout_s):
            code = await process.wait()
    except TimeoutError:
        return Outcome(TIMED_OUT, message=f"ran longer than {step.timeout_s} s")
    finally:
        await _end(process)
    _take_over(variables, answers)
    _log.debug("step %d: exit code %d", step.index, code)
    return Outcome(code & 0xFFFFFFFF)


async def _start(
    command: str | list[str], where: Path, environment: dict[str, str]
) -> asyncio.subprocess.Process:
    """Start the command; its output goes to standard error, since the report owns the other.

    A cancellation waits until it has started, and ends it. asyncio would end only the shell, which
    may have started other processes by then.
    """
    start = (
        partial(asyncio.create_subprocess_shell, command)
        if isinstance(command, str)
        else partial(asyncio.create_subprocess_exec, *command)
    )
    starting = asyncio.ensure_future(
        start(
            cwd=where,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
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


async def _end(process: asyncio.subprocess.Process) -> None:
    """Leave no process behind."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            if os.name == "posix":
                os.killpg(process.pid, 9)
            else:
                process.kill()
        await process.wait()


def _environment(variables: Variables) -> dict[str, str]:
    usable = {n: v for n, v in variables.items() if n and "=" not in n and "\0" not in n + v}
    return {**os.environ, **usable}


def _take_over(variables: Variables, answers: Path) -> None:
    """Set what the command asked to be set; it may have removed the file."""
    text = answers.read_text(encoding="utf-8", errors="replace") if answers.is_file() else ""
    for line in text.split("\n"):
        name, found, value = line.removesuffix("\r").partition("=")
        if found and name.strip():
            variables[name.strip()] = value
