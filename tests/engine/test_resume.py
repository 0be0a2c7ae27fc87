"""A run that is under way: when it goes on, when it asks, and what is on disk at each moment."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from dlcore.deployment import Download
from dlcore.engine.client import Client
from dlcore.engine.documents import pinned_documents
from dlcore.engine.documents.pinned_documents import CatalogPin
from dlcore.engine.documents.republished import Republished
from dlcore.engine.events import StepInterrupted
from dlcore.engine.outcomes import RunOutcome
from dlcore.engine.running.identity import ChangeKind, changes, identify
from dlcore.engine.running.resume import MAX_TOLD, Resume
from dlcore.engine.running.run import run_sequence
from dlcore.engine.running.run_keeper import RunKeeper
from dlcore.engine.running.state import LifeFigures, RunState
from dlcore.engine.state_file import STATE_FILE, load
from dlcore.errors import (
    ConfigError,
    RunStateError,
    RunStateFault,
    StorageError,
    UnexpectedContentError,
)
from dlcore.steps.interface import Outcome
from dlcore.tasksequence import Step, TaskSequence, Variables
from tests.engine.machine import GOES_ON, Acting, CrashError, Machine, parsed
from tests.engine.scene import deployment, group, step, when
from tests.engine.virtual_time import virtually

STEPS = ("1", "2", "3", "4")


def dies_in(name: str) -> Acting:
    """Dies in the first attempt at a step, after its effects."""
    died = False

    def act(step: Step, variables: Variables, content: Mapping[str, Path]) -> Outcome:
        nonlocal died
        if step.name == name and not died:
            died = True
            raise CrashError
        return Outcome()

    return Acting(act)


def interrupted(machine: Machine, tree: TaskSequence, name: str) -> Acting:
    """Run a sequence until it dies in a step."""
    executor = dies_in(name)
    with pytest.raises(CrashError):
        machine.run(tree, executor)
    executor.ran.clear()
    return executor


def refused(machine: Machine, tree: TaskSequence) -> RunStateError:
    """Run a sequence that must not go on; nothing may run, and the state must stay."""
    path = machine.state / STATE_FILE
    before, executor = path.read_bytes(), Acting()
    with pytest.raises(RunStateError) as raised:
        machine.run(tree, executor)
    assert (executor.ran, path.read_bytes()) == ([], before)
    return raised.value


def test_a_step_whose_package_was_altered_says_what_to_do(machine: Machine) -> None:
    def altered(step: Step, variables: Variables, content: Mapping[str, Path]) -> Outcome:
        raise UnexpectedContentError("ABC00001 is refused", path="x", remedy="Remove it.")

    report = machine.run(parsed(), Acting(altered))
    assert report.steps[0].message == "ABC00001 is refused. Remove it"


def test_to_continue_needs_a_run_that_is_under_way(machine: Machine) -> None:
    executor, machine.resume = Acting(), Resume.CONTINUE
    with pytest.raises(ConfigError, match="no run is under way in") as raised:
        machine.run(parsed(*map(step, STEPS)), executor)
    assert "without --continue" in raised.value.remedy
    assert executor.ran == []


@pytest.mark.parametrize("damage", [b"", b"{}", b"\xff", b'{"schema": 99}'])
def test_a_damaged_state_asks_and_a_restart_begins_anew(machine: Machine, damage: bytes) -> None:
    """Fault: run.json is damaged. dlcore runs nothing until it is told to start over."""
    tree = parsed(*map(step, STEPS))
    executor = interrupted(machine, tree, "3")
    (machine.state / STATE_FILE).write_bytes(damage)
    error = refused(machine, tree)
    assert "--restart" in error.remedy
    machine.resume = Resume.CONTINUE
    refused(machine, tree)
    machine.resume = Resume.START_OVER
    report = machine.run(tree, executor)
    assert executor.ran == ["os", *STEPS]
    assert (report.restarts, report.bytes_fetched) == (0, 0), "content on disk is kept"


def test_an_interrupted_step_is_told_and_runs_again(machine: Machine) -> None:
    """Fault: the machine dies in a step. dlcore says that it was interrupted and runs it again."""
    tree = parsed(*map(step, STEPS))
    executor = interrupted(machine, tree, "2")
    machine.run(tree, executor)
    assert executor.ran == ["2", "3", "4"]
    told = [event for event in machine.events if isinstance(event, StepInterrupted)]
    assert told == [StepInterrupted(2, "2")]


def test_between_two_steps_none_is_interrupted(machine: Machine) -> None:
    tree = parsed(step("1"), step("reboot", "RebootAction"), step("2"))
    executor = Acting(lambda step, variables, content: Outcome(restart=step.name == "reboot"))
    assert machine.run(tree, executor).outcome == "restart"
    machine.run(tree, executor)
    assert not [event for event in machine.events if isinstance(event, StepInterrupted)]


@pytest.mark.parametrize("is_in_group", [False, True])
def test_an_interrupted_step_runs_again_whatever_its_condition_says_by_then(
    machine: Machine, is_in_group: bool
) -> None:
    """Fault: an interrupted step undid its own condition. dlcore runs it again all the same."""
    condition = (
        '<condition><expression type="SMS_TaskSequence_WMIConditionExpression">'
        '<variable name="Query">SELECT 1</variable></expression></condition>'
    )
    inner = step("work", condition="" if is_in_group else condition)
    tree = parsed(group("g", inner, condition=condition) if is_in_group else inner, step("last"))
    machine.more = ["[conditions]\nundecided = 'run'"]
    executor = interrupted(machine, tree, "work")
    machine.more = ["[conditions]\nundecided = 'skip'"]
    machine.run(tree, executor)
    assert executor.ran == ["work", "last"]


def test_an_edited_sequence_asks(machine: Machine) -> None:
    """Fault: the task sequence was edited during a run. dlcore names the steps and asks."""
    executor = interrupted(machine, parsed(*map(step, STEPS)), "3")
    edited = parsed(step("1"), step("2"), step("3"), step("new"), step("4", Key="other"))
    error = refused(machine, edited)
    assert error.fault is RunStateFault.SEQUENCE
    assert "step 4 'new' was added; step 5 '4' was changed" in error.message
    assert "--continue" in error.remedy
    machine.resume = Resume.CONTINUE
    report = machine.run(edited, executor)
    assert executor.ran == ["3", "new", "4"]
    assert [result.name for result in report.steps] == ["os", "1", "2", "3", "new", "4"]


def test_a_sequence_whose_past_was_edited_cannot_continue(machine: Machine) -> None:
    """Fault: a step that has ended was edited. dlcore refuses to go on even if told to."""
    executor = interrupted(machine, parsed(*map(step, STEPS)), "3")
    edited = parsed(step("1"), step("2", Key="other"), step("3"), step("4"))
    machine.resume = Resume.CONTINUE
    error = refused(machine, edited)
    assert "up to step 3, is not the same any more" in error.message
    assert "--continue" not in error.remedy
    machine.resume = Resume.START_OVER
    machine.run(edited, executor)
    assert executor.ran == ["os", *STEPS]


def test_a_group_that_was_entered_must_be_the_same(machine: Machine) -> None:
    tree = parsed(group("g", step("1"), step("2"), condition=when("X", "1")))
    machine.variables = {"X": "1"}
    interrupted(machine, tree, "2")
    machine.resume = Resume.CONTINUE
    refused(machine, parsed(group("g", step("1"), step("2"), condition=when("X", "2"))))


def test_an_interrupted_step_that_was_edited_is_another_step(machine: Machine) -> None:
    executor = interrupted(machine, parsed(step("1"), step("2")), "2")
    machine.resume = Resume.CONTINUE
    machine.run(parsed(step("1"), step("2", condition=when("X", "1"))), executor)
    assert executor.ran == []


def test_a_sequence_that_only_looks_different_goes_on(machine: Machine) -> None:
    tree = parsed(*map(step, STEPS))
    executor = interrupted(machine, tree, "3")
    machine.run(parsed("<!-- saved again -->", *map(step, STEPS)), executor)
    assert executor.ran == ["3", "4"]


def test_global_variables_belong_to_the_sequence(machine: Machine) -> None:
    tree = parsed(*map(step, STEPS))
    interrupted(machine, tree, "3")
    more = '<globalVarList><variable name="X">1</variable></globalVarList>'
    error = refused(machine, parsed(*map(step, STEPS), more))
    assert "groups or global variables" in error.message


def test_another_download_setting_asks(machine: Machine) -> None:
    """Fault: the download setting was changed during a run. dlcore asks."""
    tree = parsed(*map(step, STEPS))
    executor = interrupted(machine, tree, "3")
    machine.download = "before-start"
    error = refused(machine, tree)
    assert error.fault is RunStateFault.SETTING
    assert "was when-needed and is before-start now" in error.message
    machine.resume = Resume.CONTINUE
    machine.run(tree, executor)
    assert executor.ran == ["3", "4"]


def test_a_restart_that_cannot_begin_loses_nothing(machine: Machine) -> None:
    tree = parsed(*map(step, STEPS))
    executor = interrupted(machine, tree, "3")
    machine.resume = Resume.START_OVER
    with pytest.raises(Exception, match="prerequisites"):
        machine.run(parsed(step("unknown", package="ABC000FF")))
    machine.resume = Resume.ASK
    machine.run(tree, executor)
    assert executor.ran == ["3", "4"]


def test_changes_are_named() -> None:
    old = identify(parsed(*map(step, "abcde")))
    new = identify(parsed(*map(step, "cxa"), step("d", Key="other"), step("e")))
    told = [(change.kind, change.name) for change in changes(old, new)]
    assert (ChangeKind.ADDED, "x") in told
    assert (ChangeKind.CHANGED, "d") in told
    assert (ChangeKind.REMOVED, "b") in told
    assert (ChangeKind.MOVED, "a") in told or (ChangeKind.MOVED, "c") in told
    assert len(told) == 4
    assert changes(old, old) == ()


def test_the_kind_of_a_condition_counts() -> None:
    def tree(kind: str) -> TaskSequence:
        one, two = (when("X", x).removeprefix("<condition>") for x in "12")
        operands = (one + two).replace("</condition>", "")
        condition = f'<condition><operator type="{kind}">{operands}</operator></condition>'
        return parsed(step("1", condition=condition))

    assert identify(tree("and")) != identify(tree("or"))


def a_keeper(folder: Path) -> RunKeeper:
    """Keeps a run of three steps."""
    tree = parsed(step("1"), step("2"))
    run = RunState(identify(tree), Download.WHEN_NEEDED, CatalogPin("00"), {})
    return RunKeeper(folder, run, lambda s: LifeFigures(s, 0.0, Counter(), 0, {}, {}, 0), 10.0)


def test_a_first_save_that_failed_is_made_up_for(tmp_path: Path) -> None:
    """Fault: the first save of a run fails. dlcore saves before any step, or fails again."""

    async def main() -> None:
        folder = tmp_path / "state"
        keeper = a_keeper(folder)
        for _ in range(2):
            with pytest.raises(StorageError):
                await keeper.begin({})
        folder.mkdir()
        await keeper.begin({"X": "1"})
        run = load(folder)
        assert run is not None
        assert run.variables == {"X": "1"}
        await keeper.stop()

    virtually(main())


def test_a_step_does_not_begin_before_that_is_on_disk(tmp_path: Path) -> None:
    """Fault: the disk fails as a step begins. dlcore does not begin it, however often asked."""

    async def main() -> None:
        keeper = a_keeper(tmp_path)
        await keeper.begin({})
        (tmp_path / STATE_FILE).unlink()
        (tmp_path / STATE_FILE).mkdir()  # nothing can be renamed over it
        for _ in range(2):
            with pytest.raises(StorageError):
                await keeper.start_step(0)
        (tmp_path / STATE_FILE).rmdir()
        await keeper.start_step(0)
        run = load(tmp_path)
        assert run is not None
        assert run.started == 0
        await keeper.stop()

    virtually(main())


def test_every_step_that_runs_is_on_disk_as_begun(machine: Machine) -> None:
    found: list[int | None] = []

    def look(step: Step, variables: Variables, content: Mapping[str, Path]) -> Outcome:
        run = load(machine.state)
        assert run is not None
        assert (run.position, run.started) == (step.index, step.index)
        found.append(run.started)
        return Outcome()

    machine.run(parsed(*map(step, STEPS)), Acting(look))
    assert found == [0, 1, 2, 3, 4]


def test_a_restart_reported_as_the_program_is_cancelled_counts(machine: Machine) -> None:
    """Fault: cancelled while a restart is saved. dlcore saves it, and gives no further step."""

    async def main() -> tuple[RunOutcome | None, list[str]]:
        ran: list[str] = []
        settings = deployment(machine.root)
        async with Client(settings, machine.state) as client:
            session = await client.session(parsed(step("1"), step("2")))
            async for due in session.run_steps():
                await session.content(due)
                ran.append(due.name)
                report = session.completed(due, Outcome(restart=due.name == "1"))
                reporting = asyncio.ensure_future(report)
                if due.name == "1":
                    await asyncio.sleep(0)
                    reporting.cancel()
                await asyncio.wait({reporting})
            return session.outcome, ran

    outcome, ran = virtually(main())
    assert (outcome, ran) == (RunOutcome.RESTART, ["os", "1"])
    run = load(machine.state)
    assert run is not None
    assert (run.position, run.started) == (2, None)


def test_a_run_goes_on_although_its_catalog_is_gone(machine: Machine, tmp_path: Path) -> None:
    """Fault: the catalog cannot be read at a restart. dlcore goes on with the one it saved."""
    site = tmp_path / "site"
    shutil.copytree(machine.root / "published", site / "published")
    machine.root = site
    tree = parsed(*map(step, STEPS))
    executor = interrupted(machine, tree, "3")
    shutil.rmtree(site)
    report = machine.run(tree, executor)
    assert (report.outcome, executor.ran) == ("succeeded", ["3", "4"])


def test_a_lost_catalog_is_read_again_if_it_is_the_same(machine: Machine) -> None:
    tree = parsed(*map(step, STEPS))
    executor = interrupted(machine, tree, "3")
    (kept,) = (machine.state / "pinned").iterdir()
    kept.write_bytes(b"damaged")
    assert machine.run(tree, executor).outcome == "succeeded"


def test_a_lost_catalog_that_was_replaced_asks(machine: Machine, tmp_path: Path) -> None:
    """Fault: the saved catalog is damaged and another one is current. dlcore runs nothing."""
    site = tmp_path / "site"
    shutil.copytree(machine.root / "published", site / "published")
    machine.root = site
    tree = parsed(*map(step, STEPS))
    interrupted(machine, tree, "3")
    (kept,) = (machine.state / "pinned").iterdir()
    kept.write_bytes(b"damaged")
    (site / "published" / "catalog.json").write_bytes(b'{"schema":1,"packages":{}}')
    assert refused(machine, tree).fault is RunStateFault.CATALOG
    (site / "published" / "catalog.json").unlink()
    assert refused(machine, tree).fault is RunStateFault.CATALOG


def test_a_look_at_the_current_catalog_ends_before_the_client_does(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault: the current catalog hangs while a run goes on. dlcore ends the run without it."""
    tree = parsed(step("1"))
    executor = interrupted(machine, tree, "1")
    ended: list[str] = []

    async def look(republished: Republished) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("look")

    async def main() -> None:
        async with Client(deployment(machine.root), machine.state) as client:
            await run_sequence(client, tree, executor, resume=Resume.CONTINUE)
        ended.append("client")

    monkeypatch.setattr(Republished, "look", look)
    virtually(main())
    assert ended == ["look", "client"]


@pytest.mark.parametrize("resume", [Resume.ASK, Resume.START_OVER])
def test_a_run_that_begins_anew_may_need_what_the_catalog_does_not_know(
    machine: Machine, resume: Resume
) -> None:
    tree = parsed(step("unknown", package="ABC000FF", attributes=GOES_ON))

    async def main() -> None:
        async with Client(deployment(machine.root), machine.state) as client:
            session = await client.session(tree, resume=resume)
            assert len(session.steps) == 2

    virtually(main())


def test_of_many_changes_the_rest_is_counted(machine: Machine) -> None:
    count = MAX_TOLD + 3
    interrupted(machine, parsed(*(step(f"old {n}") for n in range(count))), "old 0")
    error = refused(machine, parsed(*(step(f"new {n}") for n in range(count))))
    assert f"; {2 * count - MAX_TOLD} more steps differ" in error.message  # old and new


def test_a_pinned_catalog_that_was_lost_is_kept_again(machine: Machine) -> None:
    """Fault: the catalog that a run keeps is deleted. dlcore keeps the same one from its site."""
    tree = parsed(step("1"))
    interrupted(machine, tree, "1")
    run = load(machine.state)
    assert run is not None
    kept = machine.state / pinned_documents.FOLDER / run.pin.catalog
    kept.unlink()
    seen: list[bool] = []

    def act(step: Step, variables: Variables, content: Mapping[str, Path]) -> Outcome:
        seen.append(kept.exists())
        return Outcome()

    machine.run(tree, Acting(act))
    assert seen == [True]


def test_the_earlier_name_of_starting_over_still_works() -> None:
    assert Resume("restart") is Resume.START_OVER
    assert [each.value for each in Resume] == ["ask", "continue", "restart"]
    assert getattr(Resume, "RESTART") is Resume.START_OVER  # noqa: B009  # as an older program says
