"""Runs the commands of steps as child processes.

A command starts in the step's own folder if it names one, else in its package's, else in the folder
of the run. Its environment is that of `step_environment`. The COM object exists only on Windows, so
a command sets variables by appending ``NAME=value`` lines to the file that ``DLCORE_VARIABLES``
names. A command that takes too long, or whose step is cancelled, is ended with all that it has
started (`process_tree`). What a command inherits of its step lets a later run find it
(`dlcore.steps.interface.Inherited`).
"""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from dlcore.disk.faults import guarded
from dlcore.steps.commands.answers import VARIABLE, checked_name, read_answers
from dlcore.steps.commands.command_output import CommandOutput
from dlcore.steps.commands.process_tree import ProcessTree, new_tree
from dlcore.steps.commands.step_environment import step_environment
from dlcore.steps.commands.working_folder import scratch_folder, working_folder
from dlcore.steps.interface import CANNOT_RUN, Job, Outcome
from dlcore.tasksequence import Variables
from dlcore.waiting import begin_in_thread, in_thread, wait_for_all
from dlcore.work_threads import NoThreadError

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
    """Runs the commands of steps, their output passed through to standard error.

    Args:
        secret_variables: Names of environment variables that hold credentials. No command gets
            them.
        tree: Makes the tree of a command's processes from its mark.
    """

    def __init__(
        self,
        secret_variables: Collection[str] = (),
        *,
        tree: Callable[[str], ProcessTree] = new_tree,
    ) -> None:
        self._secret_variables = frozenset(secret_variables)
        self._tree = tree
        self._has_told = False

    async def run(
        self,
        job: Job,
        command_of: Callable[[Scene], Command],
        *,
        where: Path | None = None,
        output_variable: str = "",
    ) -> Outcome:
        """Run one command and wait for its end.

        Args:
            job: The step that it is for. Its variables are set when the command has ended.
            command_of: Says what to start. It raises ValueError, with the reason, if the step
                cannot be run.
            where: The folder in which it starts; None for the one that the step says.
            output_variable: The variable that gets the end of the output; empty for none.

        Returns:
            Its exit code, or why there is none. Neither message nor output contains a secret.
        """
        environment = self._environment(job.variables)
        with scratch_folder(job) as scratch:
            folder = where or working_folder(job, environment, scratch)
            scene = Scene(job, folder, environment, scratch)
            try:
                if output_variable:
                    checked_name(output_variable, "the output variable")
                command = command_of(scene)
                outcome = await _Execution(scene, self._tree).run(command, output_variable)
            except ValueError as error:
                outcome = Outcome(CANNOT_RUN, message=str(error))
        masked = job.variables.masked(job.step.variables.masked(outcome.message))
        return msgspec.structs.replace(outcome, message=masked)

    def _environment(self, variables: Variables) -> dict[str, str]:
        made = step_environment(os.environ, variables, self._secret_variables)
        if not self._has_told:
            self._has_told = True
            _log.info("not passed on to commands: %s", " ".join(made.withheld) or "nothing")
            _log.info("not set for commands: %s", " ".join(made.not_set) or "nothing")
        return made.values


class _Execution:
    """One command from its start to its end."""

    def __init__(self, scene: Scene, tree: Callable[[str], ProcessTree]) -> None:
        self._scene = scene
        self._job = scene.job
        self._answers = scene.scratch / "variables"
        self._tree = tree(str(self._answers))
        secret = (*self._job.variables.secret_values(), *self._job.step.variables.secret_values())
        self._secret_values = secret
        self._output = CommandOutput(secret)

    async def run(self, command: Command, output_variable: str) -> Outcome:
        """Start the command, and wait for its end.

        Raises:
            ValueError: What it wrote cannot be accepted; the text says why.
        """
        with guarded("make the file of a command's variables", self._answers):
            self._answers.touch()
        try:
            process = await self._started(command)
        except (OSError, ValueError) as error:  # ValueError: NUL in a text of the step's own
            self._output.abandon()
            return Outcome(CANNOT_RUN, message=self._cannot_start(error))
        except BaseException:
            self._output.abandon()
            raise
        code = await self._end_of(process)
        lines = self._output.lines()
        if code is None:
            message = f"ran longer than {self._job.step.timeout_s} s"
            return Outcome(TIMED_OUT, message=message, output=lines)
        _log.debug("step %d: exit code %d", self._job.step.index, code)
        try:
            self._job.variables.update(read_answers(self._answers))
        except ValueError as error:
            return Outcome(CANNOT_RUN, message=str(error), output=lines)
        if output_variable:
            self._set(output_variable, self._output.value())
        return Outcome(code & 0xFFFFFFFF, output=lines)

    async def _end_of(self, process: subprocess.Popen[bytes]) -> int | None:
        """Its exit code; None if it took too long. Nothing of it runs on after a cancellation."""
        code = None
        try:
            # Not wait_for: before Python 3.12 a cancellation can get lost in it.
            async with asyncio.timeout(self._job.step.timeout_s):
                code = await asyncio.to_thread(process.wait)
        except TimeoutError:
            pass
        finally:
            try:
                await in_thread(self._end, process)
            except NoThreadError:
                self._end(process)
        return code

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None:
            self._tree.end()
            process.wait()
        else:
            self._tree.release()
        self._output.finish()

    def _set(self, name: str, value: str) -> None:
        if any(secret in value for secret in self._secret_values):
            self._job.variables.mark_secret(name)
        self._job.variables[name] = value

    def _cannot_start(self, error: OSError | ValueError) -> str:
        """The error's own text may contain the value of a variable, as a part of a path."""
        reason = error.strerror if isinstance(error, OSError) else None
        start_in = self._job.step.start_in
        where = f" in {start_in}" if start_in else ""
        return f"cannot start{where}: {reason or type(error).__name__}"

    async def _started(self, command: Command) -> subprocess.Popen[bytes]:
        """Start the command. A cancellation waits until it has started, and ends it.

        It is not one of asyncio's processes: those take no command line as it is on Windows.
        """
        starting = begin_in_thread(self._start, command)
        try:
            await wait_for_all([starting])
        except asyncio.CancelledError:
            if not starting.exception():
                await in_thread(self._end, starting.result())
            raise
        return starting.result()

    def _start(self, command: Command) -> subprocess.Popen[bytes]:
        scene, output, inherited = self._scene, self._output, self._job.inherited
        own = {**command.environment, **inherited.environment, VARIABLE: str(self._answers)}
        process = subprocess.Popen(  # noqa: S603  # the step's author says what runs
            command.arguments,
            executable=command.program,
            cwd=scene.where,
            env={**scene.environment, **own},
            stdin=subprocess.DEVNULL,
            stdout=output.write_end,
            stderr=output.write_end,
            start_new_session=os.name == "posix",
            pass_fds=inherited.descriptors,
            creationflags=self._tree.creation_flags,
        )
        self._tree.adopt(process)
        try:
            output.begin()
        except RuntimeError:  # the system gives no thread: what nobody watches does not run
            self._tree.end()
            process.wait()
            raise
        return process
