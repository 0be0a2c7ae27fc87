"""dlcore runs a task sequence as an interpreter does that was written from the documentation."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dlcore.engine.client import Client
from dlcore.engine.outcomes import RunOutcome
from dlcore.engine.running.session import Session
from dlcore.errors import StepError
from dlcore.steps.interface import Outcome
from dlcore.tasksequence import Step, TaskSequence, Variables
from dlcore.tasksequence.step_types import RESTART
from tests.depth import cases
from tests.engine.machine import TREES, CrashError
from tests.engine.scene import deployment, publish_packages
from tests.engine.virtual_time import virtually
from tests.law.interpreter import Interpreter
from tests.law.programs import (
    Attempt,
    Command,
    Group,
    Node,
    Options,
    SetVariable,
    commands,
    sequence_of,
)
from tests.law.strategies import BUILT_IN, OWN, programs

# Fewer on Windows: under Wine a run writes its state ten times slower.
MAX_EXAMPLES = 15 if sys.platform == "win32" else cases(50, 120)
LAW = settings(derandomize=True, deadline=None, max_examples=MAX_EXAMPLES)
MAX_LIVES = 100
OBSERVED = (
    *(*OWN, *BUILT_IN, "_SMSTSLastActionName", "_SMSTSCurrentActionName"),
    *("SMSTSRebootRequested", "SMSTSRetryRequested"),
)


@dataclass
class Computer:
    """A computer that runs a program with dlcore, restarts as it is asked to, and may die.

    Attributes:
        root: The folder with the published site.
        attempts: What each command does, by its name.
        dies_at: The execution in which the process dies once; None: in none.
        ran: The names of what it ran to its end.
        first: The variables before the first step.
        variables: The variables at the end.
        restarts: How often the machine restarted.
    """

    root: Path
    attempts: Mapping[str, tuple[Attempt, ...]]
    dies_at: int | None = None
    ran: list[str] = field(default_factory=list)
    first: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    restarts: int = 0
    _executions: int = 0

    def run(self, sequence: TaskSequence) -> str:
        """Run the sequence to its end; returns the outcome."""
        with TemporaryDirectory() as state:
            for _ in range(MAX_LIVES):
                try:
                    outcome = virtually(self._live(sequence, Path(state)))
                except CrashError:
                    continue
                if outcome is not RunOutcome.RESTART:
                    return outcome
                self.restarts += 1
        raise AssertionError("the sequence does not end")

    async def _live(self, sequence: TaskSequence, state: Path) -> RunOutcome:
        async with Client(deployment(self.root), state) as client:
            session = await client.session(sequence)
            self.first = self.first or dict(session.variables)
            try:
                async for step in session.run_steps():
                    await session.completed(step, self._act(step, session.variables))
            except StepError:
                assert session.outcome is RunOutcome.FAILED
            return self._end(session)

    def _end(self, session: Session) -> RunOutcome:
        self.variables = dict(session.variables)
        assert session.outcome is not None
        return session.outcome

    def _act(self, step: Step, variables: Variables) -> Outcome:
        self._executions += 1
        if self._executions == self.dies_at:
            raise CrashError
        number = self.ran.count(step.name)
        self.ran.append(step.name)
        if step.type == RESTART:
            return Outcome(restart=True)
        attempts = self.attempts[step.name]
        attempt = attempts[min(number, len(attempts) - 1)]
        variables.update(attempt.sets)
        return Outcome(attempt.exit_code)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("site")
    publish_packages(root, {"ABC00001": TREES["ABC00001"]})
    return root


def run_both(site: Path, nodes: tuple[Node, ...], dies_at: int | None = None) -> Computer:
    computer = Computer(site, {each.name: each.attempts for each in commands(nodes)}, dies_at)
    outcome = computer.run(sequence_of(nodes))
    upper = {name.upper(): value for name, value in computer.first.items() if value}
    interpreter = Interpreter(upper, dies_at)
    assert outcome == interpreter.run(nodes)
    assert computer.ran == interpreter.ran
    assert computer.restarts == interpreter.restarts
    ended = Variables(computer.variables)
    for name in OBSERVED:
        assert ended.get(name, "") == interpreter.variables.get(name.upper(), ""), name
    return computer


def failing(name: str, *, continues: bool = False) -> Command:
    options = Options(continue_on_error=continues)
    return Command(name, (Attempt(1),), (), 0, False, options)


GOES_ON = Options(continue_on_error=True)
STOPS_IN_THE_SECOND_GROUP = (  # the example of "Planning considerations for automating tasks"
    Group("1", (failing("1", continues=True), failing("2"), failing("3")), GOES_ON),
    Group("2", (failing("4"), failing("5"), failing("6")), Options()),
)
EMPTIED = (  # an empty value deletes a variable, also if a command sets it
    Command("empties", (Attempt(0, (("Ring", ""),)),), (), 0, False, Options()),
    SetVariable("quotes", "Model", "%Ring%", Options()),
)
GOES_ON_IN_THE_OUTER_GROUP = (
    Group("outer", (Group("inner", (failing("1"), failing("2")), GOES_ON), failing("3")), GOES_ON),
)


@LAW
@given(programs)
@example(STOPS_IN_THE_SECOND_GROUP)
@example(GOES_ON_IN_THE_OUTER_GROUP)
@example(EMPTIED)
def test_dlcore_runs_a_sequence_as_documented(site: Path, nodes: tuple[Node, ...]) -> None:
    run_both(site, nodes)


@LAW
@given(programs, st.integers(1, 8))
def test_a_run_that_died_goes_on_with_the_step_that_was_under_way(
    site: Path, nodes: tuple[Node, ...], dies_at: int
) -> None:
    """Fault P1: the process dies in any step. dlcore begins that step anew, and no other."""
    run_both(site, nodes, dies_at)
