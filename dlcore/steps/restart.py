"""The step *Restart Computer*: the run ends, and goes on behind it after the restart."""

from __future__ import annotations

from collections.abc import Mapping

from dlcore.steps.interface import Job, Outcome
from dlcore.tasksequence import Step


class RestartComputer:
    """Asks for a restart. Implements `Executor`."""

    def obstacle(self, step: Step, variables: Mapping[str, str]) -> str:
        """Nothing keeps the step from being run."""
        del step, variables
        return ""

    async def run(self, job: Job) -> Outcome:
        """Ask for a restart."""
        del job
        return Outcome(restart=True)
