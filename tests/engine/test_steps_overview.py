"""What is found in the steps before a run: what cannot run, what is missing, what is not known."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from dlcore.deployment import Check, CheckOutcome, Need, StepNote, failed
from dlcore.engine.client import Client
from dlcore.engine.preflight_facts import preflight
from dlcore.engine.running.condition_judge import Judge
from dlcore.engine.running.run import run_sequence
from dlcore.engine.running.steps_overview import Overview, look_over, obstacles
from dlcore.errors import PreflightError
from dlcore.steps.interface import Executor
from dlcore.steps.restart import RestartComputer
from dlcore.steps.simulation import SimulatingExecutor
from dlcore.tasksequence import Step, TaskSequence, Verdict, read
from tests.engine.machine import EXTRA, OS, TOOLS, Acting, Machine
from tests.engine.scene import deployment, group, sequence, step, upgrade, when


class Unable(Acting):
    """Cannot run steps that are called ``bad`` something."""

    def obstacle(self, step: Step, variables: Mapping[str, str]) -> str:
        return f"no {variables['Tool']}" if step.name.startswith("bad") else ""


def bad(name: str = "bad", **more: str) -> str:
    return step(name, **more)


def tree(*children: str, references: str = "") -> TaskSequence:
    listed = f"<referenceList>{references}</referenceList>" if references else ""
    return read(sequence(*children, listed), source="test")


def seen(sequence: TaskSequence, variables: Mapping[str, str] | None = None) -> Overview:
    return look_over(sequence, variables or {}, Judge(lambda *_: Verdict.UNDECIDED))


def named(sequence: TaskSequence, variables: Mapping[str, str] | None = None) -> list[str]:
    """The steps that are said not to be runnable."""
    known = {"Tool": "hammer", "_SMSTSInWinPE": "false", **(variables or {})}
    return [f"{note.step}: {note.text}" for note in hindered(sequence, known)]


def hindered(
    sequence: TaskSequence,
    variables: Mapping[str, str],
    programs: Mapping[str, Mapping[str, str]] | None = None,
    executor: Executor | None = None,
) -> tuple[StepNote, ...]:
    judge = Judge(lambda *_: Verdict.UNDECIDED)
    return obstacles(sequence, variables, judge, executor or Unable(), programs or {})


def test_every_step_that_cannot_be_run_is_named_with_its_reason() -> None:
    assert named(tree(bad("bad 1"), step("good"), bad("bad 2"))) == [
        "bad 1: no hammer",
        "bad 2: no hammer",
    ]


@pytest.mark.parametrize(
    "children",
    [
        bad(attributes='disable="true"'),
        bad(attributes='runIn="WinPE"'),
        bad(condition=when("_SMSTSInWinPE", "true")),
        group("off", bad(), attributes='disable="true"'),
        group("pe", bad(), condition=when("_SMSTSInWinPE", "true")),
        step("bad", "SetVariableAction", VariableName="A", VariableValue="1"),
        step("bad", "DownloadPackageContentAction", OSDDownloadDownloadPackages=OS),
    ],
)
def test_a_step_that_certainly_does_not_run_or_is_the_engines_own_keeps_nothing(
    children: str,
) -> None:
    assert named(tree(children)) == []


@pytest.mark.parametrize(
    "before",
    [
        step("chooses"),  # a command, which may set any variable
        step("sets", "SetVariableAction", VariableName="Ring", VariableValue="pilot"),
    ],
)
def test_a_step_whose_turn_may_come_counts(before: str) -> None:
    assert named(tree(before, bad(condition=when("Ring", "pilot")))) == ["bad: no hammer"]


def test_a_variable_of_the_settings_decides() -> None:
    children = bad(condition=when("Ring", "pilot"))
    assert named(tree(children), {"Ring": "pilot"}) == ["bad: no hammer"]
    assert named(tree(children), {"Ring": "broad"}) == []


def child(package_id: str, **more: str) -> str:
    return step("Child", "SubTasksequence", OSDSubTasksequencePackageID=package_id, **more)


def test_a_child_that_the_export_lacks_is_told_once_and_by_its_id() -> None:
    """Fault: a child sequence is not in the export. dlcore refuses to run without it."""
    sequence = tree(child("ABC00090", OSDSubTasksequenceTsReferencePackages=f"{OS},{TOOLS}"))
    overview = seen(sequence)
    assert overview.missing_children == (StepNote(0, "Child", "ABC00090"),)
    assert overview.untold == ()
    assert hindered(sequence, {"Tool": "x"}) == ()
    assert overview.needs == (
        Need(OS, "Child", is_certain=False),
        Need(TOOLS, "Child", is_certain=False),
    )


def test_content_that_the_sequence_does_not_tell_is_told_by_step() -> None:
    overview = seen(tree(step("first"), step("apps", "InstallApplicationAction")))
    assert [(note.index, note.step) for note in overview.untold] == [(1, "apps")]
    assert "deployment types" in overview.untold[0].text


@pytest.mark.parametrize("attributes", ['disable="true"', 'runIn="WinPE"'])
def test_content_of_a_step_that_never_runs_need_not_be_published(attributes: str) -> None:
    never = step("never", package=EXTRA, attributes=attributes)
    references = f'<reference package="{OS}"/><reference package="{EXTRA}"/>'
    overview = seen(tree(step("os", package=OS), never, references=references))
    assert overview.needs == (Need(OS, "os"),)
    assert overview.unexplained == ()


def test_what_only_the_reference_list_has_may_be_needed() -> None:
    references = f'<reference package="{OS}"/><reference package="{EXTRA}"/>'
    overview = seen(tree(step("os", package=OS), references=references))
    assert overview.unexplained == (EXTRA,)
    assert overview.needs == (Need(OS, "os"), Need(EXTRA, "", is_certain=False))


def test_what_an_earlier_step_sets_is_known() -> None:
    pick = step(
        "pick", "SetVariableAction", VariableName="OSDDownloadDownloadPackages", VariableValue=TOOLS
    )
    download = step("get", "DownloadPackageContentAction", OSDDownloadDownloadPackages=OS)
    assert seen(tree(pick, download)).needs == (Need(TOOLS, "get"),)


async def checked(
    root: Path, sequence: TaskSequence, executor: Executor | None
) -> dict[str, Check]:
    settings = deployment(root, variables={"Tool": "saw"})
    async with Client(settings, root / "state") as client:
        return {check.name: check for check in await preflight(client, sequence, executor)}


async def test_the_check_says_who_was_asked(published: Path) -> None:
    sequence = tree(upgrade(OS), bad())
    found = await checked(published, sequence, Unable())
    assert [check.name for check in failed(found.values())] == ["unrunnable-steps"]
    assert 'step 1 "bad": no saw' in found["unrunnable-steps"].detail
    found = await checked(published, sequence, None)
    assert found["unrunnable-steps"].outcome is CheckOutcome.NOT_EXAMINED
    found = await checked(published, sequence, SimulatingExecutor())
    assert found["unrunnable-steps"].outcome is CheckOutcome.DOES_NOT_APPLY


def test_nothing_is_run_or_fetched_before_a_step_that_cannot_be_run(machine: Machine) -> None:
    """Fault: a later step cannot run on this machine. dlcore refuses before the first byte."""
    machine.variables = {"Tool": "saw"}
    executor = Unable()
    with pytest.raises(PreflightError, match=r'step 2 "bad": no saw') as caught:
        machine.run(tree(upgrade(OS), step("good"), bad()), executor)
    assert caught.value.missing == ("unrunnable-steps",)
    assert executor.ran == []
    assert not list((machine.state / "packages").glob("*"))


def test_a_simulation_runs_what_this_machine_cannot(machine: Machine) -> None:
    report = machine.run(tree(upgrade(OS), bad()), SimulatingExecutor())
    assert [result.outcome for result in report.steps] == ["succeeded", "succeeded"]


async def test_a_run_that_is_under_way_is_not_examined_again(
    published: Path, tmp_path: Path
) -> None:
    settings = deployment(published, variables={"Tool": "saw"})
    sequence = tree(upgrade(OS), bad())
    async with Client(settings, tmp_path / "state") as client:
        session = await client.session(sequence)
        async with contextlib.aclosing(session.run_steps()) as steps:
            await anext(steps)  # and then the process dies
    async with Client(settings, tmp_path / "state") as client:
        report = await run_sequence(client, sequence, Unable())
    assert len(report.steps) == 2


def test_a_program_that_is_not_published_keeps_the_sequence_from_running() -> None:
    """Fault: a step installs a program that nobody published. dlcore refuses before the run."""
    installs = step("i", "InstallSoftwareAction", PackageID=OS, _SMSSWDProgramName="install")
    variables = {"Tool": "x"}
    (note,) = hindered(tree(installs), variables, {OS: {"other": "x"}})
    assert (note.step, "program 'install' of package" in note.text) == ("i", True)
    assert hindered(tree(installs), variables, {OS: {"install": "x"}}) == ()
    assert hindered(tree(installs), variables) == ()  # its manifest cannot be read


def sets(name: str, value: str) -> str:
    return step("set", "SetVariableAction", VariableName=name, VariableValue=value)


@pytest.mark.parametrize(
    ("before", "target", "is_hindered"),
    [
        (sets("SMSRebootTarget", "WinPE"), "HD", True),
        (sets("SMSRebootTarget", "HD"), "WinPE", False),
        (sets("Other", "WinPE"), "%Other%", True),
        (sets("SMSRebootTarget", "WinPE") + sets("SMSRebootTarget", ""), "HD", False),
    ],
)
def test_an_earlier_step_may_override_what_keeps_a_step_from_running(
    before: str, target: str, is_hindered: bool
) -> None:
    """Fault: a variable makes a step one that cannot run here. dlcore says so before the run."""
    restarts = step("r", "RebootAction", SMSRebootTarget=target)
    found = hindered(tree(before, restarts), {"Tool": "x"}, executor=RestartComputer())
    assert [note.step for note in found] == ["r"] * is_hindered


def test_a_program_in_a_list_that_earlier_steps_fill_is_looked_for() -> None:
    """Fault: steps list a program that nobody published. dlcore refuses before the run."""
    filled = sets("L001", f"{OS}:install") + sets("L002", f"{OS}:missing")
    installs = step("i", "InstallSoftwareAction", BaseVariableName="L")
    (note,) = hindered(tree(filled, installs), {"Tool": "x"}, {OS: {"install": "x"}})
    assert "program 'missing' of package" in note.text


@pytest.mark.parametrize(
    ("own", "why"),
    [
        (sets("smstsRebootRequested", "WinPE"), "Windows PE"),
        (sets("To", "winpe") + sets("SMSTSRebootRequested", "%To%"), "Windows PE"),
        (step("set", "SetDynamicVariablesAction", AnyRules="<Rules>"), "not well-formed"),
        (sets("SMSTSRebootRequested", "HD"), ""),
        (step("set", "SetDynamicVariablesAction", AnyRules="<Rules/>"), ""),
    ],
)
def test_a_step_of_the_engines_own_that_must_fail_is_named_before(own: str, why: str) -> None:
    """Fault: rules cannot be read, or Windows PE is asked for. dlcore refuses before the run."""
    found = hindered(tree(own), {"Tool": "x"})
    assert [why in note.text for note in found] == [True] * bool(why)
