"""Where a step names packages: in parameters, in its action, in its command line, in lists.

Guarantees: of a type that ``step_types`` knows, only its package parameters count; text that
merely looks like a package id (``C1900200`` is an exit code of Windows setup) never does, nor do
child task sequences and applications. Of any other type, a parameter that is exactly a package id
counts, and the id in an action that begins with ``smsswd.exe``, if the sequence's own reference
list has it too. A task sequence variable of a parameter's name overrides it.

Source: exports published by Microsoft and by users; ConfigMgr SDK, task sequence action classes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from dlcore.package_ids import NO_PACKAGE, package_id
from dlcore.tasksequence import step_types as types
from dlcore.tasksequence.step_parameters import StepParameters
from dlcore.tasksequence.step_types import PackageParameter, step_type
from dlcore.tasksequence.tree import Step
from dlcore.tasksequence.variables import FrozenVariables

MAX_LIST_MEMBERS = 999  # documented for lists of three digits
_MAX_DOWNLOADS = 10_000
_SEPARATORS = re.compile(r"[\s,;]+")
_RUNNER = r'(?:"(?:[^"]*[\\/])?smsswd(?:\.exe)?"|(?:\S*[\\/])?smsswd(?:\.exe)?)'
_AFTER_RUN = re.compile(rf"\s*{_RUNNER}\s+/run:\S*(?:\s+(.*)|\Z)", re.IGNORECASE | re.DOTALL)
PROGRAM = re.compile(r'\s*(?:"([^"]*)"|(\S*))\s*(.*)', re.DOTALL)
_RUN_PACKAGE = re.compile(r'/(?:run|pkg):([^\s"]+)', re.IGNORECASE)
_JOINED = re.compile("[&|]")  # what joins commands of a shell
SHELLS = frozenset({"cmd", "cmd.exe"})
_DOWNLOADERS = frozenset({"osddownloadcontent", "osddownloadcontent.exe"})
PACKAGE_RUNNERS = frozenset({"smsswd", "smsswd.exe"})


class PackageReference(NamedTuple):
    """A text in which a step names packages.

    Attributes:
        parameter: The step's parameter; empty if the action or the command line has the text.
        text: As its author wrote it.
        is_list: It may name several.
        is_possible: The step may need them, and may not.
    """

    parameter: str
    text: str
    is_list: bool = False
    is_possible: bool = False

    def members(self, known: FrozenVariables) -> list[str]:
        """The texts that should be package ids; what stands for nothing is left out.

        Args:
            known: Variables that the text may quote: it is expanded first, and split then.

        Raises:
            TaskSequenceError: It becomes too long.
        """
        text = known.expand(self.text)
        parts = _SEPARATORS.split(text) if self.is_list else [text.strip()]
        return [part for part in parts if part not in ("", NO_PACKAGE)]


def package_references(step: Step, variables: Mapping[str, str]) -> Iterator[PackageReference]:
    """The texts in which a step names packages, in order of use; dynamic lists are not in it.

    Args:
        step: Any step.
        variables: Current values: they override the step's parameters.
    """
    parameters = StepParameters(step, variables)
    if is_download(step):
        yield from _downloads(step, parameters)
    known = step_type(step.type)
    if known is None:
        yield from _listed(step, parameters)
        return
    for parameter in known.packages:
        if parameter.name != types.DOWNLOAD_LIST:
            yield from _named(step, parameter, parameters)
    if step.type == types.RUN_COMMAND_LINE:
        package = _package_run(command_text(step, parameters))
        if package:
            yield PackageReference("", package)


def is_download(step: Step) -> bool:
    """Whether a step downloads package content for later steps.

    It is of that type, or it runs the program behind that type, ``OSDDownloadContent.exe``, as a
    command line: its parameters are task sequence variables then.
    """
    if step.type == types.DOWNLOAD_CONTENT:
        return True
    if step.type != types.RUN_COMMAND_LINE:
        return False
    command = command_text(step, StepParameters(step))
    name, rest = _started(command)
    is_alone = _started(command, behind_shells=False)[0] == name or not _JOINED.search(rest)
    return name in _DOWNLOADERS and is_alone


def command_text(step: Step, parameters: StepParameters) -> str:
    """The command line of a Run Command Line step, as its author wrote it; may be empty."""
    return parameters.written("CommandLine") or after_run(step.action) or ""


def after_run(line: str) -> str | None:
    """What ``smsswd.exe /run:`` is to start; None if the line does not begin with it."""
    found = _AFTER_RUN.match(line)
    return (found[1] or "") if found else None


def programs_started(command: str) -> tuple[str, ...]:
    """The file names, in lower case, of the programs that a command line starts.

    Those that a shell at its beginning joins with ``&`` or ``|`` are among them.
    """
    parts = [command]
    if _started(command, behind_shells=False)[0] in SHELLS:
        parts = _JOINED.split(command)
    return tuple(name for part in parts if (name := _started(part)[0].strip('"')))


def list_base(step: Step, variables: Mapping[str, str]) -> str:
    """Base name of the variables that list an Install Package step's packages; mostly empty."""
    if step.type != types.INSTALL_SOFTWARE:
        return ""
    parameters = StepParameters(step, variables)
    if types.LIST_BASE in parameters:
        return parameters.expanded(types.LIST_BASE).strip()
    found = re.search(r"\s/basevar:([^\s\"]*)", step.action, re.IGNORECASE)
    return found[1] if found else ""


def list_members(base: str, known: FrozenVariables) -> Iterator[str]:
    """What a dynamic list has in place of package ids, in its order, expanded."""
    for number in range(1, MAX_LIST_MEMBERS + 1 if base else 0):
        value = known.get(f"{base}{number:03}") or known.get(f"{base}{number:02}")
        if not value:  # the engine stops at the first gap, too
            return
        yield known.expand(value).partition(":")[0]


def packages_listed(
    kind: str, parameters: Mapping[str, str], action: str, listed: frozenset[str]
) -> tuple[str, ...]:
    """The packages that a step of a type that is not known names, and a reference list too.

    Args:
        kind: The step's type.
        parameters: The step's own.
        action: The step's action.
        listed: The ids in the reference list.
    """
    if step_type(kind) is not None:
        return ()
    found = map(package_id, (*parameters.values(), _package_run(action)))
    return tuple(dict.fromkeys(wanted for wanted in found if wanted and wanted in listed))


def _started(command: str, *, behind_shells: bool = True) -> tuple[str, str]:
    """The file name of the program that a command line starts, in lower case, and the rest.

    ``cmd /c`` and ``cmd /k`` count as what they start if ``behind_shells``.
    """
    while found := PROGRAM.match(command):
        name = re.split(r"[\\/]", found[1] or found[2] or "")[-1].lower()
        is_shell = behind_shells and name in SHELLS
        if not is_shell or found[3][:2].lower() not in ("/c", "/k"):
            return name, found[3]
        command = found[3][2:]
    return "", ""


def _package_run(command: str) -> str:
    """The package that a command line runs with ``smsswd.exe``, as written; empty if none."""
    program, rest = _started(command)
    found = _RUN_PACKAGE.match(rest) if program in PACKAGE_RUNNERS else None
    return found[1] if found else ""


def _named(
    step: Step, parameter: PackageParameter, parameters: StepParameters
) -> Iterator[PackageReference]:
    if parameter.name in parameters:
        text = parameters.written(parameter.name)
    elif parameter.switch and (found := re.search(parameter.switch, step.action, re.IGNORECASE)):
        text = found[1]
    else:
        return
    yield PackageReference(parameter.name, text, parameter.is_list, parameter.is_possible)


def _downloads(step: Step, parameters: StepParameters) -> Iterator[PackageReference]:
    """The list counts if there is one; the numbered parameters repeat it with more detail.

    Source: exports; Microsoft Learn, "Task sequence steps: Download Package Content".
    """
    listed = parameters.written(types.DOWNLOAD_LIST)
    if not listed.strip() and step.type != types.DOWNLOAD_CONTENT:
        listed = f"%{types.DOWNLOAD_LIST}%"
    if listed.strip():
        yield PackageReference(types.DOWNLOAD_LIST, listed, is_list=True)
        return
    count = parameters.expanded("OSDPackageCount").strip()
    numbered = min(int(count), _MAX_DOWNLOADS) if re.fullmatch("[0-9]{1,5}", count) else 0
    for number in range(numbered):
        name = f"OSDPackage{number}PackageId"
        yield PackageReference(name, parameters.written(name))


def _listed(step: Step, parameters: StepParameters) -> Iterator[PackageReference]:
    left = dict.fromkeys(step.listed_packages)
    for name, value in step.variables.items():
        wanted = package_id(value)
        if wanted in step.listed_packages:
            yield PackageReference(name, parameters.written(name))
            left.pop(wanted or "", None)
    for package in left:
        yield PackageReference("", package)
