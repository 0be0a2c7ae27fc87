"""A run whose content an agent of the same process has, over the agent's own socket."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from dlcore.agent.client import AgentClient
from dlcore.agent.interface import PackageState, PinnedCatalog, Want
from dlcore.agent.policy import AgentPolicy
from dlcore.agent.run_content import content_of_agent
from dlcore.agent.running import running_agent
from dlcore.engine.client import Client
from dlcore.engine.events import Event, PackageReady, Progress, WaitingForAgent
from dlcore.engine.outcomes import RunOutcome
from dlcore.engine.policy import EnginePolicy
from dlcore.engine.running.report import Report
from dlcore.engine.running.run import run_sequence
from dlcore.engine.state_file import STATE_FILE
from dlcore.errors import AgentError, LockedError, RunStateError, RunStateFault
from dlcore.publish import publish
from dlcore.steps.interface import Job, Outcome
from tests.engine.machine import EXTRA, OS, TOOLS, TREES, parsed
from tests.engine.scene import deployment, publish_packages, step

SEQUENCE = parsed(step("tools", package=TOOLS), step("extra", package=EXTRA))
HASTY = EnginePolicy(first_network_wait_s=0.05, max_network_wait_s=0.1, lock_retry_s=0.01)
Act = Callable[[str, Mapping[str, Path]], Awaitable[None]]


async def nothing(name: str, content: Mapping[str, Path]) -> None:
    """What a step does that does nothing."""


class Steps:
    """An executor that notes which steps ran, and what their packages had in them."""

    def __init__(self, act: Act = nothing) -> None:
        self.ran: list[str] = []
        self.found: dict[str, dict[str, bytes]] = {}
        self._act = act

    def obstacle(self, step: object, variables: Mapping[str, str]) -> str:
        return ""

    async def run(self, job: Job) -> Outcome:
        for package_id, folder in job.content.items():
            self.found[f"{job.step.name} {package_id}"] = files_in(folder)
        await self._act(job.step.name, job.content)
        self.ran.append(job.step.name)
        return Outcome()


def files_in(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@asynccontextmanager
async def agent_of(root: Path, state: Path) -> AsyncIterator[AgentClient]:
    settings = deployment(root, catalog_at_endpoint=True)
    policy = AgentPolicy(fresh_s=0.0)
    async with (
        running_agent(settings, state, version="0", policy=policy),
        AgentClient(state) as agent,
    ):
        yield agent


async def run(
    root: Path,
    state: Path,
    steps: Steps,
    *,
    by_agent: bool = True,
    policy: EnginePolicy | None = None,
    hear: Callable[[Event], None] = lambda event: None,
) -> Report:
    settings = deployment(root, catalog_at_endpoint=True)
    content = content_of_agent(state, policy) if by_agent else None
    async with Client(settings, state, policy=policy, run_content=content) as client:
        client.bus.subscribe(hear)
        return await run_sequence(client, SEQUENCE, steps)


def right(root: Path, package_id: str) -> dict[str, bytes]:
    return files_in(root / "source" / package_id)


async def test_steps_get_their_content_from_the_agent(published: Path, tmp_path: Path) -> None:
    """The report and the events are those of a run. The agent forgets what the run wanted.

    What steps write into their packages is gone at the next proof.
    """
    state, heard = tmp_path / "state", list[Event]()

    async def write(name: str, content: Mapping[str, Path]) -> None:
        for folder in content.values():
            for path in [path for path in folder.rglob("*") if path.is_file()]:
                path.write_bytes(b"altered")
            (folder / "left behind").write_bytes(b"x")

    async with agent_of(published, state) as agent:
        steps = Steps(write)
        report = await run(published, state, steps, hear=heard.append)
        assert report.outcome is RunOutcome.SUCCEEDED
        assert steps.ran == ["os", "tools", "extra"]
        for package_id, name in ((OS, "os"), (TOOLS, "tools"), (EXTRA, "extra")):
            assert steps.found[f"{name} {package_id}"] == right(published, package_id)
        assert report.bytes_fetched == sum(sum(files.values()) for files in TREES.values())
        assert {name: each.bytes_fetched for name, each in report.endpoints.items()} == {
            "agent": report.bytes_fetched
        }
        assert {event.package for event in heard if isinstance(event, PackageReady)} <= {*TREES}
        assert any(isinstance(event, Progress) for event in heard)
        assert (await agent.status()).wants == ()
        assert not (state / STATE_FILE).exists()
        for package_id in TREES:
            assert files_in(await agent.obtain(package_id)) == right(published, package_id)


async def test_what_a_step_works_in_is_left_alone(published: Path, tmp_path: Path) -> None:
    """Fault: a client asks for a package that a step writes into. It is refused meanwhile."""
    state, refused = tmp_path / "state", list[str]()

    async with agent_of(published, state) as agent:

        async def disturb(name: str, content: Mapping[str, Path]) -> None:
            for package_id, folder in content.items():
                (folder / "mine").write_bytes(b"x")
                with pytest.raises(LockedError, match=package_id):
                    await agent.obtain(package_id)
                await agent.want(Want("other", (package_id,)))
                await agent.obtain(EXTRA if package_id != EXTRA else OS)
                assert (folder / "mine").exists()
                refused.append(package_id)

        await run(published, state, Steps(disturb))
        assert refused == [OS, TOOLS, EXTRA]
        assert files_in(await agent.obtain(OS)) == right(published, OS)


def publish_again(root: Path, package_id: str) -> None:
    tree = root / "source" / package_id
    (tree / "new").write_bytes(b"of version 2")
    publish(tree, package_id=package_id, version=2, destination=str(root / "published"))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site of its own, that a test publishes to."""
    publish_packages(tmp_path, TREES, block_bytes=4096)
    return tmp_path


async def test_a_run_goes_on_with_the_versions_that_it_began_with(site: Path) -> None:
    """Fault: a package is published again in a run. The run keeps the old one."""
    state, before = site / "state", right(site, EXTRA)
    async with agent_of(site, state) as agent:

        async def republish(name: str, content: Mapping[str, Path]) -> None:
            if name == "tools":
                publish_again(site, EXTRA)
                assert "new" in files_in(await agent.obtain(EXTRA))

        steps = Steps(republish)
        report = await run(site, state, steps)
        assert report.outcome is RunOutcome.SUCCEEDED
        assert steps.found[f"extra {EXTRA}"] == before
        assert "new" in files_in(await agent.obtain(EXTRA))


async def test_a_version_that_nobody_has_any_more_ends_the_run(site: Path) -> None:
    """Fault: a version that a run began with is withdrawn. The run ends, with no other version."""
    state = site / "state"

    async def stop(name: str, content: Mapping[str, Path]) -> None:
        raise AgentError("the process ends here")

    async with agent_of(site, state):
        with pytest.raises(AgentError, match="ends here"):
            await run(site, state, Steps(stop))
    shutil.rmtree(site / "published")
    for place in (state / "packages", state / "partial"):
        for folder in place.glob(f"{EXTRA}.*"):
            shutil.rmtree(folder)
    publish_packages(site, {each: TREES[each] for each in (OS, TOOLS)}, block_bytes=4096)
    publish_again(site, EXTRA)
    steps = Steps()
    async with agent_of(site, state):
        with pytest.raises(RunStateError, match=f"{EXTRA}: the run began with version 1") as caught:
            await run(site, state, steps)
    assert caught.value.fault is RunStateFault.PACKAGE
    assert steps.ran == ["os", "tools"]


async def test_a_run_goes_on_when_the_agent_is_back(published: Path, tmp_path: Path) -> None:
    """Fault: the agent restarts between two steps. The run waits; no step repeats."""
    state = tmp_path / "state"
    policy = EnginePolicy(first_network_wait_s=0.05, lock_retry_s=0.01)
    is_at_os, is_away, is_missed = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def leave(name: str, content: Mapping[str, Path]) -> None:
        if name == "os":
            is_at_os.set()
            await is_away.wait()

    def hear(event: Event) -> None:
        if isinstance(event, WaitingForAgent):
            is_missed.set()

    steps = Steps(leave)
    async with agent_of(published, state):
        running = asyncio.ensure_future(run(published, state, steps, policy=policy, hear=hear))
        await is_at_os.wait()
    is_away.set()
    await is_missed.wait()
    async with agent_of(published, state):
        report = await running
    assert steps.ran == ["os", "tools", "extra"]
    assert report.outcome is RunOutcome.SUCCEEDED
    assert report.bytes_fetched <= sum(sum(files.values()) for files in TREES.values())


async def test_a_run_that_has_lost_its_agent_goes_on_without_one_and_back(
    published: Path, tmp_path: Path
) -> None:
    """Fault: the agent does not come back. The run stops, and goes on by the same state later."""
    state = tmp_path / "state"
    is_at_os, is_away = asyncio.Event(), asyncio.Event()

    async def leave(name: str, content: Mapping[str, Path]) -> None:
        if name == "os":
            is_at_os.set()
            await is_away.wait()

    steps = Steps(leave)
    async with agent_of(published, state):
        running = asyncio.ensure_future(run(published, state, steps, policy=HASTY))
        await is_at_os.wait()
    is_away.set()
    with pytest.raises(AgentError, match="does not come back") as caught:
        await running
    assert "the run goes on at this step" in caught.value.remedy
    assert (steps.ran, (state / STATE_FILE).exists()) == (["os"], True)

    async def fail(name: str, content: Mapping[str, Path]) -> None:
        if name == "extra":
            raise AgentError("the process ends here")

    alone = Steps(fail)
    with pytest.raises(AgentError, match="ends here"):
        await run(published, state, alone, by_agent=False)
    assert alone.ran == ["tools"]
    async with agent_of(published, state):
        last = Steps()
        report = await run(published, state, last)
    assert (last.ran, report.outcome) == (["extra"], RunOutcome.SUCCEEDED)
    all_bytes = sum(sum(files.values()) for files in TREES.values())
    assert report.bytes_fetched + report.bytes_reused >= all_bytes


async def test_a_catalog_that_is_not_in_the_state_directory_pins_nothing(
    published: Path, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    async with agent_of(published, state) as agent:
        with pytest.raises(RunStateError):
            await agent.want(Want("mine", (OS,), pin=PinnedCatalog("0" * 64)))
        status = await agent.status()
        assert (status.wants, status.packages) == ((), ())
        assert (await agent.package(OS)).state is PackageState.UNKNOWN
