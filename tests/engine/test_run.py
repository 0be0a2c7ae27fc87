"""A task sequence's steps: which run, how often, and what becomes of their failures."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import pytest

from dlcore.engine.client import Client
from dlcore.engine.events import Event, StepStarted
from dlcore.engine.running.run import run_sequence
from dlcore.engine.state_file import STATE_FILE
from dlcore.errors import PreflightError
from dlcore.steps.interface import Job, Outcome
from dlcore.tasksequence import Step, Variables
from tests.engine.machine import (
    EXTRA,
    GOES_ON,
    OS,
    TOOLS,
    TREES,
    Acting,
    Machine,
    exits,
    outcomes,
    parsed,
)
from tests.engine.scene import deployment, group, step, when
from tests.engine.virtual_time import virtually
from tests.store.helpers import read_back


def test_steps_run_in_order_each_with_its_content(machine: Machine) -> None:
    """Fault G5: a step could begin before its content is complete. dlcore starts it when its
    package is complete under its final name.
    """
    found: dict[str, dict[str, bytes]] = {}

    def look(step: Step, variables: Variables, content: Mapping[str, Path]) -> Outcome:
        for package, folder in content.items():
            assert variables[f"_SMSTS{package}"] == str(folder)
            found[package] = read_back(folder)
        return Outcome()

    executor = Acting(look)
    report = machine.run(parsed(step("tools", package=TOOLS), step("last")), executor)
    assert executor.ran == ["os", "tools", "last"]
    for package in (OS, TOOLS):
        assert found[package] == read_back(machine.root / "source" / package)
    assert report.outcome == "succeeded"
    assert report.bytes_fetched - report.bytes_wasted == sum(
        sum(TREES[p].values()) for p in (OS, TOOLS)
    )


def test_listeners_hear_that_a_step_starts_before_it_says_anything(machine: Machine) -> None:
    said: list[str] = []

    class Speaking(Acting):
        async def run(self, job: Job) -> Outcome:
            said.append(f"{job.step.name} speaks")
            return Outcome()

    def note(event: Event) -> None:
        if isinstance(event, StepStarted):
            said.append(f"{event.name} starts")

    async def hear(stream: AsyncIterator[Event]) -> None:
        async for event in stream:
            note(event)

    async def main() -> None:
        async with Client(deployment(machine.root), machine.state) as client:
            hearing = asyncio.ensure_future(hear(client.events()))
            await run_sequence(client, parsed(step("last")), Speaking())
        await hearing

    virtually(main())
    assert said == ["os starts", "os speaks", "last starts", "last speaks"]


def test_a_failing_step_ends_the_run(machine: Machine) -> None:
    executor = exits(bad=7)
    report = machine.run(parsed(step("bad"), step("last")), executor)
    assert executor.ran == ["os", "bad"]
    assert report.outcome == "failed"
    assert outcomes(report)["bad"] == "exit code 7"
    assert not (machine.state / STATE_FILE).exists(), "the next run starts over"


def test_a_step_may_fail_if_it_continues_on_error(machine: Machine) -> None:
    executor = exits(bad=7)
    report = machine.run(parsed(step("bad", attributes=GOES_ON), step("last")), executor)
    assert executor.ran == ["os", "bad", "last"]
    assert report.outcome == "succeeded"


def test_a_failing_step_ends_its_group_if_that_continues_on_error(machine: Machine) -> None:
    inner = group("inner", step("bad"), step("2"))
    outer = group("outer", inner, step("3"), attributes=GOES_ON)
    executor = exits(bad=7)
    report = machine.run(parsed(outer, step("last")), executor)
    assert executor.ran == ["os", "bad", "last"]
    assert [outcomes(report)[name] for name in "23"] == ["group failed"] * 2


def test_only_the_innermost_group_that_continues_is_left(machine: Machine) -> None:
    inner = group("inner", step("bad"), step("2"), attributes=GOES_ON)
    outer = group("outer", inner, step("3"), attributes=GOES_ON)
    executor = exits(bad=7)
    machine.run(parsed(outer), executor)
    assert executor.ran == ["os", "bad", "3"]


@pytest.mark.parametrize(("codes", "code"), [("0 17", 17), ("-1", 0xFFFFFFFF), ("4294967295", -1)])
def test_success_codes_are_success(machine: Machine, codes: str, code: int) -> None:
    report = machine.run(
        parsed(step("odd", attributes=f'successCodeList="{codes}"')), exits(odd=code)
    )
    assert report.outcome == "succeeded"


@pytest.mark.parametrize(
    ("codes", "code"),
    [
        ("0", 1 << 32),
        ("0 3010", -(1 << 32)),
        ("0", 10**30),
        ("4294967296", 0),
        ("4294967296", 1 << 32),
        ("1", -(1 << 31) - 1 - 0x7FFFFFFE),
    ],
)
def test_a_number_of_more_than_32_bits_is_no_exit_code(
    machine: Machine, codes: str, code: int
) -> None:
    """Fault: an executor tells a number that is no exit code, and whose last 32 bits are 0. dlcore
    does not take it for 0: the step has failed.
    """
    report = machine.run(
        parsed(step("odd", attributes=f'successCodeList="{codes}"')), exits(odd=code)
    )
    assert report.outcome == "failed"


def test_a_step_is_tried_again_as_often_as_it_says(machine: Machine) -> None:
    executor = exits(bad=7)
    report = machine.run(parsed(step("bad", attributes='retryCount="2"')), executor)
    assert executor.ran == ["os", "bad", "bad", "bad"]
    assert report.outcome == "failed"


def test_what_is_disabled_does_not_run(machine: Machine) -> None:
    off = group("off", step("1", package=EXTRA), attributes='disable="true"')
    executor = Acting()
    report = machine.run(parsed(off, step("2", attributes='disable="true"')), executor)
    assert executor.ran == ["os"]
    assert outcomes(report)["1"] == outcomes(report)["2"] == "disabled"


def test_a_groups_condition_is_decided_once(machine: Machine) -> None:
    changes = step("change", "SetVariableAction", VariableName="X", VariableValue="2")
    tree = parsed(group("g", changes, step("inside"), condition=when("X", "1")))
    machine.variables = {"X": "1"}
    executor = Acting()
    machine.run(tree, executor)
    assert executor.ran == ["os", "inside"]


def test_a_variable_set_by_a_step_decides_a_condition(machine: Machine) -> None:
    sets = step("set", "SetVariableAction", VariableName="X", VariableValue="%Y%1")
    tree = parsed(sets, step("yes", condition=when("X", "a1")), step("no", condition=when("X", "")))
    machine.variables = {"Y": "a"}
    executor = Acting()
    machine.run(tree, executor)
    assert executor.ran == ["os", "yes"]


def test_variables_tell_of_the_run(machine: Machine) -> None:
    seen: dict[str, Variables] = {}

    def look(step: Step, variables: Variables, content: Mapping[str, Path]) -> Outcome:
        seen[step.name] = Variables(variables)
        return Outcome(5 if step.name == "bad" else 0)

    machine.run(parsed(step("bad", attributes=GOES_ON), step("last")), Acting(look))
    assert seen["os"]["_SMSTSDownloadOnDemand"] == "true"
    assert seen["os"]["_SMSTSLastContentDownloadLocation"] == f"disk/{OS}"
    last = seen["last"]
    assert last["_SMSTSLastActionName"] == "bad"
    assert last["_SMSTSLastActionRetCode"] == "5"
    assert last["_SMSTSLastActionSucceeded"] == "false"


def test_an_undecided_condition_may_fail_the_run(machine: Machine) -> None:
    wmi = (
        '<condition><expression type="SMS_TaskSequence_WMIConditionExpression">'
        '<variable name="Query">SELECT 1</variable></expression></condition>'
    )
    tree = parsed(step("odd", condition=wmi), step("last"))
    assert outcomes(machine.run(tree))["odd"] == "undecided"
    machine.more = ["[conditions]\nundecided = 'fail'"]
    failed = machine.run(tree)
    assert failed.outcome == "failed"
    assert "cannot be decided" in outcomes(failed)["odd"]
    machine.more = ["[conditions]\nundecided = 'run'"]
    assert outcomes(machine.run(tree))["odd"] == "succeeded"


def test_a_missing_prerequisite_runs_nothing(machine: Machine) -> None:
    executor = Acting()
    with pytest.raises(PreflightError, match="ABC000FF"):
        machine.run(parsed(step("unknown", package="ABC000FF")), executor)
    assert executor.ran == []


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="there is no /proc here")
@pytest.mark.posix_only(reason="no folder is open on Windows")
def test_a_run_whose_outcome_was_taken_leaves_nothing_open(machine: Machine) -> None:
    gc.disable()  # which would close what nobody refers to any more
    try:
        machine.run(parsed(step("1")))
        opened = list(open_paths())
    finally:
        gc.enable()
    assert not [path for path in opened if path.is_relative_to(machine.state)]


def open_paths() -> Iterator[Path]:
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # of the listing itself
            yield link.readlink()
