"""Which steps the engine runs itself, and what keeps it from running one. Pure.

`own_steps` runs them. A plan asks for these rules as well, and has no content: so they are apart.
"""

from __future__ import annotations

from collections.abc import Mapping

from dlcore.engine.running.restart_request import into_windows_pe
from dlcore.errors import TaskSequenceError
from dlcore.tasksequence import Step, assignment, is_download
from dlcore.tasksequence.dynamic_rules import dynamic_rules
from dlcore.tasksequence.step_types import SET_DYNAMIC_VARIABLES, SET_VARIABLE
from dlcore.tasksequence.variables import frozen


def is_own(step: Step) -> bool:
    """Whether the engine runs a step itself."""
    return step.type in (SET_DYNAMIC_VARIABLES, SET_VARIABLE) or is_download(step)


def own_obstacle(step: Step, variables: Mapping[str, str]) -> str | None:
    """Why the engine cannot run a step; None if it can.

    Args:
        step: One that the engine runs itself (`is_own`).
        variables: What is expected of the variables then.
    """
    if step.type == SET_DYNAMIC_VARIABLES:
        try:
            dynamic_rules(step, variables)
        except TaskSequenceError as error:
            return f"its rules cannot be read: {error.message}"
    if step.type == SET_VARIABLE:
        known = frozen(variables)
        name, value = map(known.expand, assignment(step))
        return into_windows_pe(name, value)
    return None
