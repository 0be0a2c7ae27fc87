"""Wants that mean the versions of a pinned catalog, and packages that a step works in."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from dlcore.agent.interface import ObtainTerms, PackageState, PinnedCatalog, Want
from dlcore.agent.run_want import NAME as RUN
from dlcore.agent.service import AgentService
from dlcore.engine.documents import pinned_documents
from dlcore.errors import LockedError, NotFoundError, StorageError
from dlcore.publish import publish
from dlcore.store import Store
from dlcore.store.cache.sharing import OWN
from dlcore.store.lock import RUN_LOCK, StateLock
from dlcore.store.step_lock import StepLock
from tests.agent.scene import OS, TOOLS, Served, served
from tests.engine.scene import publish_packages
from tests.engine.virtual_time import virtually

MINE = ObtainTerms("mine", to_write=True)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site with two packages, that a test publishes to."""
    publish_packages(tmp_path, {OS: {"a": 20_000}, TOOLS: {"b": 3000}}, block_bytes=4096)
    return tmp_path


def pinned(site: Path) -> PinnedCatalog:
    """Keep the site's catalog as a run does."""
    state = site / "state"
    state.mkdir(mode=0o700, exist_ok=True)
    return PinnedCatalog(
        pinned_documents.keep(state, (site / "published" / "catalog.json").read_bytes())
    )


def publish_again(site: Path) -> None:
    (site / "source" / TOOLS / "b").write_bytes(b"of version 2")
    publish(
        site / "source" / TOOLS,
        package_id=TOOLS,
        version=2,
        destination=str(site / "published"),
        block_bytes=4096,
    )


async def version_of(agent: AgentService, terms: ObtainTerms) -> str:
    return (await agent.obtain(TOOLS, terms)).version


def test_a_want_means_the_versions_of_its_catalog_for_as_long_as_it_stands(site: Path) -> None:
    """Fault: a package is published again. Both versions are had at once, by their wants."""

    async def main() -> None:
        pin = pinned(site)
        publish_again(site)
        async with served(site, site / "state") as agent:
            service = agent.service
            await service.want(Want("mine", (TOOLS,), kept=(TOOLS,), pin=pin))
            await service.want(Want("other", (TOOLS,)))
            await agent.until_ready(TOOLS)
            versions = {each.version: each for each in service.status().packages}
            assert {*versions} == {"1", "2"}
            assert versions["2"].name == TOOLS
            assert versions["1"].name == f"{TOOLS}@{versions['1'].manifest_digest[:16]}"
            assert await version_of(service, ObtainTerms()) == "2"
            pinned_one = await service.obtain(TOOLS, ObtainTerms("mine"))
            assert (pinned_one.version, pinned_one.location) == ("1", f"disk/{TOOLS}")
            await service.forget("mine")
            with pytest.raises(NotFoundError, match="mine"):
                await service.obtain(TOOLS, ObtainTerms("mine"))

    virtually(main())


def test_the_site_changes_while_a_pinned_version_is_fetched(site: Path) -> None:
    """Fault: a package is published again while a run waits for it. What arrived is kept."""

    async def main() -> None:
        pin = pinned(site)
        async with served(site, site / "state") as agent:
            await agent.service.want(Want("mine", (TOOLS, OS), pin=pin))
            waiting = asyncio.ensure_future(agent.service.obtain(OS, ObtainTerms("mine")))
            while not agent.switch.read:  # noqa: ASYNC110  # virtual time
                await asyncio.sleep(0.1)
            publish_again(site)
            await asyncio.sleep(agent.service.policy.fresh_s)
            assert await version_of(agent.service, ObtainTerms()) == "2"
            assert (await waiting).version == "1"
            assert await version_of(agent.service, ObtainTerms("mine")) == "1"

    virtually(main())


def test_a_package_that_the_pinned_catalog_lacks_is_not_found(site: Path) -> None:
    async def main() -> None:
        pin = pinned(site)
        publish_packages(site, {"ABC00009": {"c": 10}}, block_bytes=4096)
        async with served(site, site / "state") as agent:
            await agent.service.want(Want("mine", pin=pin))
            with pytest.raises(NotFoundError, match="began with"):
                await agent.service.obtain("ABC00009", ObtainTerms("mine"))

    virtually(main())


def test_a_want_whose_catalog_is_gone_is_dropped_when_the_agent_begins(site: Path) -> None:
    """Fault: a run ended while no agent was there. The next agent fetches nothing for it."""

    async def life(want: Want | None) -> tuple[Want, ...]:
        async with served(site, site / "state") as agent:
            if want:
                await agent.service.want(want)
            return agent.service.status().wants

    want = Want("mine", (OS,), pin=pinned(site))
    assert virtually(life(want)) == (want,)
    assert virtually(life(None)) == (want,)
    pinned_documents.tidy(site / "state")
    assert virtually(life(None)) == ()


def test_what_a_step_works_in_is_left_alone_by_the_next_agent(site: Path) -> None:
    """Fault: the agent dies while a step writes into a package. The next one leaves it alone."""
    want = Want("mine", (TOOLS, OS), kept=(TOOLS, OS), in_use=(TOOLS,), pin=pinned(site))

    async def first() -> Path:
        async with served(site, site / "state") as agent:
            await agent.service.want(want)
            return Path((await agent.service.obtain(TOOLS, MINE)).folder)

    folder = virtually(first())
    (folder / "b").write_bytes(b"what the step wrote")

    async def second() -> None:
        async with served(site, site / "state") as agent:
            await agent.until_ready(OS)
            for terms in (ObtainTerms(), ObtainTerms(to_write=True)):
                with pytest.raises(LockedError, match=TOOLS):
                    await agent.service.obtain(TOOLS, terms)
            assert (folder / "b").read_bytes() == b"what the step wrote"
            assert agent.service.package(TOOLS).state is not PackageState.READY
            await agent.service.obtain(TOOLS, MINE)  # the next attempt of the same step
            assert (folder / "b").stat().st_size == 3000

    virtually(second())


def run_lock(site: Path) -> StateLock:
    """What the process of a run holds."""
    return StateLock(site / "state", 0.0, RUN_LOCK)


def of_run(site: Path) -> Want:
    return Want(RUN, (TOOLS, OS), kept=(TOOLS, OS), in_use=(TOOLS,), pin=pinned(site))


def test_what_a_run_worked_in_is_free_once_its_process_is_gone(site: Path) -> None:
    """Fault: a run is killed while a step works in a package. The agent hands the package to others
    as soon as they ask.
    """
    want = of_run(site)

    async def main() -> None:
        async with served(site, site / "state") as agent:
            lock = run_lock(site)
            await agent.service.want(want)
            with pytest.raises(LockedError, match=TOOLS):
                await agent.service.obtain(TOOLS)
            lock.release()
            assert await version_of(agent.service, ObtainTerms()) == "1"
            (left,) = agent.service.status().wants
            assert (left.in_use, left.kept) == ((), want.kept)

    virtually(main())


def test_what_a_run_worked_in_is_fetched_for_others_at_the_next_look(site: Path) -> None:
    """Fault: a run is killed, and the package of its step is wanted by others. The agent finds out
    by itself, and fetches it.
    """

    async def main() -> None:
        async with served(site, site / "state") as agent:
            lock = run_lock(site)
            await agent.service.want(of_run(site))
            await agent.service.want(Want("other", (TOOLS,)))
            await agent.until_ready(OS)
            await asyncio.sleep(2 * agent.service.policy.renew_every_s)
            assert TOOLS not in agent.switch.asked
            lock.release()
            await agent.until_ready(TOOLS)

    virtually(main())


def test_an_agent_that_begins_gives_free_what_a_run_worked_in(site: Path) -> None:
    """Fault: the agent and a run end at once. The next agent gives free what the step worked in."""

    async def life(want: Want | None) -> None:
        async with served(site, site / "state") as agent:
            if want:
                await agent.service.want(want)
                return
            (left,) = agent.service.status().wants
            assert left.in_use == ()
            await agent.until_ready(TOOLS)

    virtually(life(of_run(site)))
    virtually(life(None))


def test_the_want_of_a_run_that_is_over_is_dropped_at_the_next_look(site: Path) -> None:
    """Fault: the agent could not be told that a run has ended. It finds out by itself."""

    async def main() -> None:
        async with served(site, site / "state") as agent:
            lock = run_lock(site)
            await agent.service.want(of_run(site))
            await agent.until_ready(OS)
            pinned_documents.tidy(site / "state")
            lock.release()
            await asyncio.sleep(2 * agent.service.policy.renew_every_s)
            assert agent.service.status().wants == ()

    virtually(main())


def test_a_want_that_the_disk_does_not_let_through_is_read_later(site: Path) -> None:
    """Fault: the disk fails as an agent begins. It keeps the want of a run, and goes on with it."""
    want = Want("mine", (TOOLS, OS), kept=(TOOLS, OS), in_use=(TOOLS,), pin=pinned(site))
    document = site / "state" / pinned_documents.FOLDER / (want.pin.catalog if want.pin else "")

    async def first() -> None:
        async with served(site, site / "state") as agent:
            await agent.service.want(want)

    async def second() -> None:
        async with served(site, site / "state") as agent:
            assert agent.service.status().wants == (want,)
            with pytest.raises(LockedError):
                await agent.service.obtain(TOOLS)
            with pytest.raises(StorageError):
                await agent.service.obtain(OS, MINE)
            await asyncio.sleep(30.0)
            assert agent.switch.asked == []
            document.rmdir()
            document.with_name("aside").rename(document)
            await agent.until_ready(OS)
            assert agent.service.status().wants == (want,)
            assert await version_of(agent.service, MINE) == "1"

    virtually(first())
    publish_again(site)
    document.rename(document.with_name("aside"))
    document.mkdir()  # it cannot be read
    virtually(second())


def test_what_is_obtained_to_be_written_into_shares_no_file(site: Path) -> None:
    async def main() -> None:
        async with served(site, site / "state") as agent:
            folder = Path((await agent.service.obtain(TOOLS)).folder)
            assert not (folder.parent / OWN).exists()
            await agent.service.obtain(TOOLS, ObtainTerms(to_write=True))
            assert (folder.parent / OWN).exists()

    virtually(main())


def test_what_was_received_is_told_after_the_downloads_were_put_away(site: Path) -> None:
    async def rested(agent: Served) -> None:
        while agent.client.opened_content:  # noqa: ASYNC110  # virtual time
            await asyncio.sleep(1.0)

    async def main() -> None:
        async with served(site, site / "state") as agent:
            before = await agent.service.obtain(TOOLS)
            assert (before.received_bytes, before.location) == (3000, f"disk/{TOOLS}")
            await rested(agent)
            after = agent.service.package(TOOLS)
            assert (after.received_bytes, after.location) == (3000, before.location)
            await agent.service.obtain(OS)
            await rested(agent)
            assert agent.service.package(TOOLS).received_bytes == 3000

    virtually(main())


@pytest.mark.posix_only(reason="no program outlives its run on Windows")
def test_what_a_step_works_in_is_kept_when_its_run_is_killed(site: Path) -> None:
    """Fault: a run is killed, and its step goes on. The agent, and the next one, hand the package
    to nobody before the step has ended.
    """

    async def life(want: Want | None, step: subprocess.Popen[bytes]) -> None:
        async with served(site, site / "state") as agent:
            if want:
                await agent.service.want(want)
            await asyncio.sleep(2 * agent.service.policy.renew_every_s)
            with pytest.raises(LockedError, match=TOOLS):
                await agent.service.obtain(TOOLS)
            if want is None:
                step.communicate()
                assert await version_of(agent.service, ObtainTerms()) == "1"

    want = of_run(site)
    Store.open(site / "state").close()
    lock, of_step = run_lock(site), StepLock(site / "state", RUN_LOCK, 0, "step", "mark")
    with subprocess.Popen(
        ["/bin/cat"], stdin=subprocess.PIPE, pass_fds=of_step.descriptors
    ) as step:
        of_step.leave()
        lock.release()
        virtually(life(want, step))
        virtually(life(None, step))
