"""Runs no step: time passes instead, and the variables are set that such a step would set.

`simulated_variables` tells what a step leaves if it succeeds, so that conditions of later steps
follow. What depends on the machine, or on the program that a step runs, the user says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from dlcore.steps.interface import Job, Outcome
from dlcore.tasksequence import Step, simulated_variables


class SimulatingExecutor:
    """Spends time instead of doing anything.

    Args:
        durations_s: Seconds by step name.
        default_s: Seconds for the others.
        exit_codes: By step name; 0 for the others.
        sets: Variables that a step sets at its end, by step name, whatever its exit code. They
            count more than what is known of its type.
        sleep: How time passes.
    """

    def __init__(
        self,
        durations_s: Mapping[str, float] | None = None,
        *,
        default_s: float = 0.0,
        exit_codes: Mapping[str, int] | None = None,
        sets: Mapping[str, Mapping[str, str]] | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._durations_s = durations_s or {}
        self._default_s = default_s
        self._exit_codes = exit_codes or {}
        self._sets = sets or {}
        self._sleep = sleep

    def obstacle(self, step: Step, variables: Mapping[str, str]) -> str:
        """Nothing keeps a step from being simulated."""
        del step, variables
        return ""

    async def run(self, job: Job) -> Outcome:
        """Spend the step's time, and set what it would set."""
        name = job.step.name
        await self._sleep(self._durations_s.get(name, self._default_s))
        outcome = Outcome(self._exit_codes.get(name, 0))
        left = dict(self._sets.get(name, {}))
        if outcome.is_success_of(job.step):
            left = {**simulated_variables(job.step, job.variables), **left}
        for variable, value in left.items():
            if value:
                job.variables[variable] = value
            else:
                job.variables.pop(variable, None)
        return outcome
