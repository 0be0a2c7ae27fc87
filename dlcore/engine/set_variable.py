"""How a step sets a task sequence variable."""

from __future__ import annotations

from dlcore.engine.built_in_variables import is_read_only
from dlcore.errors import ConfigError
from dlcore.tasksequence import Variables


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
