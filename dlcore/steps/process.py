"""Runs the commands of steps as child processes, and leaves none of them running behind.

A command starts in the step's own folder if it names one, else in its package's, else in the folder
of the run. Its environment is that of `step_environment`. The COM object exists only on Windows, so
a command sets variables by appending ``NAME=value`` lines to the file that ``DLCORE_VARIABLES``
names.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from dlcore.steps.answers import VARIABLE, read_answers
from dlcore.steps.interface import CANNOT_RUN, Job, Outcome
from dlcore.steps.step_environment import step_environment
from dlcore.tasksequence import Step, Variables, needs
from dlcore.waiting import in_thread, wait_for_all

_log = logging.getLogger(__name__)

TIMED_OUT: Final = 0x800705B4  # ERROR_TIMEOUT as an HRESULT


class Scene(NamedTuple):
    """Where a step's command runs.

    Attributes:
        job: What it runs for.
        where: The folder in which it starts.
        environment: Its environment.
        scratch: A folder of its own, removed when it has ended.
    """

    job: Job
    where: Path
    environment: dict[str, str]
    scratch: Path


class Command(NamedTuple):
    """What is started.

    Attributes:
        arguments: A list, or one text: a command line for ``CreateProcess``.
        program: The file to execute, if the arguments do not name it.
        environment: What it gets besides the environment of its scene.
    """

    arguments: str | list[str]
    program: str | None = None
    environment: Mapping[str, str] = {}


class Commands:
    """Runs the commands of steps, their output passed through.

    Args:
        secret_variables: Names of environment variables that hold credentials. No command gets
            them.
    """

    def __init__(self, secret_variables: Collection[str] = ()) -> None:
        self._secret_variables = frozenset(secret_variables)
        self._has_told = False

    async def run(self, job: Job, command_of: Callable[[Scene], Command]) -> Outcome:
        """Run one command and wait for its end.

        Args:
            job: The step that it is for.
            command_of: Says what to start. It raises ValueError, with the reason, if the step
                cannot be run.
        """
        environment = self._environment(job.variables)
        with tempfile.TemporaryDirectory(
            prefix="dlcore-step-", ignore_cleanup_errors=True
        ) as scratch:
            scene = Scene(job, _folder(job) or Path(scratch), environment, Path(scratch))
            try:
                command = command_of(scene)
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


def _folder(job: Job) -> Path | None:
    """Where the step starts; None if nothing says it."""
    if job.step.start_in:
        return Path(job.variables.expand(job.step.start_in))
    for package in needs(job.step, job.variables):
        if package in job.content:
            return job.content[package]
    return job.work_folder


async def _execute(command: Command, scene: Scene) -> Outcome:
    step, answers = scene.job.step, scene.scratch / "variables"
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
        scene.job.variables.update(read_answers(answers))
    except ValueError as error:
        return Outcome(CANNOT_RUN, message=str(error))
    return Outcome(code & 0xFFFFFFFF)


def _cannot_start(step: Step, error: OSError | ValueError) -> str:
    """The error's own text may contain the value of a variable, as a part of a path."""
    reason = error.strerror if isinstance(error, OSError) else None
    where = f" in {step.start_in}" if step.start_in else ""
    return f"cannot start{where}: {reason or type(error).__name__}"


async def _start(command: Command, scene: Scene, own: Mapping[str, str]) -> subprocess.Popen[bytes]:
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
