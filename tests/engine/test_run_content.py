"""Which packages a run fetches, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from dlcore.engine.client import Client
from dlcore.errors import NotFoundError
from dlcore.steps.interface import Outcome
from dlcore.steps.simulation import SimulatingExecutor
from dlcore.tasksequence import Step, Variables
from tests.engine.machine import EXTRA, OS, TOOLS, TREES, Acting, Machine, outcomes, parsed
from tests.engine.scene import deployment, step, when
from tests.engine.virtual_time import virtually
from tests.store.helpers import read_back


def test_a_second_run_fetches_nothing(machine: Machine) -> None:
    machine.run(parsed())
    report = machine.run(parsed())
    assert (report.bytes_fetched, report.restarts) == (0, 0)
    assert report.bytes_reused == sum(TREES[OS].values())


def test_a_false_condition_costs_no_bytes(machine: Machine) -> None:
    tree = parsed(step("tools", package=TOOLS, condition=when("X", "1")), step("last"))
    report = machine.run(tree)
    assert outcomes(report)["tools"] == "condition"
    assert report.bytes_fetched - report.bytes_wasted == sum(TREES[OS].values())
    assert not list((machine.state / "partial").iterdir())


def test_before_start_means_everything_first(machine: Machine) -> None:
    def look(step: Step, variables: Variables, content: Mapping[str, Path]) -> Outcome:
        assert variables["_SMSTSDownloadOnDemand"] == "false"
        if step.name == "os":
            there = {path.name[:8] for path in (machine.state / "packages").iterdir()}
            assert there == {OS, TOOLS, EXTRA}
        return Outcome()

    machine.download = "before-start"
    machine.variables = {"PKG": EXTRA}
    tree = parsed(
        step("off", package=TOOLS, condition=when("X", "1")), step("dynamic", package="%PKG%")
    )
    executor = Acting(look)
    assert machine.run(tree, executor).outcome == "succeeded"
    assert executor.ran == ["os", "dynamic"]


def test_before_start_runs_no_step_while_content_is_missing(machine: Machine) -> None:
    """Fault: all content is to be there first, and some is missing. dlcore runs no step."""

    async def main() -> None:
        settings = deployment(machine.root, download="before-start")
        async with Client(settings, machine.state) as client:
            session = await client.session(parsed(step("last", package="ABC00099")))
            await anext(session.run_steps())

    with pytest.raises(NotFoundError, match="ABC00099"):
        virtually(main())


def test_before_start_fetches_what_only_a_step_could_name(machine: Machine) -> None:
    def choose(step: Step, variables: Variables, content: Mapping[str, Path]) -> Outcome:
        variables["PKG"] = TOOLS
        return Outcome()

    machine.download = "before-start"
    machine.variables = {"PKG": EXTRA}
    executor = Acting(choose)
    machine.run(parsed(step("dynamic", package="%PKG%")), executor)
    assert executor.ran == ["os", "dynamic"]


def test_a_retry_count_that_is_no_number_fails_the_step_that_needs_it(machine: Machine) -> None:
    sets = step(
        "set", "SetVariableAction", VariableName="SMSTSDownloadRetryCount", VariableValue="many"
    )
    report = machine.run(parsed(sets, step("tools", package=TOOLS)))
    assert report.outcome == "failed"
    assert "SMSTSDownloadRetryCount" in outcomes(report)["tools"]


def test_later_packages_arrive_while_earlier_steps_run(machine: Machine) -> None:
    executor = SimulatingExecutor({"os": 100.0, "tools": 50.0})
    report = machine.run(parsed(step("tools", package=TOOLS)), executor)
    stalls = {result.name: result.stall_s for result in report.steps}
    assert stalls["tools"] == 0.0
    assert report.makespan_s == pytest.approx(150.0, abs=1.0)
    assert report.efficiency is not None
    assert report.efficiency > 0.99


def test_an_agent_may_ask_for_the_content_of_any_step(machine: Machine) -> None:
    async def main() -> None:
        async with Client(deployment(machine.root), machine.state) as client:
            session = await client.session(tree)
            for item in session.steps:
                content = await session.content(item)
                assert set(content) == set(session.packages(item))

    tree = parsed(
        step("false", package=TOOLS, condition=when("X", "1")),
        step("off", package=EXTRA, attributes='disable="true"'),
    )
    virtually(main())


def test_two_fetches_at_once_both_arrive(machine: Machine) -> None:
    async def main() -> None:
        async with Client(deployment(machine.root), machine.state) as client:
            paths = await asyncio.gather(client.fetch(OS), client.fetch(TOOLS))
            for package, path in zip((OS, TOOLS), paths, strict=True):
                assert read_back(path) == read_back(machine.root / "source" / package)

    virtually(main())
