"""Writes ``docs/task-sequences.md`` from dlcore's own tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from dlcore.engine.running.documented_variables import DOCUMENTED_VARIABLES
from dlcore.steps.refused import REFUSALS
from dlcore.tasksequence import step_types as types
from dlcore.tasksequence.step_types import ANY, PackageParameter, StepType
from tests.step_types.parameters import PARAMETERS

INTRODUCTION: Final = Path(__file__).with_name("introduction.md")

EXECUTED: Final[Mapping[str, str]] = {
    types.RUN_COMMAND_LINE: "runs the command in its package's folder, or in the folder that it"
    " names",
    types.RUN_POWERSHELL: "runs the script, its own or that of its package; PowerShell is needed",
    types.SET_VARIABLE: "sets the variable; an empty value removes it",
    types.SET_DYNAMIC_VARIABLES: "collects facts about the machine, then sets the"
    " variables of the rules that apply",
    types.RESTART: "ends the run with status 16; the next run continues after the step",
    types.PRESTART_CHECK: "makes the checks that it asks for; on Linux only those that can be"
    " answered there",
    types.INSTALL_SOFTWARE: "runs the programs that are published with the packages",
    types.DOWNLOAD_CONTENT: "puts the packages where it says, and sets the variables with their"
    " folders",
    types.DISABLE_BITLOCKER: "suspends the protection by `manage-bde`; Windows only",
    types.ENABLE_BITLOCKER: "begins or resumes the protection by `manage-bde`; Windows only. A PIN,"
    " a start-up key or a given recovery password is refused",
    types.UPGRADE: "starts Windows Setup of its package or folder; Windows only",
}
"""What ``run`` does with the step types that dlcore executes."""

_BY_ENGINE: Final = {types.SET_VARIABLE, types.SET_DYNAMIC_VARIABLES, types.DOWNLOAD_CONTENT}
_WHERE: Final = {"FullOS": "full OS", "WinPE": "Windows PE", "WinPEandFullOS": "both"}


def document() -> str:
    """The page."""
    return (
        "\n".join(
            [INTRODUCTION.read_text("utf-8"), *_step_types(), "", *_parameters(), "", *_variables()]
        )
        + "\n"
    )


def _step_types() -> Iterator[str]:
    yield "## Step types"
    yield (
        "`SMS_TaskSequence_` is left out of the types. A step that is simulated counts as"
        " successful unless the user says otherwise.\n\n"
        "A type that is not in this table needs an executor of its own. dlcore cannot know which"
        " of its parameters hold package ids.\nIt takes a parameter's value for a package only if"
        " the `<referenceList>` of the sequence names that package too. ConfigMgr writes the\n"
        "list when it saves a sequence; if you write a sequence by hand, add the entry:\n"
        '`<referenceList><reference package="ABC00012"/></referenceList>`, as the last child of'
        " `<sequence>`."
    )
    yield ""
    yield "| Step | Type | Runs in | `plan`: its packages | `run` | `run --simulate` |"
    yield "|---|---|---|---|---|---|"
    for kind in types.STEP_TYPES:
        cells = (
            kind.title,
            f"`{kind.name.removeprefix(types.PREFIX)}`",
            _WHERE[kind.runs_in],
            _planned(kind),
            _run(kind),
            _simulated(kind),
        )
        yield f"| {' | '.join(cells)} |"


def _planned(kind: StepType) -> str:
    told = [_packages(parameter) for parameter in kind.packages]
    if kind.content_note:
        only_if = ", ".join(f"`{name}`" for name in kind.noted_if)
        told.append(f"{f'if it has {only_if}: ' if only_if else ''}{kind.content_note}")
    return "; ".join(told) or "none"


def _packages(parameter: PackageParameter) -> str:
    is_list = ", a list" if parameter.is_list else ""
    is_possible = ", which it may need" if parameter.is_possible else ""
    return f"`{parameter.name}`{is_list}{is_possible}"


def _run(kind: StepType) -> str:
    if kind.name == types.SUBSEQUENCE:
        return f"runs the child's steps in its place; refused if {REFUSALS[kind.name]}"
    return EXECUTED.get(kind.name) or f"refused: {REFUSALS[kind.name]}"


def _simulated(kind: StepType) -> str:
    if kind.name in _BY_ENGINE:
        return "as `run`"
    if kind.name == types.SUBSEQUENCE:
        return "the child's steps are simulated"
    told = [f"`{name}` = {_value(value)}" for name, value in kind.simulated.items()]
    for parameter, values in kind.simulated_if.items():
        told.extend(f"if `{parameter}` is true, `{n}` = `{v}`" for n, v in values.items())
    if kind.name == types.PRESTART_CHECK:
        told = ["`1` for each check that it asks for, else empty (`_TS_CR...`)"]
    if told:
        return f"sets {'; '.join(told)}"
    changes = [name for name in kind.writes if name != ANY]
    if changes:
        names = ", ".join(f"`{name}`" for name in changes)
        return f"sets nothing unless the user says so: {names}"
    return "the run continues at once" if kind.name == types.RESTART else "sets nothing"


def _value(value: str) -> str:
    return f"`{value}`" if value else "empty"


def _parameters() -> Iterator[str]:
    yield "## Parameters"
    yield (
        "What the steps that dlcore runs read from their `<defaultVarList>`, as `<variable"
        ' name="PARAMETER">VALUE</variable>`. A task sequence\nvariable of the same name overrides'
        " a parameter, except those of *Set Task Sequence Variable* and the success codes. All"
        " steps also have the\nattributes `disable`, `runIn`, `continueOnError`, `retryCount`,"
        " `timeout` (seconds) and `successCodeList`."
    )
    yield ""
    yield "| Step | Parameter | What it says |"
    yield "|---|---|---|"
    for kind in types.STEP_TYPES:
        if kind.name not in EXECUTED:
            continue
        for parameter in kind.packages:
            ids = "ids of packages, separated by commas" if parameter.is_list else "id of a package"
            yield f"| {kind.title} | `{parameter.name}` | {ids} |"
        for name, meaning in PARAMETERS[kind.name].items():
            yield f"| {kind.title} | `{name}` | {meaning} |"


def _variables() -> Iterator[str]:
    yield "## Variables"
    yield (
        "All variables that Microsoft documents. *Parameter of a step*: the variable overrides the"
        " parameter of that name, if dlcore runs the step."
    )
    yield ""
    yield "| Variable | Use | Value, step or reason |"
    yield "|---|---|---|"
    for variable in DOCUMENTED_VARIABLES:
        yield f"| `{variable.name}` | {variable.use} | {variable.note} |"
