"""Packages of which a content hash is stated, by the agent: for runs, and as a want states it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from dlcore.agent.client import AgentClient
from dlcore.agent.fetching import fetch_by_agent
from dlcore.agent.interface import StatedContent, Want
from dlcore.agent.known_packages import KnownPackages
from dlcore.agent.known_site import KnownSite
from dlcore.agent.policy import AgentPolicy
from dlcore.agent.remembered import Remembered
from dlcore.agent.run_content import content_of_agent
from dlcore.agent.running import running_agent
from dlcore.deployment import Deployment
from dlcore.engine.client import Client
from dlcore.engine.delivery.deliveries import Deliveries
from dlcore.engine.documents.catalog import ReadCatalog
from dlcore.engine.running.run import run_sequence
from dlcore.errors import DlcoreError, ExhaustedError, IntegrityError, NotFoundError
from dlcore.publish import publish
from dlcore.tasksequence import read
from tests.agent.test_run_content import Steps, files_in
from tests.engine.scene import sequence, step
from tests.library_points import LARGE, TREE, Asked, point, serving_point
from tests.publish.helpers import write_tree
from tests.publish.library import PACKAGE_ID, file_of
from tests.stated_packages import stating, write_point

FILES = {path: data for path, data in TREE.items() if data is not None}
NOT_RETRIED = '[variables]\nSMSTSDownloadRetryCount = "0"'


@asynccontextmanager
async def agent_of(settings: Deployment, state: Path) -> AsyncIterator[AgentClient]:
    async with running_agent(settings, state, version="0"), AgentClient(state) as agent:
        yield agent


def stated(told: str, version: int | None = None) -> Want:
    return Want("task-sequence", (PACKAGE_ID,), stated={PACKAGE_ID: StatedContent(told, version)})


async def test_a_run_gets_a_stated_package_from_the_agent(tmp_path: Path) -> None:
    library, told = write_point(tmp_path)
    state, steps = tmp_path / "state", Steps()
    run = read(sequence(step("tools", package=PACKAGE_ID)), source="sequence")
    async with serving_point(point(library)) as url:
        settings = stating(url, told)
        async with (
            agent_of(settings, state) as agent,
            Client(settings, state, run_content=content_of_agent(state)) as client,
        ):
            report = await run_sequence(client, run, steps)
            status = await agent.package(PACKAGE_ID)
    assert report.outcome == "succeeded"
    assert steps.found == {f"tools {PACKAGE_ID}": FILES}
    assert (status.truth, status.version) == ("content-library", "11")


async def test_a_want_states_what_neither_catalog_nor_settings_know(tmp_path: Path) -> None:
    """The want is kept: the next agent knows the package, too, though nobody states it again."""
    library, told = write_point(tmp_path)
    state = tmp_path / "state"
    async with serving_point(point(library)) as url:
        settings = stating(url, "")
        async with agent_of(settings, state) as agent:
            with pytest.raises(NotFoundError):
                await agent.obtain(PACKAGE_ID)
            await agent.want(stated(told, version=3))
            assert files_in(await agent.obtain(PACKAGE_ID)) == FILES
            assert (await agent.package(PACKAGE_ID)).version == "3"
        async with agent_of(settings, state) as agent:
            found = await fetch_by_agent(
                agent, PACKAGE_ID, to=tmp_path / "to", deliveries=Deliveries(tmp_path / "records")
            )
    assert files_in(tmp_path / "to") == FILES
    assert (found.truth, found.stated_hash) == ("content-library", "equal")


async def test_the_catalog_counts_before_what_a_want_states(tmp_path: Path) -> None:
    library, told = write_point(tmp_path)
    other = write_tree(tmp_path / "other", {"setup.exe": b"another one"})
    publish(other, package_id=PACKAGE_ID, version=12, destination=str(tmp_path / "published"))
    site = (
        f"[catalog]\npath = '{tmp_path / 'published' / 'catalog.json'}'\n"
        f"[[endpoint]]\nname = 'site'\nkind = 'file'\npath = '{tmp_path / 'published'}'\n"
    )
    async with (
        serving_point(point(library)) as url,
        agent_of(stating(url, "", site), tmp_path / "state") as agent,
    ):
        await agent.want(stated(told))
        assert files_in(await agent.obtain(PACKAGE_ID)) == {"setup.exe": b"another one"}
        status = await agent.package(PACKAGE_ID)
    assert (status.version, status.truth) == ("12", "manifest")


async def test_what_could_not_be_described_is_looked_for_soon(tmp_path: Path) -> None:
    """Fault: the content library cannot be read when the agent begins. It looks again within a
    minute, and not after a quarter of an hour.
    """
    library, told = write_point(tmp_path)
    asked = Asked()
    asked.refused = ("/Datalib",)
    async with (
        serving_point(point(library), asked) as url,
        Client(stating(url, told), tmp_path / "state") as client,
    ):
        known, policy = KnownPackages(client), AgentPolicy()
        site = KnownSite(client, Remembered(client.state), known, unchanged, policy)
        await client.package_index()
        assert site.wait_s == policy.max_retry_s
        asked.refused = ()
        await client.catalogs.current()
        assert site.wait_s == policy.renew_every_s


async def unchanged(newer: ReadCatalog) -> None:
    """Changes nothing."""


@pytest.mark.parametrize("version", [None, 3, 4])
async def test_a_hash_of_other_content_gets_nothing(version: int | None, tmp_path: Path) -> None:
    """Fault: a task sequence states the content hash of other content, or of a version that is not
    there. The agent fetches nothing, says why, and serves the package once the hash is right.
    """
    library, told = write_point(tmp_path)
    asked = Asked()
    async with (
        serving_point(point(library), asked) as url,
        agent_of(stating(url, ""), tmp_path / "state") as agent,
    ):
        await agent.want(stated("AB" * 32, version))
        kind: type[DlcoreError] = NotFoundError if version == 4 else IntegrityError
        with pytest.raises(kind, match=rf"{PACKAGE_ID}\.\d+"):
            await agent.obtain(PACKAGE_ID)
        assert not asked.of("FileLib")
        await agent.want(stated(told))
        assert files_in(await agent.obtain(PACKAGE_ID)) == FILES


async def test_a_flipped_byte_is_never_handed_out(tmp_path: Path) -> None:
    """Fault: the file of a stated package has a flipped byte. The agent does not hand it out."""
    library, told = write_point(tmp_path)
    file_of(library, LARGE).write_bytes(LARGE[:-1] + bytes([LARGE[-1] ^ 1]))
    async with (
        serving_point(point(library)) as url,
        agent_of(stating(url, told, NOT_RETRIED), tmp_path / "state") as agent,
    ):
        with pytest.raises((IntegrityError, ExhaustedError), match="does not match"):
            await agent.obtain(PACKAGE_ID)
        assert (await agent.package(PACKAGE_ID)).folder == ""


@pytest.mark.parametrize(
    "wrong", [{"ABC00012": {"content_hash": "ab" * 32}}, {"a b": {"content_hash": "AB" * 32}}]
)
async def test_what_is_no_hash_is_refused(wrong: Mapping[str, object], tmp_path: Path) -> None:
    async with agent_of(stating("http://localhost:1/x", ""), tmp_path / "state") as agent:
        told = {each: StatedContent(**own) for each, own in wrong.items()}  # type: ignore[arg-type]
        with pytest.raises(DlcoreError, match="match"):
            await agent.want(Want("mine", stated=told))
        assert (await agent.status()).wants == ()
