"""Decides conditions for good, when a step is due."""

from __future__ import annotations

from collections.abc import Mapping

from dlcore.deployment import Undecided
from dlcore.errors import StepError
from dlcore.printable import quoted
from dlcore.tasksequence import (
    Condition,
    ConditionEvaluator,
    Verdict,
    evaluate,
)


class Judge:
    """Decides conditions.

    Args:
        evaluator: Answers the expressions that are not about variables.
        undecided: What a step does whose condition cannot be decided.

    Attributes:
        evaluator: As given.
    """

    def __init__(
        self, evaluator: ConditionEvaluator, undecided: Undecided = Undecided.SKIP
    ) -> None:
        self.evaluator = evaluator
        self._undecided = undecided

    def decide(
        self, condition: Condition | None, variables: Mapping[str, str], name: str
    ) -> Verdict:
        """Decide now; ``UNDECIDED`` means that the step is skipped, because there is no answer.

        Raises:
            StepError: It cannot be decided, and the settings say to fail then.
        """
        verdict = evaluate(condition, variables, self.evaluator)
        if verdict is Verdict.UNDECIDED and self._undecided is Undecided.RUN:
            return Verdict.TRUE
        if verdict is Verdict.UNDECIDED and self._undecided is Undecided.FAIL:
            raise StepError(
                f"the condition of {quoted(name)} cannot be decided on this machine",
                remedy="State the answer under [conditions.facts], or set [conditions] undecided.",
            )
        return verdict

    def foreseen(self) -> Verdict:
        """What `decide` will make of a condition that the evaluator never can decide."""
        return Verdict.of(self._undecided is Undecided.RUN)
