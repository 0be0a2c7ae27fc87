"""A simulated run says that it is one, its conditions follow, and no real run builds on it."""

from __future__ import annotations

import pytest

from dlcore.engine.events import RunSimulated
from dlcore.engine.outcomes import RunOutcome
from dlcore.engine.running.resume import Resume
from dlcore.engine.state_file import STATE_FILE
from dlcore.errors import RunStateError, RunStateFault
from dlcore.steps.interface import Executor
from dlcore.steps.simulation import SimulatingExecutor
from dlcore.tasksequence import TaskSequence
from tests.engine.machine import Acting, CrashError, Machine, outcomes, parsed
from tests.engine.scene import step, when

RETURN_CODE = "_SMSTSOSUpgradeActionReturnCode"


def upgraded() -> TaskSequence:
    """Behind the upgrade that `parsed` puts first, steps with conditions on what it leaves."""
    return parsed(
        step("after success", condition=when(RETURN_CODE, "0")),
        step("after rollback", condition=when("_SMSTSSetupRollback", "true")),
        step(
            "mine", "SetVariableAction", VariableName="Mine", VariableValue="%_SMSTSSetupRollback%"
        ),
        step("follows", condition=when("Mine", "false")),
    )


def test_conditions_follow_what_a_simulated_step_sets(machine: Machine) -> None:
    report = machine.run(upgraded(), SimulatingExecutor())
    assert outcomes(report) == {
        "os": "succeeded",
        "after success": "succeeded",
        "after rollback": "condition",
        "mine": "succeeded",
        "follows": "succeeded",
    }


def test_a_simulated_run_says_so_in_its_report_and_events(machine: Machine) -> None:
    report = machine.run(upgraded(), SimulatingExecutor())
    assert report.simulated
    assert RunSimulated() in machine.events
    assert report.bytes_fetched > 0  # its content is real


def test_a_real_run_does_not_say_that_it_is_simulated(machine: Machine) -> None:
    report = machine.run(upgraded(), Acting())
    assert not report.simulated
    assert RunSimulated() not in machine.events


async def _dies(_: float) -> None:
    raise CrashError


def _dead_in_a_real_step() -> Executor:
    def act(*_: object) -> None:
        raise CrashError

    return Acting(act)  # type: ignore[arg-type]  # it does not return


@pytest.mark.parametrize("resume", [Resume.ASK, Resume.CONTINUE])
@pytest.mark.parametrize("first_is_simulated", [True, False])
def test_a_simulated_and_a_real_run_are_never_one(
    machine: Machine, first_is_simulated: bool, resume: Resume
) -> None:
    """Fault: a real run follows a simulated one that broke off. dlcore skips no step for it."""
    simulated, real = SimulatingExecutor(sleep=_dies), _dead_in_a_real_step()
    first, second = (simulated, Acting()) if first_is_simulated else (real, SimulatingExecutor())
    with pytest.raises(CrashError):
        machine.run(upgraded(), first)
    before = (machine.state / STATE_FILE).read_bytes()
    machine.resume = resume
    with pytest.raises(RunStateError) as caught:
        machine.run(upgraded(), second)
    assert caught.value.fault is RunStateFault.SIMULATED
    option = "with --simulate" if first_is_simulated else "without --simulate"
    assert option in caught.value.remedy
    assert "--restart" in caught.value.remedy
    assert (machine.state / STATE_FILE).read_bytes() == before


def test_a_real_run_begins_anew_if_asked_to(machine: Machine) -> None:
    with pytest.raises(CrashError):
        machine.run(upgraded(), SimulatingExecutor(sleep=_dies))
    machine.resume = Resume.START_OVER
    report = machine.run(upgraded(), executor := Acting())
    assert (report.outcome, report.simulated) == (RunOutcome.SUCCEEDED, False)
    assert executor.ran[0] == "os"


def test_a_simulated_run_goes_on_as_one(machine: Machine) -> None:
    with pytest.raises(CrashError):
        machine.run(upgraded(), SimulatingExecutor(sleep=_dies))
    report = machine.run(upgraded(), SimulatingExecutor())
    assert (report.outcome, report.simulated) == (RunOutcome.SUCCEEDED, True)
