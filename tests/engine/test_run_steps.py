"""A program that runs the steps itself: whose turn it is, and what its reports lead to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import pytest

from dlcore.engine.client import Client
from dlcore.engine.events import Event, StepEnded, StepSkipped, StepStarted
from dlcore.engine.outcomes import RunOutcome
from dlcore.engine.running.session import Session
from dlcore.engine.state_file import STATE_FILE
from dlcore.errors import ConfigError, NotFoundError, StepError, StorageError
from dlcore.steps.interface import Outcome
from dlcore.store.files import fresh_name
from dlcore.tasksequence import Step, TaskSequence
from tests.engine.machine import EXTRA, GOES_ON, OS, TOOLS, TREES, Machine, parsed
from tests.engine.scene import deployment, group, step, when
from tests.engine.virtual_time import virtually

Loop = Callable[[Session], Coroutine[Any, Any, None]]


def run(machine: Machine, tree: TaskSequence, loop: Loop) -> list[Event]:
    """Run a loop over a session in a client of its own; returns what was heard."""

    async def main() -> list[Event]:
        settings = deployment(machine.root, machine.more, variables=machine.variables)
        async with Client(settings, machine.state) as client:
            session = await client.session(tree)
            stream = session.events()
            await loop(session)
        return [event async for event in stream]

    return virtually(main())


class Steps:
    """Runs steps as the README does, each with the outcomes that are given for its name."""

    def __init__(self, outcomes: Mapping[str, list[Outcome | int]] | None = None) -> None:
        self.ran: list[str] = []
        self.packages: list[str] = []
        self.outcome: RunOutcome | None = None
        self._outcomes = {name: list(own) for name, own in (outcomes or {}).items()}

    async def __call__(self, session: Session) -> None:
        try:
            async for due in session.run_steps():
                self.packages += await session.content(due)
                self.ran.append(due.name)
                await session.completed(due, self._next(due))
        finally:
            self.outcome = session.outcome

    def _next(self, step: Step) -> Outcome | int:
        own = self._outcomes.get(step.name)
        return own.pop(0) if own else 0


def test_only_steps_whose_turn_comes_come_out_and_only_their_content_is_fetched(
    machine: Machine,
) -> None:
    tree = parsed(
        step("false", package=TOOLS, condition=when("X", "1")),
        step("off", package=EXTRA, attributes='disable="true"'),
        group("no", step("inside", package=TOOLS), condition=when("X", "1")),
        step("last"),
    )
    steps = Steps()
    events = run(machine, tree, steps)
    assert steps.ran == ["os", "last"]
    assert steps.packages == [OS]
    assert steps.outcome is RunOutcome.SUCCEEDED
    assert [e.name for e in events if isinstance(e, StepSkipped)] == ["false", "off", "inside"]
    assert {path.name[:8] for path in (machine.state / "packages").iterdir()} == {OS}
    assert not list((machine.state / "partial").iterdir())
    assert not (machine.state / STATE_FILE).exists(), "the run has ended"


def test_conditions_are_decided_at_their_turn(machine: Machine) -> None:
    ran: list[str] = []

    async def loop(session: Session) -> None:
        async for due in session.run_steps():
            ran.append(due.name)
            session.variables["X"] = "1"
            await session.completed(due, 0)

    run(machine, parsed(step("yes", condition=when("X", "1"))), loop)
    assert ran == ["os", "yes"]


def test_the_session_sets_variables_itself(machine: Machine) -> None:
    sets = step("set", "SetVariableAction", VariableName="X", VariableValue="1")
    steps = Steps()
    events = run(machine, parsed(sets, step("yes", condition=when("X", "1"))), steps)
    assert steps.ran == ["os", "yes"]
    assert [e.name for e in events if isinstance(e, StepEnded)] == ["os", "set", "yes"]


def test_the_session_runs_download_package_content_itself(machine: Machine) -> None:
    get = step(
        "get",
        "DownloadPackageContentAction",
        OSDDownloadDownloadPackages=TOOLS,
        OSDDownloadDestinationVariable="Got",
    )
    found: list[str] = []

    async def loop(session: Session) -> None:
        async for due in session.run_steps():
            found.append(session.variables.get("Got01", ""))
            await session.completed(due, 0)

    run(machine, parsed(get, step("last")), loop)
    assert found[0] == ""
    assert TOOLS in found[1]


def test_a_step_that_may_be_retried_comes_out_again(machine: Machine) -> None:
    steps = Steps({"bad": [7, 7, 0]})
    events = run(machine, parsed(step("bad", attributes='retryCount="2"')), steps)
    assert steps.ran == ["os", "bad", "bad", "bad"]
    assert steps.outcome is RunOutcome.SUCCEEDED
    started = [e.name for e in events if isinstance(e, StepStarted)]
    assert started == ["os", "bad"], "a retry is not another start"


def test_a_failure_ends_the_loop_and_the_run(machine: Machine) -> None:
    steps = Steps({"bad": [7]})
    with pytest.raises(StepError, match="step 1 'bad' failed: exit code 7"):
        run(machine, parsed(step("bad"), step("last")), steps)
    assert steps.ran == ["os", "bad"]
    assert steps.outcome is RunOutcome.FAILED
    assert not (machine.state / STATE_FILE).exists(), "the next run starts over"


def test_a_failure_leaves_the_innermost_group_that_continues(machine: Machine) -> None:
    inner = group("inner", step("bad"), step("2"), attributes=GOES_ON)
    steps = Steps({"bad": [7]})
    run(machine, parsed(group("outer", inner, step("3")), step("last")), steps)
    assert steps.ran == ["os", "bad", "3", "last"]
    assert steps.outcome is RunOutcome.SUCCEEDED


def test_a_restart_ends_the_loop_and_the_next_goes_on_behind_it(machine: Machine) -> None:
    tree = parsed(step("reboot", "RebootAction"), step("last"))
    steps = Steps({"reboot": [Outcome(restart=True)]})
    run(machine, tree, steps)
    assert steps.outcome is RunOutcome.RESTART
    steps = Steps()
    run(machine, tree, steps)
    assert steps.ran == ["last"]
    assert steps.outcome is RunOutcome.SUCCEEDED


def test_a_step_that_needs_nothing_starts_without_being_asked_for_content(
    machine: Machine,
) -> None:
    async def loop(session: Session) -> None:
        async for due in session.run_steps():
            if due.name == "os":
                await session.content(due)
            await asyncio.sleep(5.0)
            await session.completed(due, 0)
        assert [round(result.run_s) for result in session.report().steps] == [5, 5]

    events = run(machine, parsed(step("last")), loop)
    assert [e.name for e in events if isinstance(e, StepStarted)] == ["os", "last"]


def test_a_run_that_has_ended_does_not_go_on_in_its_session(machine: Machine) -> None:
    async def loop(session: Session) -> None:
        await Steps()(session)
        with pytest.raises(ConfigError, match="the run has ended"):
            await anext(session.run_steps())

    run(machine, parsed(), loop)


@pytest.mark.parametrize("done", range(4))
def test_a_program_that_stops_goes_on_at_the_same_step(machine: Machine, done: int) -> None:
    tree = parsed(step("1"), step("2", package=TOOLS), step("3"))
    ran: list[str] = []

    async def stops(session: Session) -> None:
        async for due in session.run_steps():
            if len(ran) == done:
                break
            ran.append(due.name)
            await session.completed(due, 0)

    run(machine, tree, stops)
    steps = Steps()
    run(machine, tree, steps)
    assert [*ran, *steps.ran] == ["os", "1", "2", "3"]


def test_a_report_of_a_step_is_on_disk_at_once(machine: Machine) -> None:
    tree = parsed(step("1"), step("2"))

    async def dies(session: Session) -> None:
        async for due in session.run_steps():
            await session.completed(due, 0)
            raise NotImplementedError

    with pytest.raises(NotImplementedError):
        run(machine, tree, dies)
    steps = Steps()
    run(machine, tree, steps)
    assert steps.ran == ["1", "2"]


def test_a_run_whose_end_the_disk_refuses_has_not_ended(machine: Machine) -> None:
    """Fault P1: the disk fails behind the last step. The run is kept, and no step is repeated."""
    tree, in_the_way = parsed(step("last")), fresh_name(machine.state / STATE_FILE)

    async def loop(session: Session) -> None:
        async for due in session.run_steps():
            await session.completed(due, 0)
            if due.name == "last":
                in_the_way.mkdir()

    with pytest.raises(StorageError, match="cannot save the run's state"):
        run(machine, tree, loop)
    in_the_way.rmdir()
    steps = Steps()
    run(machine, tree, steps)
    assert not steps.ran


def test_a_step_must_be_reported_before_the_next(machine: Machine) -> None:
    async def forgets(session: Session) -> None:
        async for _ in session.run_steps():
            pass

    with pytest.raises(ConfigError, match="step 0 'os' was not reported"):
        run(machine, parsed(step("last")), forgets)
    steps = Steps()
    run(machine, parsed(step("last")), steps)
    assert steps.ran == ["os", "last"], "what was not reported runs again"


def test_a_step_is_reported_once_and_in_its_turn(machine: Machine) -> None:
    async def loop(session: Session) -> None:
        with pytest.raises(ConfigError, match="not under way"):
            await session.completed(session.steps[0], 0)
        async for due in session.run_steps():
            if due.index == 0:
                with pytest.raises(ConfigError, match="step 1 'last' is not under way"):
                    await session.completed(session.steps[1], 0)
            await session.completed(due, 0)
            with pytest.raises(ConfigError, match="not under way"):
                await session.completed(due, 0)

    run(machine, parsed(step("last")), loop)


def test_an_iteration_ends_when_another_goes_on_with_the_run(machine: Machine) -> None:
    ran: list[str] = []

    async def loop(session: Session) -> None:
        first = session.run_steps()
        await session.completed(await anext(first), 0)
        async for due in session.run_steps():
            ran.append(due.name)
            with pytest.raises(ConfigError, match="another iteration"):
                await anext(first)
            with pytest.raises(StopAsyncIteration):
                await anext(first)
            await session.completed(due, 0)
            first = session.run_steps()
            break
        async for due in first:
            ran.append(due.name)
            await session.completed(due, 0)
        assert session.outcome is RunOutcome.SUCCEEDED

    run(machine, parsed(step("1"), step("2")), loop)
    assert ran == ["1", "2"]


def test_content_that_cannot_be_had_is_for_the_program_to_report(machine: Machine) -> None:
    async def loop(session: Session) -> None:
        async for due in session.run_steps():
            try:
                await session.content(due)
            except NotFoundError as error:
                await session.completed(due, Outcome(1, message=error.message), is_final=True)
            else:
                await session.completed(due, 0)
        report = session.report()
        assert [result.why for result in report.steps] == ["", report.steps[1].message, ""]
        assert "ABC000FF" in report.steps[1].message
        assert report.outcome is RunOutcome.SUCCEEDED

    bad = step("unknown", package="ABC000FF", attributes=f'{GOES_ON} retryCount="3"')
    run(machine, parsed(bad, step("last")), loop)


def test_the_report_of_a_run_that_is_under_way_says_so(machine: Machine) -> None:
    async def loop(session: Session) -> None:
        async for due in session.run_steps():
            await session.content(due)
            assert session.report().outcome is None
            await session.completed(due, 0)
        report = session.report()
        assert report.steps_run == 2
        assert report.bytes_fetched - report.bytes_wasted == sum(TREES[OS].values())

    run(machine, parsed(step("last")), loop)
