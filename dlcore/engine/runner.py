"""Runs a task sequence: one turn a step, in order, each behind its gate.

A turn: the conditions decide; the gate opens when the step's packages are complete; the executor
runs the step, again if it may be retried; the outcome decides where to go on. After each turn the
state is put on disk, so that a run that is killed goes on at the step where it was: that step
runs again, finished ones do not.

Guarantees: no step starts before its content is verified on disk; a step that does not run costs
no bytes that were not spent before its condition could be known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from dlcore.deployment import Download
from dlcore.engine.download_step import FAILED, Arrived, download_content
from dlcore.engine.events import StepEnded, StepSkipped, StepStarted, StepWaiting
from dlcore.engine.executor import Executor, Outcome
from dlcore.engine.session import Session
from dlcore.engine.state import Ended, StepResult
from dlcore.errors import DlcoreError, StepError, StorageError
from dlcore.tasksequence import Group, Step, Verdict, assignment
from dlcore.tasksequence.step_types import DOWNLOAD_CONTENT, SET_VARIABLE

NOT_MET = {Verdict.FALSE: "condition", Verdict.UNDECIDED: "undecided"}


class Runner:
    """Runs a session's steps.

    Args:
        session: The task sequence under way.
        executor: Runs the steps that the engine does not run itself.
        save: Puts the session's state on disk.
    """

    def __init__(
        self, session: Session, executor: Executor, save: Callable[[], Awaitable[None]]
    ) -> None:
        self._session = session
        self._run = session.run
        self._executor = executor
        self._save = save
        self._now_s = asyncio.get_running_loop().time

    async def run(self) -> str:
        """Run all steps from where the run stands.

        Returns:
            ``succeeded``, or ``restart`` if a step asked for a restart of the machine.

        Raises:
            StepError: A step failed, and neither it nor a group around it continues on error.
            StorageError: The local disk failed; run again to go on.
        """
        if self._run.download == Download.BEFORE_START:
            await self._session.everything()
        for step in self._session.steps[self._run.position :]:
            result, restart = await self._turn(step)
            self._run.results.append(result)
            self._run.position = step.index + 1
            if result.outcome == "failed":
                self._abandon(step, result.why)
            await self._save()
            if restart:
                return "restart"
        return "succeeded"

    # One turn

    async def _turn(self, step: Step) -> tuple[StepResult, bool]:
        """Returns the result, and whether the machine must restart now."""
        why = self._why_skipped(step)
        if why:
            self._session.bus.emit(StepSkipped(step.index, step.name, why))
            return StepResult(step.index, step.name, "skipped", why), False
        packages = self._session.packages(step)
        asked_s = self._now_s()
        try:
            arrived = await self._gate(step, packages)
        except StorageError:
            raise
        except DlcoreError as error:
            outcome = Outcome(FAILED, message=error.message)
            stall_s = self._now_s() - asked_s
            return self._result(step, packages, outcome, stall_s, 0.0), False
        started_s = self._now_s()
        self._session.bus.emit(StepStarted(step.index, step.name, started_s - asked_s))
        outcome = await self._execute(step, arrived)
        stall_s, run_s = started_s - asked_s, self._now_s() - started_s
        return self._result(step, packages, outcome, stall_s, run_s), outcome.restart

    def _why_skipped(self, step: Step) -> str:
        """Why the step does not run; empty if it does."""
        if not step.enabled:
            return "disabled"
        if not set(self._run.abandoned).isdisjoint(step.groups):
            return "group failed"
        for index in step.groups:
            verdict = self._enter(self._session.sequence.groups[index])
            if verdict is not Verdict.TRUE:
                return NOT_MET[verdict]
        verdict = self._session.judge.decide(step.condition, self._session.variables, step.name)
        return "" if verdict is Verdict.TRUE else NOT_MET[verdict]

    def _enter(self, group: Group) -> Verdict:
        """A group's condition is decided once, when its first step's turn comes."""
        if group.index in self._run.entered:
            return Verdict.of(self._run.entered[group.index])
        verdict = self._session.judge.decide(group.condition, self._session.variables, group.name)
        self._run.entered[group.index] = verdict is Verdict.TRUE
        return verdict

    async def _gate(self, step: Step, packages: tuple[str, ...]) -> Arrived:
        """Order the downloads from this step on, and wait for its content.

        *Download Package Content* decides itself what a missing package means; any other step
        does not start without its content.
        """
        self._session.look_ahead(step.index)
        if not all(map(self._session.is_complete, packages)):
            self._session.bus.emit(StepWaiting(step.index, step.name, packages))
        if step.type != DOWNLOAD_CONTENT:
            return {package: await self._session.package(package) for package in packages}
        return {package: await self._arrival(package) for package in packages}

    async def _arrival(self, package: str) -> Path | DlcoreError:
        try:
            return await self._session.package(package)
        except StorageError:
            raise
        except DlcoreError as error:
            return error

    async def _execute(self, step: Step, arrived: Arrived) -> Outcome:
        """Run the step, and again as often as it may be retried."""
        outcome = Outcome()
        for _ in range(1 + step.retry_count):
            try:
                outcome = await self._execute_once(step, arrived)
            except StorageError:
                raise
            except DlcoreError as error:  # its parameters cannot be used: no retry helps
                return Outcome(FAILED, message=error.message)
            if _succeeded(step, outcome) or outcome.restart:
                break
        return outcome

    async def _execute_once(self, step: Step, arrived: Arrived) -> Outcome:
        variables = self._session.variables
        if step.type == SET_VARIABLE:
            name, value = assignment(step)
            if name:
                variables[variables.expand(name)] = variables.expand(value)
            return Outcome()
        if step.type == DOWNLOAD_CONTENT:
            return await download_content(step, variables, arrived)
        folders = {package: path for package, path in arrived.items() if isinstance(path, Path)}
        return await self._executor.run(step, variables, folders)

    # Its outcome

    def _result(
        self, step: Step, packages: tuple[str, ...], outcome: Outcome, stall_s: float, run_s: float
    ) -> StepResult:
        succeeded = _succeeded(step, outcome)
        word: Ended = "succeeded" if succeeded else "failed"
        variables = self._session.variables
        variables["_SMSTSLastActionRetCode"] = str(outcome.exit_code)
        variables["_SMSTSLastActionSucceeded"] = str(succeeded).lower()
        variables["_SMSTSLastActionName"] = step.name
        self._session.bus.emit(StepEnded(step.index, step.name, word, outcome.exit_code, run_s))
        why = "" if succeeded else outcome.message or f"exit code {outcome.exit_code}"
        return StepResult(
            step.index, step.name, word, why, outcome.exit_code, stall_s, run_s, packages
        )

    def _abandon(self, step: Step, why: str) -> None:
        """A step failed: go on behind the innermost group that continues on error.

        Raises:
            StepError: There is none.
        """
        if step.continue_on_error:
            return
        for index in reversed(step.groups):
            if self._session.sequence.groups[index].continue_on_error:
                self._run.abandoned.append(index)
                return
        raise StepError(
            f"step {step.index} {step.name!r} failed: {why}",
            remedy="The report tells what ran. Content that was verified is kept.",
        )


def _succeeded(step: Step, outcome: Outcome) -> bool:
    """Exit codes have 32 bits: -1 and 4294967295 are the same one."""
    return outcome.exit_code & 0xFFFFFFFF in {code & 0xFFFFFFFF for code in step.success_codes}
