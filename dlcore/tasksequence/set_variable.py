"""What a *Set Task Sequence Variable* step sets, and what a step may set.

Source: Microsoft Learn, "How to use task sequence variables": "You can't set a read-only variable
by using the Set Task Sequence Variable step", and their names begin with ``_``.
"""

from __future__ import annotations

import re
from typing import Final

from dlcore.errors import ConfigError
from dlcore.tasksequence.tree import Step
from dlcore.tasksequence.variables import Variables

_READ_ONLY_PREFIX: Final = "_"
_WRITABLE: Final = frozenset({"_OSDMIGRATEUSMTPACKAGEID", "_OSDMIGRATEUSMTRESTOREPACKAGEID"})
"""Documented as inputs of steps, although their names begin like those of read-only variables."""

_TSENV = re.compile(
    r'\s*"?tsenv\.exe"?\s+"?([^="\s]+)=(.*?)"?\s*(?:/hiddenflag:(\w*)\s*)?',
    re.IGNORECASE | re.DOTALL,
)
_HIDDEN_FLAG = "DoNotShowVariableValue"
_HIDDEN_VALUE = "HiddenVariableValue"
"""Source: ConfigMgr SDK, SMS_TaskSequence_SetVariableAction."""


def is_hidden(step: Step) -> bool:
    """Whether the value that the step sets is not to be shown."""
    found = _TSENV.fullmatch(step.action)
    flag = step.variables.get(_HIDDEN_FLAG) or (found[3] if found else "")
    return (flag or "").strip().lower() == "true"


def assignment(step: Step) -> tuple[str, str]:
    """Name and value that the step sets, not expanded; the name is empty if none can be told.

    Old exports have them in the action only. A value that is not to be shown may have a parameter
    of its own.
    """
    name = step.variables.get("VariableName", "").strip()
    if name:
        value = step.variables.get("VariableValue", "")
        return name, value or (step.variables.get(_HIDDEN_VALUE, "") if is_hidden(step) else "")
    found = _TSENV.fullmatch(step.action)
    return (found[1], found[2]) if found else ("", "")


def is_read_only(name: str) -> bool:
    """Whether a step may not set the variable."""
    name = name.strip()
    return name.startswith(_READ_ONLY_PREFIX) and name.upper() not in _WRITABLE


def set_variable(variables: Variables, name: str, value: str) -> None:
    """Set a variable as the step does; an empty value removes it.

    Raises:
        ConfigError: The variable is read-only.
    """
    if is_read_only(name):
        raise ConfigError(
            f"the variable {name} is read-only",
            remedy="Give the variable a name that begins with a letter.",
        )
    if value:
        variables[name] = value
    else:
        variables.pop(name, None)


def remove_empty(variables: Variables) -> None:
    """Remove the variables that a step has set to an empty text, as the documentation says.

    Source: Microsoft Learn, "How to use task sequence variables": "To delete a variable, set the
    variable value to an empty string."
    """
    for name in [name for name, value in variables.items() if not value]:
        del variables[name]
