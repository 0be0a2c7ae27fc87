"""The step *Install Package*: it runs programs that were published with their packages.

Either the step names a package and a program, or it names the variables of a dynamic list:
``BASE001``, ``BASE002`` and so on, each with ``PACKAGE:program``. A list ends at its first gap. An
entry fails if it is not of that form, if its package id is in lower case, or if the program is not
published. The step ends with the first failure, unless it is to go on after one.

A program succeeds with 0 and with 3010, which asks for a restart of the machine. After a list, the
machine restarts once, at its end: a run cannot go on in the middle of a step.

Source: Microsoft Learn, "Task sequence steps", Install Package.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from dlcore.printable import quoted
from dlcore.steps.command_line import command_of
from dlcore.steps.commands.output_tail import MAX_SHOWN_LINES
from dlcore.steps.commands.process import Commands
from dlcore.steps.exit_codes import RESTART_REQUIRED
from dlcore.steps.interface import CANNOT_RUN, Job, Outcome
from dlcore.tasksequence import FrozenVariables, Step, StepParameters, package_id
from dlcore.tasksequence.step_types import INSTALL_SOFTWARE
from dlcore.tasksequence.variables import frozen

_log = logging.getLogger(__name__)

_MAX_MEMBERS: Final = 999  # a list's numbers have three digits
_SHOWN_NAME_CHARACTERS: Final = 100


class Installation(NamedTuple):
    """What is to be installed.

    Attributes:
        package: Id of a package; what stands in its place if it is not one.
        program: Name of one of its programs.
    """

    package: str
    program: str

    @property
    def named(self) -> str:
        """For messages."""
        shown = self.program[:_SHOWN_NAME_CHARACTERS]
        return f"program {quoted(shown)} of package {self.package[:_SHOWN_NAME_CHARACTERS]}"


class InstallPackage:
    """Runs the programs of packages. Implements `Executor`.

    Args:
        commands: Runs commands.
    """

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    def obstacle(self, step: Step, variables: Mapping[str, str]) -> str:
        """Whether the step says what it installs. A list may still become filled."""
        parameters = StepParameters(step, variables)
        if _list_base(step, parameters):
            return ""
        if not parameters.written("_SMSSWDProgramName").strip():
            return (
                "the step names no program (_SMSSWDProgramName) and no list of programs"
                " (BaseVariableName): name one in the step"
            )
        return (
            "" if _single(step, parameters).package else "the step names a program but no package"
        )

    async def run(self, job: Job) -> Outcome:
        """Run the step's program, or those of its list."""
        if why := self.obstacle(job.step, job.variables):
            return Outcome(CANNOT_RUN, message=why)
        base = _list_base(job.step, job.parameters)
        if base:
            return await self._install_all(job, list(_members(base, job.variables)))
        return await self._install(job, _single(job.step, job.parameters))

    async def _install_all(self, job: Job, texts: list[str]) -> Outcome:
        """An empty list installs nothing, and succeeds."""
        told = job.parameters.expanded("ContinueOnInstallError")
        goes_on = (told or _in_action(job.step, "continueOnError")).strip().lower() == "true"
        outcomes: list[Outcome] = []
        for text in texts:
            outcome = await self._install_member(job, text)
            outcomes.append(outcome)
            if outcome.exit_code and not goes_on:
                return _together(outcomes, outcome)
            if outcome.exit_code:
                _log.warning("step %d goes on: %s", job.step.index, outcome.message)
        return _together(outcomes, Outcome())

    async def _install_member(self, job: Job, text: str) -> Outcome:
        wanted = _member(text, job.variables)
        if not wanted.program:
            return _failure(job, f"{quoted(text[:_SHOWN_NAME_CHARACTERS])} is not PACKAGE:program")
        if package_id(wanted.package) != wanted.package:
            return _failure(job, f"{quoted(wanted.package)} is not a package id in upper case")
        return await self._install(job, wanted)

    async def _install(self, job: Job, wanted: Installation) -> Outcome:
        line = job.programs.get(wanted.package, {}).get(wanted.program)
        folder = job.content.get(wanted.package)
        if line is None or folder is None:
            return _failure(job, _not_published(wanted))
        outcome = await self._commands.run(job, lambda scene: command_of(line, scene), where=folder)
        return _judged(wanted, outcome)


def unpublished(
    step: Step, variables: Mapping[str, str], programs: Mapping[str, Mapping[str, str]]
) -> str:
    """Which program of a step is not published, as far as it can be told before the run.

    Args:
        step: Any step; the answer is empty for other types.
        variables: What is known of the variables then.
        programs: Package id -> name of a program -> its command line. A package that is not in
            it is left out.

    Returns:
        A clause without a full stop that names program, package and remedy; empty if there is none.
    """
    if step.type != INSTALL_SOFTWARE:
        return ""
    known, parameters = frozen(variables), StepParameters(step, variables)
    base = _list_base(step, parameters)
    named = (_member(text, known) for text in _members(base, known))
    for wanted in named if base else [_single(step, parameters)]:
        of_package = programs.get(wanted.package)
        if wanted.program and of_package is not None and wanted.program not in of_package:
            return _not_published(wanted)
    return ""


def _not_published(wanted: Installation) -> str:
    option = f"--program '{wanted.program[:_SHOWN_NAME_CHARACTERS]}=COMMAND'"
    return f"the {wanted.named} is not published; publish the package again with {option}"


def _single(step: Step, parameters: StepParameters) -> Installation:
    """What a step without a list names."""
    text = parameters.expanded("PackageID") or _in_action(step, "pkg")
    program = parameters.expanded("_SMSSWDProgramName").strip()
    return Installation(package_id(text) or text, program)


def _member(text: str, variables: FrozenVariables) -> Installation:
    """What an entry of a list names; without a program if it is not ``PACKAGE:program``."""
    package, _, program = variables.expand(text).partition(":")
    return Installation(package.strip(), program.strip())


def _judged(wanted: Installation, outcome: Outcome) -> Outcome:
    """The step's outcome for that of a program."""
    if outcome.exit_code in {0, RESTART_REQUIRED}:
        restart = outcome.exit_code == RESTART_REQUIRED
        return Outcome(restart=restart, output=outcome.output)
    why = outcome.message or f"exit code {outcome.exit_code}"
    return Outcome(outcome.exit_code, message=f"{wanted.named}: {why}", output=outcome.output)


def _together(outcomes: list[Outcome], last: Outcome) -> Outcome:
    """The step's outcome for those of a list: how it ended, and what all of them said."""
    said = [text for each in outcomes for text in (each.output, each.message) if text]
    if last.message:
        said.pop()  # it is the message of the step itself
    lines = "\n".join(said).split("\n")[-MAX_SHOWN_LINES:]
    restart = any(each.restart for each in outcomes)
    return Outcome(last.exit_code, restart, last.message, "\n".join(lines))


def _failure(job: Job, message: str) -> Outcome:
    return Outcome(CANNOT_RUN, message=job.variables.masked(message))


def _members(base: str, variables: FrozenVariables) -> Iterator[str]:
    """The entries of a dynamic list up to its first gap."""
    for number in range(1, _MAX_MEMBERS + 1):
        text = variables.get(f"{base}{number:03}") or variables.get(f"{base}{number:02}")
        if not text:
            return
        yield text


def _list_base(step: Step, parameters: StepParameters) -> str:
    """The base name of the list's variables; empty if the step names a program itself."""
    if "BaseVariableName" in parameters:
        return parameters.expanded("BaseVariableName").strip()
    return _in_action(step, "basevar")


def _in_action(step: Step, switch: str) -> str:
    """What a switch of ``smsswd.exe`` says in the step's action; empty if it is not there."""
    found = re.search(rf"\s/{switch}:([^\s\"]*)", step.action, re.IGNORECASE)
    return found[1] if found else ""
