"""Where a sequence goes on after a restart or a death, and what is still known then."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from dlcore.engine.client import Client
from dlcore.engine.policy import EnginePolicy
from dlcore.engine.running.run import run_sequence
from dlcore.engine.state_file import STATE_FILE
from dlcore.steps.interface import Job, Outcome
from dlcore.tasksequence import Step, Variables
from dlcore.tasksequence.step_types import RESTART
from tests.engine.machine import OS, TOOLS, TREES, Acting, CrashError, Machine, parsed
from tests.engine.scene import deployment, step
from tests.engine.virtual_time import virtually


def test_a_restart_is_told_and_the_next_run_goes_on_behind_it(machine: Machine) -> None:
    def act(step: Step, variables: Variables, content: Mapping[str, Path]) -> Outcome:
        variables["Count"] = variables.get("Count", "") + "x"
        return Outcome(restart=step.type == RESTART)

    tree = parsed(step("1"), step("reboot", "RebootAction"), step("2"))
    executor = Acting(act)
    assert machine.run(tree, executor).outcome == "restart"
    assert executor.ran == ["os", "1", "reboot"]
    report = machine.run(tree, executor)
    assert executor.ran == ["os", "1", "reboot", "2"]
    assert (report.outcome, report.restarts, report.steps_run) == ("succeeded", 1, 4)
    assert report.bytes_fetched - report.bytes_wasted == sum(TREES[OS].values()), (
        "figures are sums over all lives"
    )


@pytest.mark.parametrize("crash", range(5))
def test_a_run_that_dies_goes_on_at_the_same_step(machine: Machine, crash: int) -> None:
    """Fault P1: a run dies in any step. dlcore goes on at the same step."""
    died = False

    def act(step: Step, variables: Variables, content: Mapping[str, Path]) -> Outcome:
        nonlocal died
        if step.index == crash and not died:
            died = True
            raise CrashError
        variables["Trace"] = variables.get("Trace", "") + step.name + " "
        return Outcome()

    executor = Acting(act)
    names = ["os", "1", "2", "3", "4"]
    tree = parsed(*(step(name, package=TOOLS if name == "3" else "") for name in names[1:]))
    with pytest.raises(CrashError):
        machine.run(tree, executor)
    report = machine.run(tree, executor)
    assert executor.ran == [*names[: crash + 1], *names[crash:]]
    assert (report.outcome, report.restarts, report.steps_run) == ("succeeded", 1, 5)


def test_variables_survive_a_death(machine: Machine) -> None:
    def act(step: Step, variables: Variables, content: Mapping[str, Path]) -> Outcome:
        if step.name == "1":
            variables["Secret"] = "kept"
        if step.name == "2" and machine.variables:
            raise CrashError
        if step.name == "2":
            assert (variables["Secret"], variables["Given"]) == ("kept", "at first")
        return Outcome()

    tree = parsed(step("1"), step("2"))
    machine.variables = {"Given": "at first"}
    with pytest.raises(CrashError):
        machine.run(tree, Acting(act))
    if sys.platform != "win32":  # it has no modes
        assert (machine.state / STATE_FILE).stat().st_mode & 0o077 == 0
    machine.variables = {}
    machine.run(tree, Acting(act))


@pytest.mark.parametrize("exit_code", [0, 1])
def test_a_run_that_dies_when_it_has_ended_repeats_no_step(
    machine: Machine, exit_code: int
) -> None:
    """Fault P1: dlcore dies after the last step, before it tells. The next run tells, runs none."""
    executor = Acting(lambda step, *_: Outcome(exit_code if step.name == "2" else 0))
    tree = parsed(step("1"), step("2"))
    left: list[bytes] = []

    def die() -> None:
        left.append((machine.state / STATE_FILE).read_bytes())

    machine.before_the_outcome_is_taken = die
    first = machine.run(tree, executor)
    assert not (machine.state / STATE_FILE).exists(), "its outcome was taken"
    (machine.state / STATE_FILE).write_bytes(left[0])
    machine.before_the_outcome_is_taken = lambda: None
    again = machine.run(tree, executor)
    assert executor.ran == ["os", "1", "2"]
    assert (again.outcome, again.steps) == (first.outcome, first.steps)
    machine.run(tree, executor)
    assert executor.ran == ["os", "1", "2"] * 2, "then a new run begins"


@pytest.mark.parametrize("interruption", [asyncio.CancelledError, KeyboardInterrupt])
@pytest.mark.parametrize("restart", [False, True])
def test_an_outcome_that_an_interruption_hides_is_told_again(
    machine: Machine, interruption: type[BaseException], restart: bool
) -> None:
    """Fault P1: dlcore is interrupted before it tells the outcome. The next run tells it first."""
    executor = Acting(lambda step, *_: Outcome(restart=restart and step.name == "1"))
    tree = parsed(step("1"), step("2")) if restart else parsed(step("1"))

    def interrupt() -> None:
        raise interruption

    machine.before_the_outcome_is_taken = interrupt
    with pytest.raises(interruption):
        machine.run(tree, executor)
    machine.before_the_outcome_is_taken = lambda: None
    assert machine.run(tree, executor).outcome == ("restart" if restart else "succeeded")
    assert executor.ran == ["os", "1"]
    machine.run(tree, executor)
    assert executor.ran == ["os", "1", *(["2"] if restart else ["os", "1"])]


def test_a_caller_that_cannot_pass_the_outcome_on_keeps_it(machine: Machine) -> None:
    executor, tree = Acting(), parsed(step("1"))

    async def main() -> list[str]:
        told = []
        for is_kept in (True, False):
            async with Client(deployment(machine.root), machine.state) as client:
                told.append((await run_sequence(client, tree, executor)).outcome or "")
                if is_kept:
                    client.keep_outcome()
        return told

    assert virtually(main()) == ["succeeded", "succeeded"]
    assert executor.ran == ["os", "1"]


def test_a_client_that_runs_twice_begins_anew(machine: Machine) -> None:
    executor, tree = Acting(), parsed(step("1"))

    async def main() -> list[str]:
        async with Client(deployment(machine.root), machine.state) as client:
            return [(await run_sequence(client, tree, executor)).outcome or "" for _ in range(2)]

    assert virtually(main()) == ["succeeded", "succeeded"]
    assert executor.ran == ["os", "1"] * 2


class DiesLate:
    """Dies in the first step, at its end; the second time nothing happens."""

    def __init__(self) -> None:
        self.has_died = False

    def obstacle(self, step: Step, variables: Mapping[str, str]) -> str:
        return ""

    async def run(self, job: Job) -> Outcome:
        variables = job.variables
        if not self.has_died:
            variables["Trace"] = "left behind"
            await asyncio.sleep(100.0)
            self.has_died = True
            raise CrashError
        assert "Trace" not in variables
        return Outcome()


def test_what_a_run_did_before_it_died_in_a_long_step_counts(machine: Machine) -> None:
    executor, tree = DiesLate(), parsed(step("tools", package=TOOLS))
    with pytest.raises(CrashError):
        machine.run(tree, executor)
    report = machine.run(tree, executor)
    assert report.bytes_fetched - report.bytes_wasted == sum(TREES[OS].values()) + sum(
        TREES[TOOLS].values()
    )
    assert 100.0 - EnginePolicy().save_every_s <= report.makespan_s <= 101.0
    assert report.steps_run == 2
