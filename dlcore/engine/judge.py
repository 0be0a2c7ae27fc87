"""Decides conditions: for good when a step is due, and beforehand as far as possible."""

from __future__ import annotations

from collections.abc import Mapping

from dlcore.deployment import Undecided
from dlcore.errors import StepError
from dlcore.tasksequence import (
    And,
    Condition,
    ConditionEvaluator,
    Expression,
    FileExpression,
    FolderExpression,
    FrozenVariables,
    Not,
    Or,
    OtherExpression,
    RegistryExpression,
    Verdict,
    evaluate,
    variables_read,
)

OPEN = OtherExpression("open", FrozenVariables())  # stands for what cannot be told yet
ON_DISK = (FileExpression, FolderExpression, RegistryExpression)


class Judge:
    """Decides conditions.

    Args:
        evaluator: Answers the expressions that are not about variables.
        undecided: What a step does whose condition cannot be decided.
    """

    def __init__(
        self, evaluator: ConditionEvaluator, undecided: Undecided = Undecided.SKIP
    ) -> None:
        self._evaluator = evaluator
        self._undecided = undecided

    def decide(
        self, condition: Condition | None, variables: Mapping[str, str], name: str
    ) -> Verdict:
        """Decide now; ``UNDECIDED`` means that the step is skipped, as there is no answer.

        Raises:
            StepError: It cannot be decided, and the settings say to fail then.
        """
        verdict = evaluate(condition, variables, self._evaluator)
        if verdict is Verdict.UNDECIDED and self._undecided is Undecided.RUN:
            return Verdict.TRUE
        if verdict is Verdict.UNDECIDED and self._undecided is Undecided.FAIL:
            raise StepError(
                f"the condition of {name!r} cannot be decided on this machine",
                remedy="State the answer under [conditions.facts], or set [conditions] undecided.",
            )
        return verdict

    def foresee(
        self,
        condition: Condition | None,
        variables: Mapping[str, str],
        unknown: frozenset[str],
        *,
        disk_may_change: bool,
    ) -> Verdict:
        """Tell what `decide` will answer later, if that is certain already.

        Args:
            condition: The condition.
            variables: As they are now.
            unknown: Names of the variables that may have another value by then, as
                `variables_written` gives them.
            disk_may_change: Whether files, folders and the registry may change before then.
        """
        if condition is None:
            return Verdict.TRUE
        masked = _mask(condition, unknown, disk_may_change=disk_may_change)
        verdict = evaluate(masked, variables, self._answer_closed)
        if verdict is Verdict.UNDECIDED and masked == condition:
            return _FORESEEN[self._undecided]
        return verdict

    def _answer_closed(self, expression: Expression, variables: Mapping[str, str]) -> Verdict:
        if expression is OPEN:
            return Verdict.UNDECIDED
        return self._evaluator(expression, variables)


_FORESEEN = {
    Undecided.SKIP: Verdict.FALSE,
    Undecided.RUN: Verdict.TRUE,
    Undecided.FAIL: Verdict.FALSE,
}


def _mask(condition: Condition, unknown: frozenset[str], *, disk_may_change: bool) -> Condition:
    """The condition with `OPEN` in place of every expression that may change."""
    match condition:
        case And(operands):
            return And(tuple(_mask(o, unknown, disk_may_change=disk_may_change) for o in operands))
        case Or(operands):
            return Or(tuple(_mask(o, unknown, disk_may_change=disk_may_change) for o in operands))
        case Not(operand):
            return Not(_mask(operand, unknown, disk_may_change=disk_may_change))
        case _ if unknown & variables_read(condition):
            return OPEN
        case _ if disk_may_change and isinstance(condition, ON_DISK):
            return OPEN
        case _:
            return condition
