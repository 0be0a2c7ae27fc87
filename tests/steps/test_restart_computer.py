"""The step *Restart Computer*."""

from __future__ import annotations

import pytest

from dlcore.steps.interface import CANNOT_RUN, Job, Outcome, RestartNotice
from dlcore.steps.restart import RestartComputer
from dlcore.tasksequence import FrozenVariables, Step, Variables
from dlcore.tasksequence.step_types import RESTART


def step_of(action: str = "", **parameters: str) -> Step:
    return Step(0, "restart", RESTART, action=action, variables=FrozenVariables(parameters))


async def run(step: Step, variables: dict[str, str] | None = None) -> Outcome:
    return await RestartComputer().run(Job(step, Variables(variables or {})))


@pytest.mark.parametrize(
    ("parameters", "notice"),
    [
        ({}, None),
        ({"SMSRebootTimeout": "0"}, RestartNotice(delay_s=0)),
        (
            {"SMSRebootTimeout": "60", "SMSRebootMessage": "Save your work, %WHO%."},
            RestartNotice(delay_s=60, message="Save your work, Ann."),
        ),
        ({"SMSRebootMessage": "Soon."}, RestartNotice(message="Soon.")),
    ],
)
async def test_people_are_told_what_the_step_says(
    parameters: dict[str, str], notice: RestartNotice | None
) -> None:
    outcome = await run(step_of(**parameters), {"WHO": "Ann"})
    assert outcome == Outcome(restart=True, notice=notice)


async def test_a_variable_overrides_the_time() -> None:
    outcome = await run(step_of(SMSRebootTimeout="60"), {"SMSRebootTimeout": "5"})
    assert outcome.notice == RestartNotice(delay_s=5)


@pytest.mark.parametrize(
    "step",
    [
        step_of(SMSRebootTarget="WinPE"),
        step_of("smsboot.exe /target:WinPE"),
        step_of("smsboot.exe /target:HD", SMSRebootTarget="ABC00001"),
    ],
)
async def test_a_restart_into_windows_pe_is_refused(step: Step) -> None:
    """Fault: a step restarts into Windows PE. dlcore refuses it, since it does not run there."""
    assert "Windows PE" in RestartComputer().obstacle(step, {})
    outcome = await run(step)
    assert (outcome.exit_code, outcome.restart) == (CANNOT_RUN, False)


@pytest.mark.parametrize("step", [step_of(), step_of(SMSRebootTarget="HD")])
def test_a_restart_into_the_installed_system_has_no_obstacle(step: Step) -> None:
    assert RestartComputer().obstacle(step, {}) == ""


async def test_a_time_that_is_none_is_refused() -> None:
    """Fault: the time before a restart cannot be used. dlcore names it and does not restart."""
    outcome = await run(step_of(SMSRebootTimeout="soon"))
    assert (outcome.exit_code, outcome.restart) == (CANNOT_RUN, False)
    assert "SMSRebootTimeout is 'soon'" in outcome.message
