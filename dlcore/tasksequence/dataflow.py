"""Which variables a condition reads and a step writes: what may be decided before its time.

Guarantees: both answers are sets of names in upper case, and plain set arithmetic is right: if a
step's `variables_written` and a condition's `variables_read` have nothing in common, running the
step as its parameters say does not change the verdict. To that end a step whose list of variables
is open (Set Dynamic Variables, MDT's Gather, a name that is itself quoted from a variable) writes
`ANY`, and whatever reads a variable reads `ANY` too.

Assumes that no step sets variables behind its parameters' back: a script may, through the COM
object ``Microsoft.SMS.TSEnvironment``, and nothing in an export tells. Whoever decides a
condition early because of this module decides it again when its step is due.
"""

from __future__ import annotations

from typing import Final

from dlcore.tasksequence import step_types as types
from dlcore.tasksequence.content import downloads, needs
from dlcore.tasksequence.set_variable import assignment
from dlcore.tasksequence.tree import (
    And,
    Condition,
    FileExpression,
    FolderExpression,
    Not,
    Or,
    OtherExpression,
    RegistryExpression,
    Step,
    VariableExpression,
    WmiExpression,
)
from dlcore.tasksequence.variables import names_quoted

ANY: Final = "*"  # no variable can have this name

_ALWAYS = (
    "_SMSTSLastActionRetCode",
    "_SMSTSLastActionSucceeded",
    "_SMSTSLastActionName",
    "_SMSTSLastContentDownloadLocation",
)
_BY_TYPE = {
    types.SET_DYNAMIC_VARIABLES: (ANY,),
    types.MDT_GATHER: (ANY,),
    types.UPGRADE: (
        "_SMSTSOSUpgradeActionReturnCode",
        "_SMSTSSetupRollback",
    ),
    types.RESTART: ("_SMSTSInWinPE",),
    types.PRESTART_CHECK: (
        *("_TS_CRMEMORY", "_TS_CRSPEED", "_TS_CRDISK", "_TS_CROSTYPE", "_TS_CRARCH"),
        *("_TS_CRMINOSVER", "_TS_CRMAXOSVER", "_TS_CRCLIENTMINVER", "_TS_CROSLANGUAGE"),
        *("_TS_CRACPOWER", "_TS_CRNETWORK", "_TS_CRWIRED"),
    ),
}
_OUTPUT_SUFFIX = "OUTPUTVARIABLENAME"
_DESTINATION = "OSDDownloadDestinationVariable"


def variables_read(condition: Condition | None) -> frozenset[str]:
    """Names of all variables on which a condition depends, and `ANY` if there are some."""
    return _with_any(_read(condition))


def names_read(text: str) -> frozenset[str]:
    """Names of all variables that a text quotes, and `ANY` if there are some."""
    return _with_any(names_quoted(text))


def _with_any(names: frozenset[str]) -> frozenset[str]:
    return names | {ANY} if names else names


def _read(condition: Condition | None) -> frozenset[str]:
    match condition:
        case None:
            return frozenset()
        case And(operands) | Or(operands):
            return frozenset[str]().union(*map(_read, operands))
        case Not(operand):
            return _read(operand)
        case VariableExpression(name=name, value=value):
            return names_quoted(value) | {name.upper()}
        case FileExpression(path=path, version=version):
            return _quoted(path, version)
        case FolderExpression(path=path):
            return names_quoted(path)
        case RegistryExpression(key_path=key, value_name=value, data=data):
            return _quoted(key, value, data)
        case WmiExpression(query=query, namespace=namespace):
            return _quoted(query, namespace)
        case OtherExpression(parameters=parameters):
            return _quoted(*parameters.values())


def _quoted(*texts: str) -> frozenset[str]:
    return frozenset[str]().union(*map(names_quoted, texts))


def variables_written(step: Step) -> frozenset[str]:
    """Names of the variables that running a step may set; `ANY` among them if the list is open."""
    named = [*_ALWAYS, *_BY_TYPE.get(step.type, ()), *_named_in(step), *_download_paths(step)]
    named += [f"_SMSTS{package}" for package in needs(step)]
    return frozenset(ANY if "%" in name else name.upper() for name in named)


def _named_in(step: Step) -> list[str]:
    """Names that the step's own parameters say it sets."""
    named = [
        value.strip()
        for name, value in step.variables.items()
        if name.upper().endswith(_OUTPUT_SUFFIX)
    ]
    if step.type == types.SET_VARIABLE:
        named.append(assignment(step)[0])
    return [name for name in named if name]


def _download_paths(step: Step) -> list[str]:
    base = step.variables.get(_DESTINATION, "").strip()
    count = len(downloads(step))
    return [f"{base}{number:02}" for number in range(1, count + 1)] if base else []
