"""The steps that the engine runs itself, whatever runs the others."""

from __future__ import annotations

from dlcore.engine.built_in_variables import is_read_only
from dlcore.engine.deliveries import Deliveries
from dlcore.engine.download_step import Arrived, download_content
from dlcore.errors import ConfigError
from dlcore.steps.interface import Outcome
from dlcore.tasksequence import Step, Variables, assignment, is_download, is_hidden
from dlcore.tasksequence.step_types import SET_VARIABLE


def is_own(step: Step) -> bool:
    """Whether the engine runs a step itself."""
    return step.type == SET_VARIABLE or is_download(step)


async def run_own_step(
    step: Step, variables: Variables, arrived: Arrived, deliveries: Deliveries
) -> Outcome:
    """Run a step for which `is_own` is true.

    Args:
        step: The step.
        variables: Task sequence variables, to be read and set.
        arrived: What became of each of its packages.
        deliveries: Knows which copies of packages are dlcore's own.

    Raises:
        ConfigError: The step's parameters cannot be used.
        StorageError: The local disk failed.
    """
    if is_download(step):
        return await download_content(step, variables, arrived, deliveries)
    name, value = assignment(step)
    if name:
        name = variables.expand(name).strip()
        if is_hidden(step):
            variables.mark_secret(name)
        set_variable(variables, name, variables.expand(value))
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
