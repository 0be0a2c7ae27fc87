"""The library as an agent embeds it: `dlcore.Client`."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import dlcore
from dlcore.engine.events import Event, PackageReady, PackageStarted
from dlcore.errors import LockedError, NotFoundError
from tests.engine.scene import deployment, publish_packages, sequence, step, upgrade

PACKAGES = {"ABC00001": {"setup.exe": 300_000}, "ABC00002": {"driver.inf": 20, "driver.sys": 9_000}}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with a published site, a sequence over it, and a deployment file."""
    publish_packages(tmp_path, PACKAGES)
    (tmp_path / "upgrade.xml").write_bytes(
        sequence(upgrade("ABC00001"), step("Drivers", package="ABC00002"), step("Last"))
    )
    published = tmp_path / "published"
    (tmp_path / "deployment.toml").write_text(
        "[deployment]\nallow_on_internet = true\n[client]\nallow_cloud_dp = true\n"
        f"[catalog]\npath = '{published}/catalog.json'\n"
        f"[[endpoint]]\nname = 'disk'\nkind = 'file'\npath = '{published}'\n"
    )
    return tmp_path


def same(folder: Path, site: Path, package_id: str) -> bool:
    """Whether a folder holds what the package was published from."""
    source = site / "source" / package_id
    names = sorted(path.name for path in source.iterdir())
    return names == sorted(path.name for path in folder.iterdir()) and all(
        (folder / name).read_bytes() == (source / name).read_bytes() for name in names
    )


async def test_an_agent_runs_the_steps_itself(site: Path) -> None:
    """The example of the README."""
    config, state = site / "deployment.toml", site / "state"
    heard: list[Event] = []
    ran: list[str] = []

    async def listen(events: AsyncIterator[Event]) -> None:
        async for event in events:  # ends with the client
            heard.append(event)  # noqa: PERF401  # as a user would write it

    async with dlcore.Client.from_config(config, state) as client:
        session = await client.session(site / "upgrade.xml")
        listener = asyncio.create_task(listen(session.events()))
        for step in session.steps:
            folders = await session.content(step)  # complete and verified
            assert all(same(folder, site, package) for package, folder in folders.items())
            ran.append(step.name)
    await listener

    assert ran == ["Upgrade", "Drivers", "Last"]
    ready = {event.package for event in heard if isinstance(event, PackageReady)}
    assert ready == {"ABC00001", "ABC00002"}  # in any order: a longer one takes longer to finish
    assert session.variables["_SMSTSABC00002"].endswith("content")


async def test_an_agent_fetches_packages_at_once(site: Path) -> None:
    async with dlcore.Client(deployment(site), site / "state") as client:
        folders = await asyncio.gather(*map(client.fetch, PACKAGES))
    assert all(
        same(folder, site, package) for package, folder in zip(PACKAGES, folders, strict=True)
    )


async def test_a_second_client_fetches_nothing_again(site: Path) -> None:
    for _ in range(2):
        async with dlcore.Client(deployment(site), site / "state") as client:
            stream = client.events()
            await client.fetch("ABC00001")
        heard = [event async for event in stream]
    assert not [event for event in heard if isinstance(event, PackageStarted)]
    assert [event for event in heard if isinstance(event, PackageReady)]


async def test_an_unknown_package_fails_whoever_asks_for_it(site: Path) -> None:
    async with dlcore.Client(deployment(site), site / "state") as client:
        with pytest.raises(NotFoundError, match="ABC00099"):
            await client.fetch("ABC00099")
        assert same(await client.fetch("ABC00001"), site, "ABC00001")


async def test_the_state_directory_is_held_from_the_first_package_on(site: Path) -> None:
    state = site / "state"
    loaded = dlcore.load_sequence(site / "upgrade.xml")
    async with dlcore.Client(deployment(site), state) as first:
        assert not state.exists()
        await first.fetch("ABC00001")
        async with dlcore.Client(deployment(site), state) as second:
            checks = await dlcore.preflight(second, loaded)
            assert dlcore.CheckOutcome.FAILED not in {check.outcome for check in checks}
            with pytest.raises(LockedError, match=re.escape(str(state))):
                await second.fetch("ABC00001")
    async with dlcore.Client(deployment(site), state) as third:
        await third.fetch("ABC00001")


async def test_a_client_that_is_cancelled_lets_go_of_everything(site: Path) -> None:
    begun = asyncio.Event()

    async def agent() -> None:
        async with dlcore.Client(deployment(site), site / "state") as client:
            await client.session(site / "upgrade.xml")
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(agent())
    await begun.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    async with dlcore.Client(deployment(site), site / "state") as client:
        await client.fetch("ABC00001")


async def test_a_wait_for_the_state_directory_can_be_cancelled(site: Path) -> None:
    async with dlcore.Client(deployment(site), site / "state") as holder:
        await holder.fetch("ABC00001")
        async with dlcore.Client(deployment(site), site / "state", wait_s=3600) as waiting:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await waiting.fetch("ABC00001")
