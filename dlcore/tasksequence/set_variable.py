"""What a *Set Task Sequence Variable* step sets."""

from __future__ import annotations

import re

from dlcore.tasksequence.tree import Step

_TSENV = re.compile(r'\s*"?tsenv\.exe"?\s+"?([^="\s]+)=(.*?)"?\s*', re.IGNORECASE | re.DOTALL)


def assignment(step: Step) -> tuple[str, str]:
    """Name and value that the step sets, not expanded; the name is empty if none can be told.

    Old exports have them in the action only.
    """
    name = step.variables.get("VariableName", "").strip()
    if name:
        return name, step.variables.get("VariableValue", "")
    found = _TSENV.fullmatch(step.action)
    return (found[1], found[2]) if found else ("", "")
