"""What a step gets when its turn has come: its content, and with that its job.

Guarantees: if it is the step's turn, `folders` and `job` return after its content was proven and
its start is on disk. Whoever asks for neither, and runs a step with packages, has none of these
guarantees. A step without packages has started when it is given out.
"""

from __future__ import annotations

from pathlib import Path

from dlcore.engine.delivery.deliveries import Deliveries
from dlcore.engine.running.held_run import HeldRun
from dlcore.engine.running.own_steps import run_own_step
from dlcore.engine.running.step_content import STOPPING, StepContent, Waited
from dlcore.engine.running.step_turns import StepTurns
from dlcore.engine.running.work_folders import work_folder
from dlcore.errors import DlcoreError
from dlcore.machine import Machine
from dlcore.steps.interface import CANNOT_RUN, Job, Outcome
from dlcore.tasksequence import ConditionEvaluator, Step, Variables, needs


class StepJobs:
    """Waits for the content of steps.

    Args:
        state: The state directory.
        turns: The turns of the steps.
        content: Waits for packages.
        variables: Task sequence variables.
        evaluator: Decides conditions in the rules of steps.
        machine: The machine that this runs on.
        held: Has the locks of the step that has started.
    """

    def __init__(
        self,
        state: Path,
        turns: StepTurns,
        content: StepContent,
        variables: Variables,
        evaluator: ConditionEvaluator,
        machine: Machine,
        held: HeldRun,
    ) -> None:
        self._state = state
        self._turns = turns
        self._content = content
        self._variables = variables
        self._evaluator = evaluator
        self._machine = machine
        self._held = held
        self._deliveries = Deliveries(state / "deliveries")

    def package_ids(self, step: Step) -> tuple[str, ...]:
        """Ids of the packages that a step needs, with the variables as they are now."""
        return needs(step, self._variables)

    async def folders(self, step: Step) -> dict[str, Path]:
        """Wait for a step's packages, and start the step: `dlcore.Session.content`."""
        packages = self._order_content(step)
        folders = await self._content.hand_out(packages, self._waited(step))
        await self._turns.start_step(step)
        return folders

    async def job(self, step: Step) -> Job:
        """Wait for a step's packages, start the step, and put together what an executor gets.

        Raises:
            DlcoreError: As `folders`.
        """
        folders = await self.folders(step)
        programs = await self._content.programs(tuple(folders))
        work = work_folder(self._state)
        inherited = self._held.inherited
        return Job(step, self._variables, folders, programs, work, inherited)

    async def run_own(self, step: Step) -> tuple[Outcome, bool]:
        """Wait for what a step of the engine's own needs, and run it.

        Returns:
            How it ended, and whether another attempt would not help.

        Raises:
            RunStateError: A package is not available in the version that the run began with.
            StorageError: The local disk failed.
            AgentError: The agent that has the content cannot be reached.
        """
        try:
            packages = self._order_content(step)
            arrived = await self._content.packages_or_errors(packages, self._waited(step))
            await self._turns.start_step(step)
            outcome = await run_own_step(
                step=step,
                variables=self._variables,
                arrived=arrived,
                deliveries=self._deliveries,
                evaluator=self._evaluator,
                machine=self._machine,
            )
            return outcome, False
        except STOPPING:
            raise
        except DlcoreError as error:  # its parameters cannot be used
            return Outcome(CANNOT_RUN, message=error.message), True

    def _order_content(self, step: Step) -> tuple[str, ...]:
        """Order the downloads from this step on, and tell what it waits for.

        Returns:
            Ids of its packages, which need not be there yet.
        """
        packages = self.package_ids(step)
        self._content.order(step.index)
        self._turns.begin_wait(step, packages, is_there=self._content.is_there(packages))
        return packages

    def _waited(self, step: Step) -> Waited:
        turn = self._turns.of(step)
        return turn.waited if turn else lambda package_id, wait_s: None
