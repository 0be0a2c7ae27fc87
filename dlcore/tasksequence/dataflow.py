"""Which variables a condition reads and a step writes: what may be decided before its time.

Guarantees: `variables_read` is a superset of what evaluating looks up; `variables_written` covers
what a step is documented to set. A step whose list of variables is open (Set Dynamic Variables,
MDT's Gather, a name that is itself quoted from a variable) writes `ALL`.

Assumes that no other step sets variables behind its parameters' back: a script may, through the
COM object ``Microsoft.SMS.TSEnvironment``, and nothing in an export tells. Whoever decides a
condition early because of this module decides it again when its step is due.
"""

from __future__ import annotations

import enum
import re
from typing import Final, Literal, TypeAlias

from dlcore.tasksequence.content import downloads, needs
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


class Everything(enum.Enum):
    """The type of `ALL`."""

    ALL = "all"


ALL: Final = Everything.ALL
Written: TypeAlias = frozenset[str] | Literal[Everything.ALL]

_PREFIX = "SMS_TaskSequence_"
_OPEN_TYPES = {_PREFIX + "SetDynamicVariablesAction", "BDD_Gather"}
_ALWAYS = (
    "_SMSTSLastActionRetCode",
    "_SMSTSLastActionSucceeded",
    "_SMSTSLastActionName",
    "_SMSTSLastContentDownloadLocation",
)
_BY_TYPE = {
    _PREFIX + "UpgradeOperatingSystemAction": (
        "_SMSTSOSUpgradeActionReturnCode",
        "_SMSTSSetupRollback",
    ),
    _PREFIX + "RebootAction": ("_SMSTSInWinPE",),
    _PREFIX + "PrestartCheckAction": (
        *("_TS_CRMEMORY", "_TS_CRSPEED", "_TS_CRDISK", "_TS_CROSTYPE", "_TS_CRARCH"),
        *("_TS_CRMINOSVER", "_TS_CRMAXOSVER", "_TS_CRCLIENTMINVER", "_TS_CROSLANGUAGE"),
        *("_TS_CRACPOWER", "_TS_CRNETWORK", "_TS_CRWIRED"),
    ),
}
_SET_VARIABLE = _PREFIX + "SetVariableAction"
_SET_ACTION = re.compile(r'^\s*"?tsenv\.exe"?\s+"?([^="\s]+)=', re.IGNORECASE)
_OUTPUT_SUFFIX = "OUTPUTVARIABLENAME"
_DESTINATION = "OSDDownloadDestinationVariable"


def variables_read(condition: Condition | None) -> frozenset[str]:
    """Names, in upper case, of all variables on which a condition depends."""
    match condition:
        case None:
            return frozenset()
        case And(operands) | Or(operands):
            return frozenset[str]().union(*map(variables_read, operands))
        case Not(operand):
            return variables_read(operand)
        case VariableExpression(name=name, value=value):
            return names_quoted(value) | {name.upper()}
        case FileExpression(path=path, version=version):
            return names_quoted(path) | names_quoted(version)
        case FolderExpression(path=path):
            return names_quoted(path)
        case RegistryExpression(key_path=key, value_name=value, data=data):
            return names_quoted(key) | names_quoted(value) | names_quoted(data)
        case WmiExpression(query=query, namespace=namespace):
            return names_quoted(query) | names_quoted(namespace)
        case OtherExpression(parameters=parameters):
            return frozenset[str]().union(*map(names_quoted, parameters.values()))


def variables_written(step: Step) -> Written:
    """Names, in upper case, of the variables that running a step may set, or `ALL`."""
    if step.type in _OPEN_TYPES:
        return ALL
    named = [*_ALWAYS, *_BY_TYPE.get(step.type, ()), *_named_in(step), *_download_paths(step)]
    named += [f"_SMSTS{package}" for package in needs(step)]
    if any("%" in name for name in named):
        return ALL
    return frozenset(name.upper() for name in named)


def may_write(step: Step, names: frozenset[str]) -> bool:
    """Whether running a step may set any of ``names`` (in upper case)."""
    written = variables_written(step)
    return bool(names) if written is ALL else not names.isdisjoint(written)


def _named_in(step: Step) -> list[str]:
    """Names that the step's own parameters say it sets."""
    named = [
        value.strip()
        for name, value in step.variables.items()
        if name.upper().endswith(_OUTPUT_SUFFIX)
    ]
    if step.type == _SET_VARIABLE:
        found = _SET_ACTION.match(step.action)
        named.append(step.variables.get("VariableName") or (found[1] if found else ""))
    return [name for name in named if name]


def _download_paths(step: Step) -> list[str]:
    base = step.variables.get(_DESTINATION, "").strip()
    count = len(downloads(step))
    return [f"{base}{number:02}" for number in range(1, count + 1)] if base else []
