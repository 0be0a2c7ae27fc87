"""Programs of steps that live longer than their step or their run: real processes."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from dlcore.engine.client import Client
from dlcore.engine.running.run import run_sequence
from dlcore.errors import LockedError
from dlcore.steps.interface import Inherited, Job, Outcome
from dlcore.store import Store
from tests.engine.machine import EXTRA, TOOLS, TREES, parsed
from tests.engine.scene import deployment, publish_packages, step
from tests.engine.test_run_elsewhere import Elsewhere
from tests.engine.virtual_time import virtually

pytestmark = pytest.mark.posix_only(reason="no program outlives its run on Windows")

SEQUENCE = parsed(step("tools", package=TOOLS), step("extra", package=EXTRA))


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("site")
    publish_packages(root, TREES)
    return root


class Starting:
    """An executor whose first step leaves a program running. Implements `Executor`.

    Attributes:
        inherited: What the programs of each step had to inherit.
        program: That program, which ends when its input does.
    """

    def __init__(self, *, fails: bool = False) -> None:
        self.inherited: list[Inherited] = []
        self.program: subprocess.Popen[bytes] | None = None
        self._fails = fails

    def obstacle(self, step: object, variables: Mapping[str, str]) -> str:
        return ""

    async def run(self, job: Job) -> Outcome:
        self.inherited.append(job.inherited)
        if self.program is None:
            self.program = self._started(job.inherited.descriptors)
        if self._fails:
            raise KeyError("the run ends here")
        return Outcome()

    def _started(self, descriptors: tuple[int, ...]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, pass_fds=descriptors)

    def end(self) -> None:
        """End the program."""
        if self.program:
            self.program.communicate()
            self.program = None


@pytest.fixture
def ended_by() -> Iterator[list[Starting]]:
    """Executors whose programs are ended at last."""
    found: list[Starting] = []
    yield found
    for each in found:
        each.end()


@pytest.fixture
def leaving(ended_by: list[Starting]) -> Starting:
    """Its run goes on."""
    ended_by.append(Starting())
    return ended_by[-1]


@pytest.fixture
def failing(ended_by: list[Starting]) -> Starting:
    """Its run ends in the midst of its step, as if it were killed."""
    ended_by.append(Starting(fails=True))
    return ended_by[-1]


def run(published: Path, state: Path, steps: Starting, elsewhere: Elsewhere | None = None) -> None:
    async def main() -> None:
        content = elsewhere.open if elsewhere else None
        async with Client(deployment(published), state, run_content=content) as client:
            await run_sequence(client, SEQUENCE, steps)

    virtually(main())


def test_a_run_goes_on_beside_what_a_step_has_left_running(
    published: Path, tmp_path: Path, leaving: Starting
) -> None:
    """Fault: a step leaves a daemon behind. Neither this run nor the next one waits for that."""
    run(published, tmp_path, leaving)
    marks = [tuple(each.environment.values()) for each in leaving.inherited]
    assert len(marks) == len(set(marks)) == 3
    run(published, tmp_path, leaving)


def test_nobody_takes_what_a_step_works_in_whose_run_has_gone(
    published: Path, tmp_path: Path, failing: Starting, leaving: Starting
) -> None:
    """Fault: a run ends in the midst of a step whose program goes on. Its content is left alone,
    and no run begins before that program has ended.
    """
    with pytest.raises(KeyError):
        run(published, tmp_path, failing)
    for _ in range(2):
        with pytest.raises(LockedError, match="still works"):
            Store.open(tmp_path)
        with pytest.raises(LockedError, match="still works"):
            run(published, tmp_path, leaving, Elsewhere(published))
    failing.end()
    run(published, tmp_path, leaving)
    assert leaving.inherited


def test_an_agent_is_not_kept_from_content_that_it_has_itself(
    published: Path, tmp_path: Path, failing: Starting, leaving: Starting
) -> None:
    """Fault: a run beside an agent ends in the midst of a step, and the agent ends as well. The
    next agent begins: it knows what is in use. No run begins.
    """
    Store.open(tmp_path).close()
    with pytest.raises(KeyError):
        run(published, tmp_path, failing, Elsewhere(published))
    Store.open(tmp_path, is_beside_runs=True).close()
    with pytest.raises(LockedError, match="still works"):
        run(published, tmp_path, leaving, Elsewhere(published))


def test_nobody_takes_what_a_step_works_in_whose_run_and_agent_have_gone(
    published: Path, tmp_path: Path, failing: Starting
) -> None:
    """Fault: a run beside an agent ends in the midst of a step, and the agent ends as well. No
    command takes the content before the program of the step has ended.
    """
    Store.open(tmp_path).close()
    with pytest.raises(KeyError):
        run(published, tmp_path, failing, Elsewhere(published))
    with pytest.raises(LockedError, match=r"step 0 'os' .*still works"):
        Store.open(tmp_path)
    failing.end()
    Store.open(tmp_path).close()
