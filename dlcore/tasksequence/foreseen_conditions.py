"""What a condition will come to when its step's turn comes, if that is certain already.

Guarantees: an answer that is not undecided is the one that `evaluate` gives later, whatever becomes
of the variables and of the disk that may change before. Hardware, as WMI tells it, is taken not to
change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from dlcore.tasksequence.conditions import ConditionEvaluator, Verdict, evaluate
from dlcore.tasksequence.dataflow import variables_read
from dlcore.tasksequence.tree import (
    And,
    Condition,
    Expression,
    FileExpression,
    FolderExpression,
    Not,
    Or,
    OtherExpression,
    RegistryExpression,
)
from dlcore.tasksequence.variables import FrozenVariables

_OPEN = OtherExpression("open", FrozenVariables())  # stands for what cannot be told yet
_ON_DISK = (FileExpression, FolderExpression, RegistryExpression)


class ConditionForesight:
    """Foresees conditions.

    Args:
        evaluator: Answers the expressions that are not about variables.
        unanswered: What a condition counts as that may not change and that the evaluator cannot
            decide: it never will.
    """

    def __init__(
        self, evaluator: ConditionEvaluator, unanswered: Verdict = Verdict.UNDECIDED
    ) -> None:
        self._evaluator = evaluator
        self._unanswered = unanswered

    def foresee(
        self,
        condition: Condition | None,
        variables: Mapping[str, str],
        may_change: Callable[[frozenset[str]], bool],
        *,
        disk_may_change: bool,
    ) -> Verdict:
        """Tell what the condition will come to, if that is certain already.

        Args:
            condition: The condition.
            variables: As they are now.
            may_change: Whether one of the variables named, in upper case, may have another value
                by then.
            disk_may_change: Whether files, folders and the registry may change before then.
        """
        if condition is None:
            return Verdict.TRUE
        masked = _masked(condition, may_change, disk_may_change=disk_may_change)
        verdict = evaluate(masked, variables, self._answer_closed)
        if verdict is Verdict.UNDECIDED and masked is condition:
            return self._unanswered
        return verdict

    def _answer_closed(self, expression: Expression, variables: Mapping[str, str]) -> Verdict:
        return Verdict.UNDECIDED if expression is _OPEN else self._evaluator(expression, variables)


def _masked(
    condition: Condition, may_change: Callable[[frozenset[str]], bool], *, disk_may_change: bool
) -> Condition:
    """The condition with ``_OPEN`` for each expression that may change; itself if none may."""

    def masked(operand: Condition) -> Condition:
        return _masked(operand, may_change, disk_may_change=disk_may_change)

    match condition:
        case And(operands) | Or(operands):
            found = tuple(map(masked, operands))
            same = all(new is old for new, old in zip(found, operands, strict=True))
            return condition if same else type(condition)(found)
        case Not(operand):
            new = masked(operand)
            return condition if new is operand else Not(new)
        case _ if may_change(variables_read(condition)):
            return _OPEN
        case _ if disk_may_change and isinstance(condition, _ON_DISK):
            return _OPEN
        case _:
            return condition
