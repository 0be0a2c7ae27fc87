"""One task sequence on one client: which step's turn it is, and its content when it comes.

`Session.run_steps` is the one mechanism by which steps are run, by `dlcore.run_sequence` and by a
program that runs the steps itself. Meanwhile the packages of later steps arrive in deadline order.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from pathlib import Path

from dlcore.engine.documents.republished import Republished
from dlcore.engine.events import Event, RunBegan, RunStep
from dlcore.engine.listeners.bus import EventBus
from dlcore.engine.network_wait import NetworkWait
from dlcore.engine.outcomes import RunOutcome
from dlcore.engine.policy import EnginePolicy
from dlcore.engine.running.condition_judge import Judge
from dlcore.engine.running.held_run import HeldRun
from dlcore.engine.running.own_step_rules import is_own
from dlcore.engine.running.report import Report, make_report, run_ended
from dlcore.engine.running.run_content import RunContent
from dlcore.engine.running.run_ending import RunEnding
from dlcore.engine.running.run_figures import RunFigures
from dlcore.engine.running.run_keeper import RunKeeper
from dlcore.engine.running.skip_rules import SkipRules
from dlcore.engine.running.state import RunState, StepResult
from dlcore.engine.running.step_content import StepContent
from dlcore.engine.running.step_jobs import StepJobs
from dlcore.engine.running.step_turns import StepTurns
from dlcore.engine.running.turn import Turn
from dlcore.engine.running.work_folders import make_work_folders, work_folder
from dlcore.engine.unpublished import unpublished
from dlcore.errors import ConfigError, StepError, TaskSequenceError
from dlcore.machine import Machine
from dlcore.printable import quoted
from dlcore.steps.interface import CANNOT_RUN, Job, Outcome
from dlcore.steps.post_action import PostAction
from dlcore.steps.post_upgrade import setup_result
from dlcore.tasksequence import (
    Foreseen,
    Step,
    TaskSequence,
    Verdict,
    foresee,
    packages_in_order,
)
from dlcore.waiting import in_thread, to_the_end

_log = logging.getLogger(__name__)


class Session:
    """A task sequence under way; `dlcore.Client.session` makes one.

    Args:
        sequence: What runs.
        run: Where it stands.
        content: Hands out packages.
        judge: Decides conditions.
        bus: Where events are heard.
        state: The state directory.
        held: What this process holds of it; each step has its locks there.
        renewals: Tells how many tokens and locations the client has renewed.
        republished: Knows which packages were published again since the run began.
        link_bytes_per_s: The link's rate, for the report's bound; 0.0 if unknown.
        policy: The engine's constants.
        machine: The machine that this runs on.
        boot_id: Of the machine's present boot; empty if the system does not tell.
        post_action: Starts what the run leaves behind; None: nothing is started.

    Attributes:
        sequence: What runs.
        variables: Task sequence variables, to be read and set.
        outcome: How the run ended; None while it is under way.

    Example::

        async for step in session.run_steps():
            folders = await session.content(step)  # package id -> folder, complete and verified
            exit_code = await run_it(step, folders)
            await session.completed(step, exit_code)
    """

    def __init__(
        self,
        sequence: TaskSequence,
        run: RunState,
        content: RunContent,
        judge: Judge,
        bus: EventBus,
        *,
        state: Path,
        held: HeldRun,
        renewals: Callable[[], int],
        republished: Republished,
        link_bytes_per_s: float,
        policy: EnginePolicy,
        machine: Machine,
        boot_id: str = "",
        post_action: PostAction | None = None,
    ) -> None:
        self.sequence = sequence
        self.variables = run.known_variables()
        self.outcome: RunOutcome | None = None
        self._is_begun = False
        self._is_untold = False
        self._run = run
        self._judge = judge
        self._state = state
        self._bus = bus
        self._content = content
        self._figures = RunFigures(content, renewals)
        self._link_bytes_per_s = link_bytes_per_s
        self._keeper = RunKeeper(state, run, self._figures.measured, policy.save_every_s)
        rules = SkipRules(sequence, run, judge, self.variables)
        self._turns = StepTurns(
            run=run,
            keeper=self._keeper,
            rules=rules,
            variables=self.variables,
            tell=bus.emit,
            boot_id=boot_id,
            max_repetitions=policy.max_repetitions,
            held=held,
        )
        self._republished = republished
        self._step_content = StepContent(
            sequence=sequence,
            run=run,
            judge=judge,
            variables=self.variables,
            content=content,
            network=NetworkWait(bus.emit, policy),
            republished=republished,
        )
        self._jobs = StepJobs(
            state=state,
            turns=self._turns,
            content=self._step_content,
            variables=self.variables,
            evaluator=judge.evaluator,
            machine=machine,
            held=held,
        )
        self._ending = RunEnding(
            state,
            run,
            self._keeper,
            self.variables,
            boot_id=boot_id,
            post_action=post_action,
        )

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps in order, also those that will not run; `run_steps` gives those that do."""
        return self.sequence.steps

    def events(self) -> AsyncIterator[Event]:
        """Everything that happens from now on, until the client is closed."""
        return self._bus.listen()

    def packages(self, step: Step) -> tuple[str, ...]:
        """Ids of the packages that a step needs, with the variables as they are now."""
        return self._jobs.package_ids(step)

    def upcoming(self) -> Iterator[Foreseen]:
        """The steps that have not ended, as they are foreseen now; nothing is run.

        Raises:
            TaskSequenceError: A text becomes too long when it is expanded.
        """
        turn = self._turns.turn
        return foresee(
            self.sequence,
            self.variables,
            self._judge.evaluator,
            position=self._run.position,
            turn=turn.step.index if turn and turn.result is None else self._run.started,
            entered={index: Verdict.of(met) for index, met in self._run.entered.items()},
            abandoned=frozenset(self._run.abandoned),
            unanswered=self._judge.foreseen(),
        )

    # The steps

    async def run_steps(self) -> AsyncGenerator[Step]:
        """The steps to run, each when its turn has come; the caller reports each with `completed`.

        Conditions are decided at their turn. Disabled steps, and steps whose condition or group's
        condition is false, are left out, and their content is not fetched. The session runs *Set
        Task Sequence Variable*, *Set Dynamic Variables* and *Download Package Content* itself: they
        do not come out. A step that failed and may be retried comes out again. A failure is
        followed by the next step if the step continues on error, or by the step behind the
        innermost group that does. The run's state is on disk after each step, so another process
        goes on where this one was. Ask `content` or `job` before you run a step that needs
        packages: only they wait for them, prove them, and write down that the step has started.

        The iteration ends, with `outcome` set, behind the last step, or when a step asked for a
        restart of the machine. If an earlier process died when the run had ended, and before its
        outcome was taken, it ends at once with that outcome; closing the client takes it.

        Raises:
            StepError: A step failed, and nothing around it continues on error. The run has ended.
            ConfigError: The caller did not report the step before, a later iteration goes on with
                the run, or the run has ended.
            StorageError: The local disk failed; run again to go on.
            DlcoreError: As `content`, if everything is to be downloaded before the first step.
        """
        if self.outcome is not None:
            raise ConfigError("the run has ended", remedy="Begin another session to run it again.")
        self._tell_begin()
        self.outcome = self._ending.earlier()
        if self.outcome is not None:
            self._tell_end(self.outcome)
        if self.outcome is RunOutcome.FAILED:
            raise _failed(self._run.results[-1])
        if self.outcome is not None:
            return
        await in_thread(make_work_folders, self._state, is_new=self._run.is_new)
        self.variables.update(await in_thread(setup_result, work_folder(self._state)))
        self._run.leave_restart()
        await self._keeper.begin(self.variables)
        await self._step_content.download_first_if_asked()
        for step in self.steps[self._run.position :]:
            if await self._skips(step):
                continue
            turn = await self._begin(step)
            while turn.result is None:
                turn.begin_attempt()
                unresolved = self._step_content.unresolved(step)
                if unresolved:
                    failure = Outcome(CANNOT_RUN, message=unresolved)
                    await self.completed(step, failure, is_final=True)
                    continue
                if is_own(step):
                    outcome, is_final = await self._jobs.run_own(step)
                    await self.completed(step, outcome, is_final=is_final)
                    continue
                yield step
                if not turn.is_reported:
                    raise _not_reported(step)
                if turn is not self._turns.turn:
                    raise _overtaken()
            if self.outcome is RunOutcome.FAILED:
                raise _failed(turn.result)
            if self.outcome is RunOutcome.RESTART:
                return
        await self._keeper.end(self.variables)
        self.outcome = RunOutcome.SUCCEEDED  # only now: the disk may have refused it
        self._tell_end(self.outcome)

    async def completed(
        self, step: Step, outcome: Outcome | int, *, is_final: bool = False
    ) -> None:
        """Report how a step that `run_steps` gave has ended. It is on disk on return.

        A cancellation waits until it is.

        Args:
            step: The step whose turn it is.
            outcome: Its exit code, or more: an `Outcome` can also ask for a restart.
            is_final: Whether another attempt would not help, whatever the step allows.

        Raises:
            ConfigError: It is not this step's turn, or it was reported already.
            StorageError: The local disk failed.
        """
        if not isinstance(outcome, Outcome):
            outcome = Outcome(outcome)
        result, outcome = self._turns.end_attempt(step, outcome, is_final=is_final)
        if result:
            ending = self._end(step, result, outcome)
            await to_the_end(ending)  # cancelled or not, all of it

    async def content(self, step: Step) -> dict[str, Path]:
        """Wait until all packages of a step are complete, and prove them right before it runs.

        What was changed on disk since it was verified is fetched again, and what an earlier step
        left in a package's folder is removed.
        Meanwhile the whole link serves this step; afterwards, the steps behind it. Sets
        ``_SMSTS<PackageID>`` to each package's folder. What the step needs is fetched whether or
        not it is its turn. If it is, the step counts as started on return: that is on disk.

        Args:
            step: One that `run_steps` gave.

        Returns:
            Package id -> folder.

        Raises:
            NotFoundError: The catalog or the endpoints do not know a package.
            ExhaustedError: No endpoint is left to serve some blocks of a package.
            RunStateError: A package is not available in the version that the run began with.
            IntegrityError: Every endpoint served some block wrong.
            UnexpectedContentError: There is something in a package's folder that is not the
                package's, though no step has used it.
            StorageError: The local disk failed, or is full; what was verified is kept.
            AgentError: The agent that has the content cannot be reached.
        """
        return await self._jobs.folders(step)

    async def job(self, step: Step) -> Job:
        """Wait for a step's content, as `content` does, and put together what an executor gets.

        Args:
            step: One that `run_steps` gave.

        Raises:
            DlcoreError: As `content`.
        """
        return await self._jobs.job(step)

    def report(self) -> Report:
        """What the run has come to so far; the final figures once `outcome` is set."""
        if self.outcome is None:
            self._keeper.measure()
        packages = packages_in_order(self.sequence)
        spared_bytes = self._figures.spared_bytes(packages, self._run.useful_bytes)
        return make_report(
            self._run,
            self.outcome,
            spared_bytes,
            self._link_bytes_per_s,
            self._republished.found,
            unpublished(packages, self._content.package_index),
        )

    def keep_outcome(self) -> None:
        """Take note that the run's outcome was not told: the next session tells it again."""
        self._is_untold = True

    async def aclose(self) -> None:
        """Take note that the run's outcome was told, unless `keep_outcome` was called.

        A run that has ended is forgotten, so that the next one starts over; its post action is
        started then. A run that asked for a restart goes on the next time. Any other is kept. The
        client does it when it is closed, or when it makes another session. Idempotent.
        """
        await self._keeper.stop()
        try:
            if self.outcome is not None and not self._is_untold:
                if self.outcome is not RunOutcome.RESTART:
                    await self._content.end()  # before what the run leaves behind is started
                await self._ending.take(self.outcome)
        finally:
            self._keeper.close()

    # One turn

    async def _skips(self, step: Step) -> bool:
        try:
            return await self._turns.skips(step)
        except StepError:
            self.outcome = RunOutcome.FAILED
            self._tell_end(self.outcome)
            raise

    async def _begin(self, step: Step) -> Turn:
        packages = self.packages(step)
        turn = self._turns.begin_turn(step, packages)
        # If there is nothing to wait for, the caller need not ask for the step's content.
        if not (packages or self._step_content.unresolved(step)):
            await self._turns.start_step(step)
        with contextlib.suppress(ConfigError):  # `content` raises it
            self._step_content.order(step.index)
        return turn

    async def _end(self, step: Step, result: StepResult, outcome: Outcome) -> None:
        self.outcome = await self._turns.end_turn(step, result, outcome)
        if self.outcome is not None:
            self._tell_end(self.outcome)

    # What is told of the whole run

    def _tell_begin(self) -> None:
        """Told once, also if the caller iterates over `run_steps` again."""
        if self._is_begun:
            return
        self._is_begun = True
        expected = dict[int, tuple[str, ...]]()
        with contextlib.suppress(TaskSequenceError):  # the step that it is about raises it
            expected = {item.step.index: item.packages for item in self.upcoming()}
        steps = tuple(RunStep(s.index, s.name, expected.get(s.index, ())) for s in self.steps)
        run = self._run
        name = self.sequence.name
        self._bus.emit(
            RunBegan(name, run.position, run.resumptions, steps, run.simulated, run.run_id)
        )
        for each in unpublished(packages_in_order(self.sequence), self._content.package_index):
            self._bus.emit(each.event())

    def _tell_end(self, outcome: RunOutcome) -> None:
        self._bus.emit(self._figures.progress())
        self._bus.emit(run_ended(self.report(), outcome))


def _not_reported(step: Step) -> ConfigError:
    return ConfigError(
        f"step {step.index} {quoted(step.name)} was not reported",
        remedy="Call completed(step, exit_code) before asking run_steps() for the next step.",
    )


def _overtaken() -> ConfigError:
    return ConfigError(
        "another iteration over run_steps() continues the run",
        remedy="Iterate over it in one place at a time.",
    )


def _failed(result: StepResult) -> StepError:
    return StepError(
        f"step {result.index} {quoted(result.name)} failed: {result.message}",
        remedy="The report shows what ran. Content that was verified is kept.",
    )
