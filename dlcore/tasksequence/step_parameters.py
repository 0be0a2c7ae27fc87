"""A step's parameters as they count when its turn has come.

Guarantees: a task sequence variable of the same name overrides a parameter that the step has, or
could have; a variable that is empty counts as not set, as ConfigMgr has it.

Source: Microsoft Learn, "How to use task sequence variables": a value that an earlier step or a
collection sets replaces the one that the editor wrote into the step.
"""

from __future__ import annotations

from collections.abc import Mapping

from dlcore.tasksequence.tree import Step
from dlcore.tasksequence.variables import FrozenVariables, Part, frozen


class StepParameters:
    """Looks parameters up, without regard to case.

    Args:
        step: Whose parameters.
        variables: Task sequence variables, as they are at the moment in question.
    """

    def __init__(self, step: Step, variables: Mapping[str, str] | None = None) -> None:
        self._own = step.variables
        self._variables: FrozenVariables = frozen(variables)

    def __contains__(self, name: str) -> bool:
        return name in self._own or bool(self._variables.get(name))

    def written(self, name: str) -> str:
        """A parameter as its author wrote it; empty if there is none."""
        return self._variables.get(name) or self._own.get(name, "")

    def expanded(self, name: str) -> str:
        """A parameter with the values of the variables that it quotes.

        Raises:
            TaskSequenceError: It becomes too long.
        """
        return self._variables.expand(self.written(name))

    def is_true(self, name: str) -> bool:
        """Whether a parameter says ``true``, in whatever case.

        Raises:
            TaskSequenceError: As `expanded`.
        """
        return self.expanded(name).strip().lower() == "true"

    def parts(self, name: str) -> list[Part]:
        """What `expanded` puts together: the parameter's own parts and values, in order.

        Raises:
            TaskSequenceError: As `expanded`.
        """
        return self._variables.parts(self.written(name))
