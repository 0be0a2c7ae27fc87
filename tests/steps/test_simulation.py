"""A simulated step takes time, and leaves the variables that it would leave."""

from __future__ import annotations

import pytest

from dlcore.steps.interface import Job
from dlcore.steps.simulation import SimulatingExecutor
from dlcore.tasksequence import FrozenVariables, Step, Variables
from dlcore.tasksequence.step_types import (
    INSTALL_APPLICATION,
    PRESTART_CHECK,
    RUN_COMMAND_LINE,
    UPGRADE,
)

RETURN_CODE = "_SMSTSOSUpgradeActionReturnCode"


def step_of(kind: str, **parameters: str) -> Step:
    return Step(0, "the step", kind, variables=FrozenVariables(parameters))


class Time:
    """Passes at once, and is counted."""

    def __init__(self) -> None:
        self.passed_s = 0.0

    async def sleep(self, duration_s: float) -> None:
        self.passed_s += duration_s


async def left_by(
    step: Step,
    before: dict[str, str] | None = None,
    *,
    exit_code: int = 0,
    sets: dict[str, str] | None = None,
) -> dict[str, str]:
    """The variables after a simulated step."""
    variables = Variables(before or {})
    executor = SimulatingExecutor(
        exit_codes={step.name: exit_code}, sets={step.name: sets or {}}, sleep=Time().sleep
    )
    outcome = await executor.run(Job(step, variables))
    assert outcome.exit_code == exit_code
    return dict(variables)


async def test_time_passes_as_told_for_the_step() -> None:
    time = Time()
    executor = SimulatingExecutor({"the step": 7.0}, default_s=1.0, sleep=time.sleep)
    await executor.run(Job(step_of(UPGRADE), Variables()))
    assert time.passed_s == 7.0


async def test_an_upgrade_leaves_what_later_conditions_ask_for() -> None:
    assert await left_by(step_of(UPGRADE)) == {RETURN_CODE: "0", "_SMSTSSetupRollback": "false"}


async def test_a_scan_leaves_the_code_that_setup_gives_without_issues() -> None:
    left = await left_by(step_of(UPGRADE, OSDUpgradeScanOnly="true"))
    assert left[RETURN_CODE] == str(0xC1900210)


async def test_a_variable_overrides_the_parameter_on_which_it_depends() -> None:
    left = await left_by(step_of(UPGRADE), {"OSDUpgradeScanOnly": "True"})
    assert left[RETURN_CODE] == str(0xC1900210)


async def test_a_readiness_check_leaves_the_results_that_are_asked_for_and_no_others() -> None:
    before = {"_TS_CRDISK": "0", "Mine": "kept"}
    left = await left_by(step_of(PRESTART_CHECK, OSDCheckMemory="true"), before)
    assert left == {"_TS_CRMEMORY": "1", "Mine": "kept"}


async def test_what_the_user_says_counts_more() -> None:
    left = await left_by(
        step_of(INSTALL_APPLICATION), sets={"_TSAppInstallStatus": "Warning", "More": "1"}
    )
    assert left["_TSAppInstallStatus"] == "Warning"
    assert left["More"] == "1"


async def test_an_empty_value_of_the_user_removes_a_variable() -> None:
    assert await left_by(step_of(RUN_COMMAND_LINE), {"Gone": "1"}, sets={"Gone": ""}) == {}


async def test_a_step_that_fails_leaves_only_what_the_user_says() -> None:
    left = await left_by(step_of(UPGRADE), exit_code=1, sets={"Seen": "1"})
    assert left == {"Seen": "1"}


@pytest.mark.parametrize("kind", [RUN_COMMAND_LINE, "Vendor_CustomAction"])
async def test_what_a_program_would_set_is_not_guessed(kind: str) -> None:
    assert await left_by(step_of(kind, CommandLine="echo A=1")) == {}
