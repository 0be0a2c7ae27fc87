"""Runs whose content comes from elsewhere: a fake stands behind `RunContent`."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from dlcore.engine.client import Client
from dlcore.engine.documents.pinned_documents import CatalogPin
from dlcore.engine.download.package_index import PackageIndex
from dlcore.engine.download.retry import Retry
from dlcore.engine.events import Event, Progress
from dlcore.engine.outcomes import RunOutcome
from dlcore.engine.running.report import Report
from dlcore.engine.running.run import run_sequence
from dlcore.engine.running.run_content import RunContent
from dlcore.engine.running.state import LifeFigures
from dlcore.engine.state_file import STATE_FILE
from dlcore.errors import AgentError, LockedError
from dlcore.steps.interface import Outcome
from dlcore.store import Store
from dlcore.tasksequence import TaskSequence
from tests.engine.machine import OS, TOOLS, TREES, Acting, parsed
from tests.engine.scene import deployment, publish_packages, step
from tests.engine.virtual_time import virtually

SEQUENCE = parsed(step("tools", package=TOOLS))


class Elsewhere:
    """Content that is there already; or not, as the test says.

    Attributes:
        pin: The catalog that the run began with, as it was told.
        needed: What the run refers to.
        orders: What was ordered.
        ends: How often it was told that the run has ended.
        missing: What is not handed out.
    """

    def __init__(self, root: Path) -> None:
        self.pin: CatalogPin | None = None
        self.needed: Sequence[str] = ()
        self.orders: list[Sequence[str]] = []
        self.ends = 0
        self.missing = ""
        self.package_index: PackageIndex
        self.retry_time_s: float | None = None
        self._root = root

    @asynccontextmanager
    async def open(
        self, package_index: PackageIndex, pin: CatalogPin, tell: Callable[[Event], None]
    ) -> AsyncIterator[RunContent]:
        self.package_index, self.pin = package_index, pin
        yield self

    def need(self, package_ids: Sequence[str]) -> None:
        self.needed = package_ids

    def order(self, needed: Sequence[str], maybe_needed: Sequence[str] = ()) -> None:
        self.orders.append(needed)

    def set_retry(self, retry: Retry) -> None:
        pass

    def is_there(self, package_id: str) -> bool:
        return True

    async def arrive(self, package_id: str) -> None:
        if package_id == self.missing:
            raise AgentError("it is away")

    async def paths(self, package_ids: Sequence[str], *, to_write: bool) -> dict[str, Path]:
        return {each: self._root / "source" / each for each in package_ids}

    def location(self, package_id: str) -> str:
        return f"elsewhere: {package_id}"

    def verified_bytes(self, package_id: str, content_bytes: int) -> int:
        return content_bytes

    def progress(self) -> Progress:
        return Progress(0, 0, 0.0)

    def measured(self, elapsed_s: float) -> LifeFigures:
        return LifeFigures(elapsed_s, 0.0, Counter(), 0, {"A": 7}, {}, 0)

    async def end(self) -> None:
        self.ends += 1


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("site")
    publish_packages(root, TREES)
    return root


@pytest.fixture
def elsewhere(published: Path) -> Elsewhere:
    return Elsewhere(published)


def run(
    published: Path,
    state: Path,
    steps: Acting,
    elsewhere: Elsewhere | None,
    sequence: TaskSequence = SEQUENCE,
) -> Report:
    async def main() -> Report:
        content = elsewhere.open if elsewhere else None
        async with Client(deployment(published), state, run_content=content) as client:
            return await run_sequence(client, sequence, steps)

    return virtually(main())


def test_the_process_that_has_the_content_holds_the_state_directory(
    published: Path, tmp_path: Path, elsewhere: Elsewhere
) -> None:
    with Store.open(tmp_path):
        steps = Acting()
        report = run(published, tmp_path, steps, elsewhere)
        assert (report.outcome, report.bytes_reused) == (RunOutcome.SUCCEEDED, 7)
        assert steps.ran == ["os", "tools"]
        assert elsewhere.needed == (OS, TOOLS)
        assert (elsewhere.orders[0], elsewhere.orders[-1]) == ((OS, TOOLS), (TOOLS,))
        assert elsewhere.pin
        assert elsewhere.ends == 1
        with pytest.raises(LockedError, match="is in use"):
            run(published, tmp_path, steps, None)


@pytest.mark.parametrize("is_first_alone", [True, False], ids=["alone", "elsewhere"])
def test_runs_exclude_each_other_wherever_their_content_comes_from(
    published: Path, tmp_path: Path, elsewhere: Elsewhere, is_first_alone: bool
) -> None:
    """Fault: a sequence is run while another run is under way there. It does nothing."""

    async def main() -> None:
        settings = deployment(published)
        first = None if is_first_alone else elsewhere.open
        async with Client(settings, tmp_path, run_content=first) as client:
            if first:
                Store.open(tmp_path).close()  # it is there, as an agent has made it
            await client.hold_run()
            for second in (elsewhere.open, None):
                async with Client(settings, tmp_path, run_content=second) as other:
                    with pytest.raises(LockedError) as caught:
                        await other.hold_run()
                    assert caught.value.holder
        async with Client(settings, tmp_path, run_content=elsewhere.open) as client:
            await client.hold_run()

    virtually(main())


def test_content_that_nobody_has_now_stops_the_run_and_fails_no_step(
    published: Path, tmp_path: Path, elsewhere: Elsewhere
) -> None:
    """Fault: the agent of a run goes away for good. The run stops, and goes on at the same step."""
    Store.open(tmp_path).close()
    elsewhere.missing = TOOLS
    steps = Acting()
    with pytest.raises(AgentError, match="away"):
        run(published, tmp_path, steps, elsewhere)
    assert (tmp_path / STATE_FILE).exists()
    assert elsewhere.ends == 0
    report = run(published, tmp_path, steps, None)  # without it, from the same state
    assert steps.ran == ["os", "tools"]
    assert report.outcome is RunOutcome.SUCCEEDED


def test_a_step_of_the_engine_stops_it_as_well(
    published: Path, tmp_path: Path, elsewhere: Elsewhere
) -> None:
    """Fault: the agent goes away when content is to be copied. The run stops; nothing is copied."""
    Store.open(tmp_path).close()
    copies = step(
        *("copy", "DownloadPackageContentAction"),
        OSDDownloadDownloadPackages=TOOLS,
        OSDDownloadContinueDownloadOnError="true",
        OSDDownloadDestinationLocationType="Custom",
        OSDDownloadDestinationPath=str(tmp_path / "copy"),
    )
    elsewhere.missing = TOOLS
    with pytest.raises(AgentError, match="away"):
        run(published, tmp_path, Acting(), elsewhere, parsed(copies))
    assert not (tmp_path / "copy").exists()


def test_a_restart_is_not_the_end(published: Path, tmp_path: Path, elsewhere: Elsewhere) -> None:
    Store.open(tmp_path).close()
    restart = Acting(lambda step, variables, content: Outcome(restart=True))
    report = run(published, tmp_path, restart, elsewhere)
    assert (report.outcome, elsewhere.ends) == (RunOutcome.RESTART, 0)
