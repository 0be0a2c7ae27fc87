"""What a *Set Task Sequence Variable* step sets."""

from __future__ import annotations

import re

from dlcore.tasksequence.tree import Step

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
