"""What is foreseen of a step's turn comes true when the run gets there."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given

from dlcore.engine.client import Client
from dlcore.engine.events import StepEnded, StepSkipped
from dlcore.engine.outcomes import RunOutcome, SkipReason
from dlcore.engine.running.session import Session
from dlcore.errors import StepError
from dlcore.steps.interface import Outcome
from dlcore.tasksequence import NotRun, TaskSequence, Verdict
from dlcore.tasksequence.step_types import RESTART
from tests.engine.machine import TREES
from tests.engine.scene import deployment, publish_packages
from tests.engine.virtual_time import virtually
from tests.law.programs import (
    Attempt,
    Command,
    Group,
    Node,
    Options,
    SetVariable,
    Variable,
    commands,
    sequence_of,
)
from tests.law.strategies import programs
from tests.law.test_law import GOES_ON, LAW, MAX_LIVES


@dataclass(frozen=True)
class Told:
    """What was foreseen of a step at a position."""

    position: int
    index: int
    runs: Verdict
    may_run: bool
    reason: NotRun | None


@dataclass
class Watcher:
    """Runs a sequence, and notes what is foreseen whenever a step's turn has come.

    Attributes:
        root: The folder with the published site.
        attempts: What each command does, by its name.
        told: What was foreseen.
        ended: How each step ended, by index: why it was skipped; empty if it ran.
        disturbed: Indices of the steps that failed, or whose program set something.
    """

    root: Path
    attempts: dict[str, tuple[Attempt, ...]]
    told: list[Told] = field(default_factory=list)
    ended: dict[int, str] = field(default_factory=dict)
    disturbed: set[int] = field(default_factory=set)
    _ran: list[str] = field(default_factory=list)

    def run(self, sequence: TaskSequence) -> None:
        with TemporaryDirectory() as state:
            for _ in range(MAX_LIVES):
                if virtually(self._live(sequence, Path(state))) is not RunOutcome.RESTART:
                    return
        raise AssertionError("the sequence does not end")

    async def _live(self, sequence: TaskSequence, state: Path) -> RunOutcome | None:
        async with Client(deployment(self.root), state) as client:
            session = await client.session(sequence)
            heard = session.events()
            if not self.told:
                self._look(session, 0)
            try:
                async for step in session.run_steps():
                    self._look(session, step.index)
                    attempts = self.attempts.get(step.name, (Attempt(0),))
                    attempt = attempts[min(self._ran.count(step.name), len(attempts) - 1)]
                    self._ran.append(step.name)
                    session.variables.update(attempt.sets)
                    self.disturbed |= {step.index} if attempt.sets else set()
                    restart = step.type == RESTART
                    await session.completed(step, Outcome(attempt.exit_code, restart=restart))
            except StepError:
                assert session.outcome is RunOutcome.FAILED
            client.bus.close()
            async for event in heard:
                if isinstance(event, StepSkipped):
                    self.ended[event.index] = event.why
                elif isinstance(event, StepEnded):
                    self.ended[event.index] = ""
                    self.disturbed |= {event.index} if event.outcome == "failed" else set()
            return session.outcome

    def _look(self, session: Session, position: int) -> None:
        self.told += [
            Told(position, each.step.index, each.runs, each.may_run, each.reason)
            for each in session.upcoming()
            if each.step.index >= position
        ]

    def check(self) -> None:
        for told in self.told:
            if told.index not in self.ended:
                continue  # the sequence failed before
            why = self.ended[told.index]
            is_as_told = self.disturbed.isdisjoint(range(told.position, told.index))
            assert why or told.may_run, told
            if is_as_told and told.runs is not Verdict.UNDECIDED:
                assert (why == "") == (told.runs is Verdict.TRUE), told
            if is_as_told and told.reason:
                assert why == told.reason, told


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("site")
    publish_packages(root, {"ABC00001": TREES["ABC00001"]})
    return root


def command(name: str, attempt: Attempt, **options: object) -> Command:
    return Command(name, (attempt,), (), 0, False, Options(**options))  # type: ignore[arg-type]


def done(operator: str) -> dict[str, object]:
    return {"condition": Variable("Done", operator, "")}


RECOVERS = (  # the end of the group is not reached
    Group("tries", (command("1", Attempt(1)), SetVariable("2", "Done", "1", Options())), GOES_ON),
    command("recovers", Attempt(0), **done("notExists")),
)
CHOSEN_BY_A_SCRIPT = (
    command("script", Attempt(0, (("Model", "a"),))),
    SetVariable("sets", "Done", "%Model%", Options()),
    SetVariable("unsets", "Done", "", Options(condition=Variable("Model", "notEquals", "a"))),
    command("last", Attempt(0), **done("exists")),
)
FOR_WINDOWS_PE = (
    Group(
        "pe",
        (Command("pe", (Attempt(0),), (), 0, True, Options()),),
        Options(condition=Variable("Done", "exists", "")),
    ),
    command("last", Attempt(0)),
)
RENAMES_ITSELF = (
    command("1", Attempt(0), condition=Variable("_SMSTSCurrentActionName", "notEquals", "1")),
)


@LAW
@given(programs)
@example(RECOVERS)
@example(CHOSEN_BY_A_SCRIPT)
@example(FOR_WINDOWS_PE)
@example(RENAMES_ITSELF)
def test_what_is_foreseen_of_a_step_comes_true(site: Path, nodes: tuple[Node, ...]) -> None:
    """Steps that are foreseen not to run do not run, whatever fails and whatever programs set."""
    watcher = Watcher(site, {each.name: each.attempts for each in commands(nodes)})
    watcher.run(sequence_of(nodes))
    watcher.check()
    assert SkipReason.UNDECIDED not in watcher.ended.values()
