"""Which variables a condition reads and a step writes: what may be decided before its time.

Guarantees: both answers are sets of names in upper case, and plain set arithmetic is right: if a
step's `variables_written` and a condition's `variables_read` have nothing in common, running the
step as its parameters say does not change the verdict. To that end a step whose list of variables
is open (MDT's Gather, a name that is itself quoted from a variable) writes
`ANY`, and whatever reads a variable reads `ANY` too.

Assumes that no step sets variables behind its parameters' back: a script may, through the COM
object ``Microsoft.SMS.TSEnvironment``, and nothing in an export tells. Whoever decides a
condition early because of this module decides it again when its step is due.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence

from dlcore.errors import TaskSequenceError
from dlcore.tasksequence import step_types as types
from dlcore.tasksequence.dynamic_rules import names_assigned
from dlcore.tasksequence.package_needs import needs, unresolved_needs
from dlcore.tasksequence.package_references import is_download
from dlcore.tasksequence.set_variable import assignment
from dlcore.tasksequence.step_parameters import StepParameters
from dlcore.tasksequence.step_types import ANY, step_type
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

_ALWAYS = frozenset(
    {
        "_SMSTSLASTACTIONRETCODE",
        "_SMSTSLASTACTIONSUCCEEDED",
        "_SMSTSLASTACTIONNAME",
        "_SMSTSCURRENTACTIONNAME",
        "_SMSTSLASTCONTENTDOWNLOADLOCATION",
    }
)
_MAX_UNKNOWN_PATHS = 99  # documented suffixes have two digits


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


def variables_written(step: Step, variables: Mapping[str, str] | None = None) -> frozenset[str]:
    """Names of the variables that running a step may set; `ANY` among them if the list is open.

    Args:
        step: Any step.
        variables: Current values, which override the step's parameters.
    """
    is_open = is_download(step) and bool(unresolved_needs(step, variables))
    return written_with(step, variables, needs(step, variables), is_open=is_open)


def written_with(
    step: Step, variables: Mapping[str, str] | None, packages: Sequence[str], *, is_open: bool
) -> frozenset[str]:
    """As `variables_written`, for a caller that knows the step's packages.

    Args:
        step: Any step.
        variables: Current values, which override the step's parameters.
        packages: Ids of the packages that the step may need.
        is_open: Whether it may need others, which are not known.
    """
    parameters = StepParameters(step, variables)
    known = step_type(step.type)
    outputs = known.output_parameters if known else _output_parameters(step)
    named = [*(known.writes if known else ())]
    named += [parameters.written(name).strip() for name in outputs]
    if step.type == types.SET_VARIABLE:
        named.append(assignment(step)[0])
    elif step.type == types.SET_DYNAMIC_VARIABLES:
        named += _assigned(step, variables)
    named += [f"_SMSTS{package}" for package in packages]
    paths: frozenset[str] = frozenset()
    if (packages or is_open) and is_download(step):
        named += [f"_SMSTSPackageCacheLocation{package}" for package in packages]
        base = parameters.written(types.DOWNLOAD_VARIABLE).strip()
        paths = _numbered(base, _MAX_UNKNOWN_PATHS if is_open else len(packages))
    return _ALWAYS.union(paths, (ANY if "%" in name else name.upper() for name in named if name))


def simulated_variables(step: Step, variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables that a step sets if it succeeds, as far as they do not depend on the machine.

    Args:
        step: Any step.
        variables: Current values, which override the step's parameters.
    """
    known = step_type(step.type)
    if known is None:
        return {}
    parameters = StepParameters(step, variables)
    found = dict(known.simulated)
    for name, values in known.simulated_if.items():
        if parameters.is_true(name):
            found.update(values)
    return found


def _assigned(step: Step, variables: Mapping[str, str] | None) -> Iterable[str]:
    try:
        return names_assigned(step, variables)
    except TaskSequenceError:  # the step fails then, and says why
        return (ANY,)


def _output_parameters(step: Step) -> list[str]:
    return [name for name in step.variables if name.upper().endswith("OUTPUTVARIABLENAME")]


@functools.lru_cache(maxsize=256)  # a sequence names the same few again and again
def _numbered(base: str, count: int) -> frozenset[str]:
    """Variables in which a download step says where the packages are, and the folder of all."""
    if not base:
        return frozenset()
    if "%" in base:
        return frozenset({ANY})
    numbered = (f"{base}{number:02}".upper() for number in range(1, count + 1))
    return frozenset({base.upper(), *numbered})
