"""The step *Check Readiness*: does the machine meet what the step asks for?

Guarantees: a check that the step does not ask for is not made, and its result is empty. All others
are made even if one fails; then the step fails and names all that failed. A check that the machine
does not answer fails the step too, and is told by `obstacle` before a run.

Source: Microsoft Learn, "Task sequence steps: Check Readiness".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from dlcore.machine import Machine
from dlcore.steps.exit_codes import CHECKS_FAILED
from dlcore.steps.interface import CANNOT_RUN, Job, Outcome
from dlcore.steps.readiness_checks import READINESS_CHECKS, Finding, ReadinessCheck
from dlcore.tasksequence import Step, StepParameters
from dlcore.waiting import in_thread


class _Look(NamedTuple):
    """What came of looking: a finding, or why there is none."""

    check: ReadinessCheck
    finding: Finding | None
    reason: str = ""


class CheckReadiness:
    """Makes the checks of a step. Implements `Executor`.

    Args:
        machine: The machine to look at.
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def obstacle(self, step: Step, variables: Mapping[str, str]) -> str:
        """Which checks have no answer on this machine."""
        looks = self._looks(StepParameters(step, variables))
        return "; ".join(look.reason for look in looks if look.finding is None)

    async def run(self, job: Job) -> Outcome:
        """Make all checks that the step asks for, and set their results."""
        looks = await in_thread(self._looks, job.parameters)
        made = {look.check.result: look.finding for look in looks}
        for check in READINESS_CHECKS:
            finding = made.get(check.result)
            job.variables[check.result] = "" if finding is None else str(int(finding.passed))
        output = "\n".join(look.finding.text if look.finding else look.reason for look in looks)
        reasons = [look.reason for look in looks if look.finding is None]
        if reasons:
            return Outcome(CANNOT_RUN, message="; ".join(reasons), output=output)
        failed = [f.text for look in looks if (f := look.finding) and not f.passed]
        if failed:
            return Outcome(CHECKS_FAILED, message="; ".join(failed), output=output)
        return Outcome(output=output)

    def _looks(self, parameters: StepParameters) -> list[_Look]:
        return [
            self._look(check, parameters)
            for check in READINESS_CHECKS
            if parameters.is_true(check.switch)
        ]

    def _look(self, check: ReadinessCheck, parameters: StepParameters) -> _Look:
        limit = parameters.expanded(check.limit).strip() if check.limit else ""
        try:
            return _Look(check, check.look(self._machine, limit or check.default))
        except OSError as error:
            reason = error.strerror or str(error)
            return _Look(check, None, f"{check.switch} cannot be checked on this machine: {reason}")
        except ValueError as error:
            return _Look(check, None, f"{check.switch} cannot be checked: {check.limit}: {error}")
