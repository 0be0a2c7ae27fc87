"""A task sequence's steps: which run, how often, with what, and what becomes of their failures."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from dlcore.engine.client import Client
from dlcore.engine.executor import REBOOT, Executor, Outcome, SimulatingExecutor
from dlcore.engine.report import Report
from dlcore.engine.run import SAVE_EVERY_S, run_sequence
from dlcore.engine.state import STATE_FILE
from dlcore.errors import PreflightError
from dlcore.tasksequence import Step, TaskSequence, Variables, read
from tests.engine.conftest import EXTRA, OS, TOOLS, TREES
from tests.engine.scene import deployment, group, sequence, step, upgrade, when
from tests.engine.virtual_time import virtually
from tests.store.helpers import read_back

Act = Callable[[Step, Variables, Mapping[str, Path]], Outcome]


class Acting:
    """An executor that does as it is told, and remembers the steps it ran."""

    def __init__(self, act: Act = lambda step, variables, content: Outcome()) -> None:
        self.ran: list[str] = []
        self._act = act

    async def run(self, step: Step, variables: Variables, content: Mapping[str, Path]) -> Outcome:
        await asyncio.sleep(1.0)
        self.ran.append(step.name)
        return self._act(step, variables, content)


class CrashError(BaseException):
    """The process dies."""


def exits(**codes: int) -> Acting:
    """Steps end with these codes, by name."""
    return Acting(lambda step, variables, content: Outcome(codes.get(step.name, 0)))


def parsed(*children: str) -> TaskSequence:
    return read(sequence(upgrade(OS, "os"), *children), source="test")


class Machine:
    """A state directory on which sequences run."""

    def __init__(self, root: Path, state: Path) -> None:
        self.root = root
        self.state = state
        self.download = "when-needed"
        self.variables: dict[str, str] = {}
        self.more: list[str] = []

    def run(self, tree: TaskSequence, executor: Executor | None = None) -> Report:
        async def main() -> Report:
            settings = deployment(
                self.root, self.more, download=self.download, variables=self.variables
            )
            async with Client(settings, self.state) as client:
                return await run_sequence(client, tree, executor or Acting())

        return virtually(main())


@pytest.fixture
def machine(published: Path, tmp_path: Path) -> Machine:
    return Machine(published, tmp_path / "state")


def outcomes(report: Report) -> dict[str, str]:
    return {result.name: result.why or result.outcome for result in report.steps}


FAILS = 'continueOnError="false"'
GOES_ON = 'continueOnError="true"'


def test_steps_run_in_order_each_with_its_content(machine: Machine) -> None:
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
    assert report.bytes_fetched == sum(sum(TREES[p].values()) for p in (OS, TOOLS))


def test_a_second_run_fetches_nothing(machine: Machine) -> None:
    machine.run(parsed())
    report = machine.run(parsed())
    assert (report.bytes_fetched, report.restarts) == (0, 0)
    assert report.bytes_reused == sum(TREES[OS].values())


def test_a_false_condition_costs_no_bytes(machine: Machine) -> None:
    tree = parsed(step("tools", package=TOOLS, condition=when("X", "1")), step("last"))
    report = machine.run(tree)
    assert outcomes(report)["tools"] == "condition"
    assert report.bytes_fetched == sum(TREES[OS].values())
    assert not list((machine.state / "partial").iterdir())


def test_a_failing_step_ends_the_run(machine: Machine) -> None:
    executor = exits(bad=7)
    report = machine.run(parsed(step("bad"), step("last")), executor)
    assert executor.ran == ["os", "bad"]
    assert report.outcome == "failed"
    assert outcomes(report)["bad"] == "exit code 7"
    assert not (machine.state / STATE_FILE).exists(), "the next run begins anew"


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


@pytest.mark.parametrize(
    ("codes", "code"), [("0 3010", 3010), ("-1", 0xFFFFFFFF), ("4294967295", -1)]
)
def test_success_codes_are_success(machine: Machine, codes: str, code: int) -> None:
    report = machine.run(
        parsed(step("odd", attributes=f'successCodeList="{codes}"')), exits(odd=code)
    )
    assert report.outcome == "succeeded"


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


def test_a_restart_is_told_and_the_next_run_goes_on_behind_it(machine: Machine) -> None:
    def act(step: Step, variables: Variables, content: Mapping[str, Path]) -> Outcome:
        variables["Count"] = variables.get("Count", "") + "x"
        return Outcome(restart=step.type == REBOOT)

    tree = parsed(step("1"), step("reboot", "RebootAction"), step("2"))
    executor = Acting(act)
    assert machine.run(tree, executor).outcome == "restart"
    assert executor.ran == ["os", "1", "reboot"]
    report = machine.run(tree, executor)
    assert executor.ran == ["os", "1", "reboot", "2"]
    assert (report.outcome, report.restarts, report.steps_run) == ("succeeded", 1, 4)
    assert report.bytes_fetched == sum(TREES[OS].values()), "figures are sums over all lives"


@pytest.mark.parametrize("crash", range(5))
def test_a_run_that_dies_goes_on_at_the_same_step(machine: Machine, crash: int) -> None:
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
    assert (machine.state / STATE_FILE).stat().st_mode & 0o077 == 0
    machine.variables = {}
    machine.run(tree, Acting(act))


class DiesLate:
    """Dies in the first step, at its end; the second time nothing happens."""

    def __init__(self) -> None:
        self.has_died = False

    async def run(self, step: Step, variables: Variables, content: Mapping[str, Path]) -> Outcome:
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
    assert report.bytes_fetched == sum(TREES[OS].values()) + sum(TREES[TOOLS].values())
    assert 100.0 - SAVE_EVERY_S <= report.makespan_s <= 101.0
    assert report.steps_run == 2


def test_another_sequence_begins_anew(machine: Machine) -> None:
    def die(step: Step, variables: Variables, content: Mapping[str, Path]) -> Outcome:
        if step.name == "1":
            raise CrashError
        return Outcome()

    with pytest.raises(CrashError):
        machine.run(parsed(step("1")), Acting(die))
    executor = Acting()
    assert machine.run(parsed(step("2")), executor).restarts == 0
    assert executor.ran == ["os", "2"]


@pytest.mark.parametrize("damage", [b"", b"{}", b"\xff", b'{"schema": 99}'])
def test_a_state_that_cannot_be_read_begins_anew(machine: Machine, damage: bytes) -> None:
    machine.run(parsed())
    (machine.state / STATE_FILE).write_bytes(damage)
    assert machine.run(parsed()).restarts == 0


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


def test_before_start_fetches_what_only_a_step_could_name(machine: Machine) -> None:
    def choose(step: Step, variables: Variables, content: Mapping[str, Path]) -> Outcome:
        variables["PKG"] = TOOLS
        return Outcome()

    machine.download = "before-start"
    machine.variables = {"PKG": EXTRA}
    executor = Acting(choose)
    machine.run(parsed(step("dynamic", package="%PKG%")), executor)
    assert executor.ran == ["os", "dynamic"]


def test_an_undecided_condition_may_fail_the_run(machine: Machine) -> None:
    wmi = (
        '<condition><expression type="SMS_TaskSequence_WMIConditionExpression">'
        '<variable name="Query">SELECT 1</variable></expression></condition>'
    )
    tree = parsed(step("odd", condition=wmi), step("last"))
    assert outcomes(machine.run(tree))["odd"] == "undecided"
    machine.more = ["[conditions]\nundecided = 'fail'"]
    assert machine.run(tree).outcome == "failed"
    machine.more = ["[conditions]\nundecided = 'run'"]
    assert outcomes(machine.run(tree))["odd"] == "succeeded"


def test_a_retry_count_that_is_no_number_fails_the_step_that_needs_it(machine: Machine) -> None:
    sets = step(
        "set", "SetVariableAction", VariableName="SMSTSDownloadRetryCount", VariableValue="many"
    )
    report = machine.run(parsed(sets, step("tools", package=TOOLS)))
    assert report.outcome == "failed"
    assert "SMSTSDownloadRetryCount" in outcomes(report)["tools"]


def test_a_missing_prerequisite_runs_nothing(machine: Machine) -> None:
    executor = Acting()
    with pytest.raises(PreflightError, match="ABC000FF"):
        machine.run(parsed(step("unknown", package="ABC000FF")), executor)
    assert executor.ran == []


def test_later_packages_arrive_while_earlier_steps_run(machine: Machine) -> None:
    executor = SimulatingExecutor({"os": 100.0, "tools": 50.0})
    report = machine.run(parsed(step("tools", package=TOOLS)), executor)
    stalls = {result.name: result.stall_s for result in report.steps}
    assert stalls["tools"] == 0.0
    assert report.makespan_s == pytest.approx(150.0, abs=1.0)
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
