"""The turns of a run's steps: what is on disk, what is told and what is set around each of them.

If a step asks for a restart, the state says so on disk before the run ends: the request's variables
are removed, and the position is behind the step, or at it if it is to run again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from dlcore.engine.events import (
    Event,
    RestartRequested,
    StepEnded,
    StepInterrupted,
    StepRepeated,
    StepSkipped,
    StepStarted,
    StepWaiting,
)
from dlcore.engine.outcomes import RunOutcome, StepOutcome
from dlcore.engine.running.built_in_variables import set_after_step, set_before_step
from dlcore.engine.running.held_run import HeldRun
from dlcore.engine.running.restart_request import (
    RestartRequest,
    asks_for_retry,
    judged,
    notice,
    restarts_by_code,
    take_request,
    without_end,
)
from dlcore.engine.running.run_keeper import RunKeeper
from dlcore.engine.running.skip_rules import SkipRules
from dlcore.engine.running.state import Restart, RunState, StepResult
from dlcore.engine.running.turn import Turn
from dlcore.errors import ConfigError, StepError
from dlcore.printable import quoted
from dlcore.steps.interface import Outcome
from dlcore.tasksequence import Step, Variables
from dlcore.tasksequence.set_variable import remove_empty


class StepTurns:
    """Begins and ends the turns of steps, one after the other.

    Args:
        run: Where the run stands.
        keeper: Keeps it on disk.
        rules: Says which steps run.
        variables: Task sequence variables.
        tell: Hears what happens.
        boot_id: Of the present boot.
        max_repetitions: How often in a row a step may ask to be repeated after a restart.
        held: Has the locks of the step that has started.

    Attributes:
        turn: The turn under way, or the last one; None before the first.
    """

    def __init__(
        self,
        run: RunState,
        keeper: RunKeeper,
        rules: SkipRules,
        variables: Variables,
        tell: Callable[[Event], None],
        boot_id: str,
        max_repetitions: int,
        held: HeldRun,
    ) -> None:
        self.turn: Turn | None = None
        self._run = run
        self._keeper = keeper
        self._rules = rules
        self._variables = variables
        self._tell = tell
        self._boot_id = boot_id
        self._max_repetitions = max_repetitions
        self._held = held

    def of(self, step: Step) -> Turn | None:
        """The turn under way if it is this step's."""
        return self.turn if self.turn and self.turn.step is step else None

    async def skips(self, step: Step) -> bool:
        """Whether the step does not run; that is saved then.

        Raises:
            StepError: Its condition cannot be decided, and the settings say to fail then. The run
                has failed.
            StorageError: The local disk failed.
        """
        try:
            reason = self._rules.skip_reason(step)
        except StepError as error:
            self._run.end_step(
                StepResult(step.index, step.name, StepOutcome.FAILED, message=error.message)
            )
            await self._fail()
            raise
        if reason:
            self._tell(StepSkipped(step.index, step.name, reason))
            self._run.end_step(
                StepResult(step.index, step.name, StepOutcome.SKIPPED, skip_reason=reason)
            )
            await self._keeper.save(self._variables)
        return reason is not None

    def begin_turn(self, step: Step, packages: tuple[str, ...]) -> Turn:
        """The turn of a step comes.

        Args:
            step: The step.
            packages: Ids of the packages it needs.
        """
        self.turn = Turn(step, packages, _now_s(), self._run.unfinished)
        if self._run.unfinished:
            self._tell(StepRepeated(step.index, step.name))
        elif self._run.started == step.index:
            self._tell(StepInterrupted(step.index, step.name))
        set_before_step(self._variables, step)
        return self.turn

    def begin_wait(self, step: Step, packages: tuple[str, ...], *, is_there: bool) -> None:
        """The wait for a step's content begins, if it is its turn.

        Args:
            step: The step.
            packages: Ids of the packages it needs.
            is_there: Whether they are complete already.
        """
        turn = self.of(step)
        if turn:
            turn.begin_wait(_now_s())
            if not is_there:
                self._tell(StepWaiting(step.index, step.name, packages))

    async def start_step(self, step: Step) -> None:
        """The step is about to have effects, if it is its turn: that is on disk first.

        Raises:
            StorageError: The local disk failed: the step must not run.
        """
        turn = self.of(step)
        if turn and not turn.has_started:
            there_s = _now_s()
            await self._held.start_step(step)
            await self._keeper.start_step(step.index)
            stall_s = turn.start(there_s, _now_s())
            self._tell(StepStarted(step.index, step.name, stall_s, turn.waits_s, turn.packages))

    def end_attempt(
        self, step: Step, outcome: Outcome, *, is_final: bool
    ) -> tuple[StepResult | None, Outcome]:
        """An attempt of the step whose turn it is has ended.

        Returns:
            What became of the step, None if it is to be run again; and the outcome as it counts,
            without values that are not to be shown.

        Raises:
            ConfigError: It is not this step's turn, or it was reported already.
        """
        turn = self.of(step)
        if turn is None or turn.is_reported:
            raise ConfigError(
                f"step {step.index} {quoted(step.name)} is not under way",
                remedy="Report each step that run_steps() gives once, before asking for the next.",
            )
        remove_empty(self._variables)
        outcome = judged(outcome, self._variables)
        if asks_for_retry(self._variables):
            is_final = True  # it runs again after the restart, not before
            if self._run.repetitions >= self._max_repetitions:
                outcome = without_end(outcome, self._variables, self._run.repetitions)
        outcome = _masked(outcome, self._variables)
        return turn.end_attempt(outcome, _now_s(), is_final=is_final), outcome

    async def end_turn(self, step: Step, result: StepResult, outcome: Outcome) -> RunOutcome | None:
        """The turn of a step ends, and that is on disk on return.

        Args:
            step: The step.
            result: What became of it.
            outcome: Of its last attempt.

        Returns:
            How the run ends with it; None if it goes on.

        Raises:
            StorageError: The local disk failed.
        """
        await self._held.end_step()
        has_succeeded = result.outcome is StepOutcome.SUCCEEDED
        set_after_step(self._variables, step, result.exit_code, has_succeeded=has_succeeded)
        self._tell(
            StepEnded(
                index=step.index,
                name=step.name,
                outcome=result.outcome,
                exit_code=result.exit_code,
                run_s=result.run_s,
                message=result.message,
                explanation=result.explanation,
            )
        )
        request = take_request(self._variables)
        if request.retry:
            self._run.repeat_step(result)
            return await self._ask_for_restart(step, request, outcome)
        self._run.end_step(result)
        if not (has_succeeded or self._rules.goes_on_after(step)):
            await self._fail()
            return RunOutcome.FAILED
        by_code = has_succeeded and restarts_by_code(step, result.exit_code)
        if request.restart or outcome.restart or by_code:
            return await self._ask_for_restart(step, request, outcome)
        await self._keeper.save(self._variables)
        return None

    async def _ask_for_restart(
        self, step: Step, request: RestartRequest, outcome: Outcome
    ) -> RunOutcome:
        told = outcome.notice or notice(self._variables, self._run.restart_requests)
        told = msgspec.structs.replace(told, message=self._variables.masked(told.message))
        self._run.ask_for_restart(Restart(self._boot_id, told))
        await self._keeper.end(self._variables)
        self._tell(
            RestartRequested(step.index, step.name, told.delay_s, told.message, request.retry)
        )
        return RunOutcome.RESTART

    async def _fail(self) -> None:
        """The run has failed for good: the next one starts over."""
        self._run.fail()
        await self._keeper.end(self._variables)


def _masked(outcome: Outcome, variables: Variables) -> Outcome:
    return msgspec.structs.replace(
        outcome,
        message=variables.masked(outcome.message),
        output=variables.masked(outcome.output),
    )


def _now_s() -> float:
    return asyncio.get_running_loop().time()
