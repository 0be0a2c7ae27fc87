"""What clients obtained gives way when the cache is full: not at once, and not for ever."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from dlcore.agent.interface import PackageState, Want
from dlcore.agent.policy import AgentPolicy
from tests.agent.scene import EXTRA, OS, TOOLS, Served, served
from tests.engine.virtual_time import virtually

POLICY = AgentPolicy(lent_s=30.0)
SMALL_CACHE = ("[cache]\nmax_size = '60 KiB'",)  # any one of the packages, hardly two


def small_cache(root: Path, state: Path) -> AbstractAsyncContextManager[Served]:
    return served(root, state, policy=POLICY, more=SMALL_CACHE)


async def obtained(agent: Served, package_id: str) -> Path:
    return Path((await agent.service.obtain(package_id)).folder)


async def until_released(agent: Served) -> None:
    await asyncio.sleep(agent.service.policy.lent_s)


def test_what_was_obtained_stays_while_it_is_copied_and_then_gives_way(
    published: Path, tmp_path: Path
) -> None:
    async def main() -> None:
        async with small_cache(published, tmp_path / "state") as agent:
            first = await obtained(agent, OS)
            second = await obtained(agent, EXTRA)
            assert first.is_dir()
            await until_released(agent)
            await obtained(agent, TOOLS)
            assert not first.exists()
            assert agent.service.package(OS).state is PackageState.UNKNOWN
            assert not agent.service.package(OS).folder
            assert second.is_dir() == (agent.service.package(EXTRA).state is PackageState.READY)

    virtually(main())


def test_what_a_want_names_does_not_give_way(published: Path, tmp_path: Path) -> None:
    async def main() -> None:
        async with small_cache(published, tmp_path / "state") as agent:
            await agent.service.want(Want("a", (OS,)))
            first = await obtained(agent, OS)
            await until_released(agent)
            await obtained(agent, EXTRA)
            assert first.is_dir()
            await agent.service.forget("a")
            await obtained(agent, TOOLS)
            assert not first.exists()

    virtually(main())


def test_what_gave_way_is_fetched_again_for_a_want(published: Path, tmp_path: Path) -> None:
    """It does not count as there because it was there once."""

    async def main() -> None:
        async with small_cache(published, tmp_path / "state") as agent:
            agent.switch.latency_s = 0.1
            await agent.service.want(Want("keeps the downloads open", ("ABC00009",)))
            first = await obtained(agent, OS)
            await until_released(agent)
            await obtained(agent, EXTRA)
            assert not first.exists()
            await until_released(agent)
            await agent.service.want(Want("a", (OS,)))
            async with asyncio.timeout(60):
                await agent.until_ready(OS)
            assert first.is_dir()

    virtually(main())
