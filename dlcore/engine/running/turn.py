"""One step's turn: it waits for its content, runs, perhaps again, and ends."""

from __future__ import annotations

from dlcore.engine.outcomes import StepOutcome
from dlcore.engine.running.state import StepResult
from dlcore.steps.exit_codes import explain, explain_setup
from dlcore.steps.interface import CANNOT_RUN, Outcome
from dlcore.tasksequence import Step
from dlcore.tasksequence.step_types import UPGRADE


class Turn:
    """The times and attempts of one step.

    Args:
        step: Whose turn it is.
        packages: Ids of the packages it needs.
        now_s: On any monotonic clock; so are all times here.
        earlier: What the step came to before a restart after which it runs again.

    Attributes:
        step: Whose turn it is.
        packages: Ids of the packages it needs.
        is_reported: Whether the attempt under way was reported.
        result: What became of the step; None before its last attempt was reported.
    """

    def __init__(
        self,
        step: Step,
        packages: tuple[str, ...],
        now_s: float,
        earlier: StepResult | None = None,
    ) -> None:
        self.step = step
        self.is_reported = False
        self.result: StepResult | None = None
        self.packages = packages
        self._earlier = earlier or StepResult(step.index, step.name, StepOutcome.FAILED)
        self._waits_s = dict(self._earlier.waits_s)
        self._asked_s = now_s
        self._has_waited = False
        self._started_s: float | None = None
        self._stall_s = 0.0
        self._attempts = 0

    @property
    def has_started(self) -> bool:
        """Whether it may have had effects: its content has come, and its start is on disk."""
        return self._started_s is not None

    def begin_attempt(self) -> None:
        """The step is about to be run, or run again."""
        self.is_reported = False

    def begin_wait(self, now_s: float) -> None:
        """The wait for the step's content begins; only the first time before its start counts."""
        if not (self._has_waited or self.has_started):
            self._asked_s = now_s
            self._has_waited = True

    @property
    def waits_s(self) -> dict[str, float]:
        """Package id -> seconds that the step has waited for it."""
        return dict(self._waits_s)

    def waited(self, package_id: str, wait_s: float) -> None:
        """The step has waited for one of its packages."""
        if not self.has_started:
            self._waits_s[package_id] = self._waits_s.get(package_id, 0.0) + wait_s

    def start(self, there_s: float, now_s: float) -> float:
        """The step starts. The time in between, in which the state is saved, belongs to no step.

        Args:
            there_s: When its content was there.
            now_s: The time.

        Returns:
            Seconds that it waited; 0.0 if it needed no content.
        """
        self._stall_s = there_s - self._asked_s if self._has_waited else 0.0
        self._started_s = now_s
        return self._stall_s

    def end_attempt(self, outcome: Outcome, now_s: float, *, is_final: bool) -> StepResult | None:
        """An attempt ended.

        Args:
            outcome: How.
            now_s: The time.
            is_final: Whether another attempt would not help.

        Returns:
            What became of the step; None if it is to be run again.
        """
        self.is_reported = True
        self._attempts += 1
        has_succeeded = outcome.is_success_of(self.step)
        may_retry = not (has_succeeded or outcome.restart or is_final)
        if may_retry and self._attempts <= self.step.retry_count:
            return None
        self.result = self._result(outcome, now_s, has_succeeded=has_succeeded)
        return self.result

    def _result(self, outcome: Outcome, now_s: float, *, has_succeeded: bool) -> StepResult:
        stall_s, started_s = self._stall_s, self._started_s
        if started_s is None:
            started_s = now_s if self._has_waited else self._asked_s
            stall_s = started_s - self._asked_s
        return StepResult(
            self.step.index,
            self.step.name,
            StepOutcome.SUCCEEDED if has_succeeded else StepOutcome.FAILED,
            message="" if has_succeeded else outcome.message or f"exit code {outcome.exit_code}",
            exit_code=outcome.exit_code,
            stall_s=self._earlier.stall_s + stall_s,
            run_s=self._earlier.run_s + now_s - started_s,
            packages=self.packages,
            waits_s=self.waits_s,
            explanation=_explanation(self.step, outcome),
            output=outcome.output,
        )


def _explanation(step: Step, outcome: Outcome) -> str:
    """What the exit code means, unless dlcore itself chose it and said why."""
    if outcome.exit_code == CANNOT_RUN and outcome.message:
        return ""
    return explain_setup(outcome.exit_code) if step.type == UPGRADE else explain(outcome.exit_code)
