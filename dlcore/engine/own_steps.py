"""The steps that the engine runs itself, whatever runs the others."""

from __future__ import annotations

from typing import Final

from dlcore.engine.built_in_variables import is_read_only
from dlcore.engine.deliveries import Deliveries
from dlcore.engine.download_step import Arrived, download_content
from dlcore.errors import ConfigError
from dlcore.steps.interface import Outcome
from dlcore.tasksequence import Step, Variables, assignment
from dlcore.tasksequence.step_types import DOWNLOAD_CONTENT, SET_VARIABLE

OWN_STEPS: Final = frozenset({DOWNLOAD_CONTENT, SET_VARIABLE})


async def run_own_step(
    step: Step, variables: Variables, arrived: Arrived, deliveries: Deliveries
) -> Outcome:
    """Run a step whose type is one of `OWN_STEPS`.

    Args:
        step: The step.
        variables: Task sequence variables, to be read and set.
        arrived: What became of each of its packages.
        deliveries: Knows which copies of packages are dlcore's own.

    Raises:
        ConfigError: The step's parameters cannot be used.
        StorageError: The local disk failed.
    """
    if step.type == DOWNLOAD_CONTENT:
        return await download_content(step, variables, arrived, deliveries)
    name, value = assignment(step)
    set_variable(variables, variables.expand(name).strip(), variables.expand(value))
    return Outcome()


def set_variable(variables: Variables, name: str, value: str) -> None:
    """Set a variable as the step *Set Task Sequence Variable* does; an empty value removes it.

    Source: Microsoft Learn, "How to use task sequence variables".

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
