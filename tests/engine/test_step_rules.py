"""What a step's turn begins with: its references, its environment, and the variables around it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from dlcore.engine.client import Client
from dlcore.engine.events import StepEnded, StepStarted
from dlcore.engine.listeners.words import describe
from dlcore.steps.interface import Outcome
from dlcore.tasksequence import Step, Variables
from tests.engine.machine import EXTRA, GOES_ON, TOOLS, Acting, Machine, outcomes, parsed
from tests.engine.scene import PREFIX, deployment, group, step, when
from tests.engine.virtual_time import virtually


@pytest.fixture
def intranet(machine: Machine) -> Machine:
    """Preflight lets references be resolved by the run itself there."""
    machine.on_internet = False
    return machine


def unresolved(kind: str, **more: str) -> str:
    if kind == "DownloadPackageContentAction":
        return step("get", kind, OSDDownloadDownloadPackages="%DRIVER%", **more)
    return step("get", kind, package="%DRIVER%", **more)


@pytest.mark.parametrize("kind", ["RunCommandLineAction", "DownloadPackageContentAction"])
def test_a_reference_that_does_not_resolve_fails_the_step_and_names_the_variable(
    intranet: Machine, kind: str
) -> None:
    executor = Acting()
    report = intranet.run(parsed(unresolved(kind), step("last")), executor)
    assert executor.ran == ["os"], "nothing of the step is executed"
    assert report.outcome == "failed"
    started = [event.name for event in intranet.events if isinstance(event, StepStarted)]
    assert started == ["os"]
    assert outcomes(report)["get"] == (
        "the package '%DRIVER%' is not known: the variable DRIVER is not set"
    )


@pytest.mark.parametrize("kind", ["RunCommandLineAction", "DownloadPackageContentAction"])
def test_a_step_with_such_a_reference_may_continue_on_error(intranet: Machine, kind: str) -> None:
    executor = Acting()
    bad = unresolved(kind, attributes=f'{GOES_ON} retryCount="3"')
    report = intranet.run(parsed(bad, step("last")), executor)
    assert executor.ran == ["os", "last"]
    assert report.outcome == "succeeded"
    assert report.steps[1].run_s == 0.0, "no attempt would help"


def test_a_text_that_is_not_an_id_is_named(intranet: Machine) -> None:
    intranet.variables = {"DRIVER": "driver pack"}
    report = intranet.run(parsed(unresolved("RunCommandLineAction")))
    assert "%DRIVER%' is not known: it is not a package id" in outcomes(report)["get"]


def test_a_reference_that_a_step_resolves_in_time_is_fetched(intranet: Machine) -> None:
    found: dict[str, Path] = {}

    def act(step: Step, variables: Variables, content: Mapping[str, Path]) -> Outcome:
        variables["Driver"] = TOOLS
        found.update(content)
        return Outcome()

    tree = parsed(unresolved("RunCommandLineAction"))
    assert intranet.run(tree, Acting(act)).outcome == "succeeded"
    assert TOOLS in found


def test_a_step_for_windows_pe_does_not_run(
    machine: Machine,
) -> None:
    executor = Acting()
    pe = step("pe", package=TOOLS, attributes='runIn="WinPE"')
    full = group("full", step("full"), condition=when("_SMSTSInWinPE", "false"))
    both = step("both", attributes='runIn="WinPEandFullOS"')
    report = machine.run(
        parsed(pe, full, both, step("os only", attributes='runIn="FullOS"')), executor
    )
    assert executor.ran == ["os", "full", "both", "os only"]
    assert outcomes(report)["pe"] == "Windows PE"
    assert report.outcome == "succeeded"


def test_a_group_whose_steps_are_all_for_windows_pe_is_not_asked_for_its_condition(
    machine: Machine,
) -> None:
    """Fault: the condition of a group for Windows PE cannot be decided here, and the settings say
    to end the sequence then. dlcore leaves its steps out, and goes on.
    """
    machine.more = ["[conditions]", "undecided = 'fail'"]
    pe = step("pe", attributes='runIn="WinPE"')
    whatever = (
        f'<condition><expression type="{PREFIX}WMIConditionExpression">'
        '<variable name="Query">SELECT * FROM X</variable></expression></condition>'
    )
    only_pe = group("only pe", pe, condition=whatever)
    report = machine.run(parsed(only_pe, step("last")), Acting())
    assert (report.outcome, outcomes(report)["pe"]) == ("succeeded", "Windows PE")
    both = group("both", pe, step("both"), condition=whatever)
    report = machine.run(parsed(both), Acting())
    assert (report.outcome, report.steps[-1].name) == ("failed", "both")


def test_a_step_is_told_its_name_before_it_runs(machine: Machine) -> None:
    seen: list[str] = []

    def look(step: Step, variables: Variables, content: Mapping[str, Path]) -> Outcome:
        seen.append(variables["_SMSTSCurrentActionName"])
        return Outcome()

    machine.run(
        parsed(step("a"), step("skipped", condition=when("X", "1")), step("b")), Acting(look)
    )
    assert seen == ["os", "a", "b"]


def test_a_step_that_is_left_out_resets_nothing(machine: Machine) -> None:
    seen: dict[str, Variables] = {}

    def look(step: Step, variables: Variables, content: Mapping[str, Path]) -> Outcome:
        seen[step.name] = Variables(variables)
        return Outcome(5 if step.name == "bad" else 0)

    skipped = step("skipped", condition=when("X", "1"))
    machine.run(parsed(step("bad", attributes=GOES_ON), skipped, step("last")), Acting(look))
    assert seen["last"]["_SMSTSLastActionName"] == "bad"
    assert seen["last"]["_SMSTSLastActionSucceeded"] == "false"


@pytest.mark.parametrize("name", ["_SMSTSMachineName", "%Prefix%Own"])
def test_a_step_cannot_set_a_read_only_variable(machine: Machine, name: str) -> None:
    machine.variables = {"Prefix": "_"}
    seen: list[str] = []

    def look(step: Step, variables: Variables, content: Mapping[str, Path]) -> Outcome:
        seen.append(variables["_SMSTSMachineName"])
        assert "_Own" not in variables
        return Outcome()

    sets = step("set", "SetVariableAction", VariableName=name, VariableValue="other")
    report = machine.run(parsed(sets), Acting(look))
    assert report.outcome == "failed"
    assert "is read-only" in outcomes(report)["set"]
    assert seen == ["PC0042"]


def test_an_empty_value_removes_a_variable(machine: Machine) -> None:
    machine.variables = {"X": "1"}
    sets = step("set", "SetVariableAction", VariableName="x", VariableValue="")
    executor = Acting()
    machine.run(parsed(sets, step("gone", condition=when("X", "", "notExists"))), executor)
    assert executor.ran == ["os", "gone"]


def test_a_removed_variable_stays_removed_after_a_restart(machine: Machine) -> None:
    machine.variables = {"X": "1"}
    sets = step("set", "SetVariableAction", VariableName="x", VariableValue="")
    tree = parsed(sets, step("boot"), step("last"))

    def act(step: Step, variables: Variables, content: Mapping[str, Path]) -> Outcome:
        if step.name != "os":
            assert "X" not in variables
        return Outcome(restart=step.name == "boot")

    assert machine.run(tree, Acting(act)).outcome == "restart"
    assert machine.run(tree, Acting(act)).outcome == "succeeded"


def test_a_step_without_a_folder_starts_in_the_run_s_own_which_the_next_run_empties(
    machine: Machine,
) -> None:
    async def main() -> list[list[str]]:
        found = []
        settings = deployment(machine.root)
        for restart in (True, False, False):
            async with Client(settings, machine.state, machine=machine.computer) as client:
                session = await client.session(parsed(step("a"), step("b")))
                async for due in session.run_steps():
                    folder = (await session.job(due)).work_folder
                    assert folder is not None
                    assert session.variables["_SMSTSMDataPath"] == str(folder)
                    found.append(sorted(path.name for path in folder.iterdir()))
                    (folder / due.name).mkdir(exist_ok=True)
                    is_restart = restart and due.name == "a"
                    await session.completed(due, Outcome(restart=is_restart))
        return found

    assert virtually(main()) == [[], ["os"], ["a", "os"], [], ["os"], ["a", "os"]]
    assert (machine.state / "logs").is_dir(), "_SMSTSLogPath"


def test_the_report_says_what_a_step_waited_for_and_how_it_failed(machine: Machine) -> None:
    def act(step: Step, variables: Variables, content: Mapping[str, Path]) -> Outcome:
        return Outcome(1603, output="cannot write\nto C:\\") if step.name == "bad" else Outcome()

    report = machine.run(parsed(step("bad", package=TOOLS)), Acting(act))
    result = report.steps[1]
    assert set(result.waits_s) == {TOOLS}
    assert sum(result.waits_s.values()) <= result.stall_s + 1e-6
    assert result.explanation.startswith("ERROR_INSTALL_FAILURE")
    assert result.output == "cannot write\nto C:\\"
    (start,) = (e for e in machine.events if isinstance(e, StepStarted) and e.index == 1)
    assert start.waits_s == result.waits_s
    (end,) = (e for e in machine.events if isinstance(e, StepEnded) and e.index == 1)
    assert (end.message, end.explanation) == ("exit code 1603", result.explanation)
    assert f"(exit code 1603: {result.explanation})" in describe(end)


def test_a_job_has_the_programs_of_the_step_s_packages(machine: Machine) -> None:
    async def main() -> None:
        settings = deployment(machine.root)
        async with Client(settings, machine.state, machine=machine.computer) as client:
            session = await client.session(parsed(step("tools", package=TOOLS)))
            async for due in session.run_steps():
                job = await session.job(due)
                assert {*job.programs} == {*job.content} == {*session.packages(due)}
                assert job.variables is session.variables
                await session.completed(due, 0)

    virtually(main())


def test_the_downloader_by_command_line_is_a_download_step(machine: Machine) -> None:
    tree = parsed(
        *(
            step(f"set {name}", "SetVariableAction", VariableName=name, VariableValue=value)
            for name, value in {
                "OSDDownloadDownloadPackages": TOOLS,
                "OSDDownloadDestinationVariable": "BIOS",
            }.items()
        ),
        step("get", CommandLine="OSDDownloadContent.exe"),
        step("last"),
    )
    seen: dict[str, str] = {}

    def look(step: Step, variables: Variables, content: Mapping[str, Path]) -> Outcome:
        seen.update(variables)
        return Outcome()

    executor = Acting(look)
    machine.on_internet = False
    assert machine.run(tree, executor).outcome == "succeeded"
    assert executor.ran == ["os", "last"]
    assert TOOLS in seen["BIOS01"]
    assert seen["BIOS01"].startswith(seen["BIOS"])


def test_a_variable_overrides_the_package_of_a_download_step(machine: Machine) -> None:
    pick = step(
        "pick",
        "SetVariableAction",
        VariableName="OSDDownloadDownloadPackages",
        VariableValue=TOOLS,
    )
    get = step(
        "get",
        "DownloadPackageContentAction",
        OSDDownloadDownloadPackages=EXTRA,
        OSDDownloadDestinationVariable="Got",
    )
    seen: list[str] = []

    def look(step: Step, variables: Variables, content: Mapping[str, Path]) -> Outcome:
        seen.append(variables.get("Got01", ""))
        return Outcome()

    report = machine.run(parsed(pick, get, step("last")), Acting(look))
    assert report.steps[2].packages == (TOOLS,)
    assert TOOLS in seen[-1]
