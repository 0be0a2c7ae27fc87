"""The step *Restart Computer*: the run ends, and goes on behind it after the restart.

Source: Microsoft Learn, "Task sequence steps: Restart Computer", and the SDK class
SMS_TaskSequence_RebootAction; where older exports have the target, ``smsboot.exe /target:...``, is
observed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from dlcore.printable import quoted
from dlcore.steps.interface import CANNOT_RUN, Job, Outcome, RestartNotice
from dlcore.tasksequence import Step, StepParameters

_TARGET: Final = re.compile(r"/target:(\w+)", re.IGNORECASE)
_FULL_SYSTEM: Final = frozenset({"", "hd"})
_NO_WINDOWS_PE: Final = (
    "it restarts the machine into Windows PE, and dlcore goes on in the full operating system only"
)


class RestartComputer:
    """Asks for a restart. Implements `Executor`."""

    def obstacle(self, step: Step, variables: Mapping[str, str]) -> str:
        """Whether the machine would go into Windows PE."""
        target = _target(StepParameters(step, variables), step)
        return "" if target.lower() in _FULL_SYSTEM else _NO_WINDOWS_PE

    async def run(self, job: Job) -> Outcome:
        """Ask for a restart."""
        obstacle = self.obstacle(job.step, job.variables)
        if obstacle:
            return Outcome(CANNOT_RUN, message=obstacle)
        delay = job.parameters.expanded("SMSRebootTimeout").strip()
        if delay and not re.fullmatch(r"[0-9]{1,6}", delay):
            told = f"SMSRebootTimeout is {quoted(delay[:60])}, which is not a time in seconds"
            return Outcome(CANNOT_RUN, message=told)
        message = job.parameters.expanded("SMSRebootMessage")
        if not (delay or message):
            return Outcome(restart=True)
        notice = RestartNotice(delay_s=int(delay) if delay else None, message=message)
        return Outcome(restart=True, notice=notice)


def _target(parameters: StepParameters, step: Step) -> str:
    """``HD``, or what stands for the boot image; empty if the step does not say."""
    written = parameters.expanded("SMSRebootTarget").strip()
    if written:
        return written
    found = _TARGET.search(step.action)
    return found[1] if found else ""
