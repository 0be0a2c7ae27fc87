"""Hours of the agent in virtual time: nothing grows, and it rests when there is nothing to do."""

from __future__ import annotations

import asyncio
import gc
import os
from pathlib import Path

import pytest

from dlcore.agent.interface import PackageState, Want
from tests.agent.scene import EXTRA, OS, TOOLS, Served, served
from tests.depth import cases
from tests.engine.virtual_time import virtually

HOUR_S = 3600.0
WARM_UP_HOURS = 6
PERIOD_HOURS = cases(12, 24)  # a multiple of 12, so that both counts are made in the same hour
MAX_MORE_OBJECTS = 40 * PERIOD_HOURS


def test_it_rests_when_all_is_there(published: Path, tmp_path: Path) -> None:
    async def main() -> None:
        async with served(published, tmp_path / "state") as agent:
            await agent.service.want(Want("a", (OS, EXTRA)))
            await agent.until_ready(OS)
            await agent.until_ready(EXTRA)
            await asyncio.sleep(2 * agent.service.policy.rest_after_s)
            assert agent.client.opened_content is None
            assert agent.service.package(OS).state is PackageState.READY
            fetched = list(agent.switch.read)
            await agent.service.obtain(OS)
            assert agent.switch.read == fetched
            await agent.service.obtain(TOOLS)

    virtually(main())


def test_it_does_not_rest_while_something_is_missing(published: Path, tmp_path: Path) -> None:
    async def main() -> None:
        async with served(published, tmp_path / "state") as agent:
            agent.switch.latency_s = 10 * agent.service.policy.rest_after_s
            assert (await agent.service.obtain(OS)).state is PackageState.READY

    virtually(main())


async def _hour(agent: Served, hour: int) -> None:
    """Wants come and go, a client obtains, the network is away for a while."""
    await agent.service.want(Want("day", (OS, TOOLS)))
    await agent.service.want(Want(f"hour {hour % 3}", (EXTRA,)))
    await agent.service.obtain((OS, TOOLS, EXTRA)[hour % 3])
    agent.switch.is_down = hour % 4 == 0
    await asyncio.sleep(HOUR_S / 2)
    agent.switch.is_down = False
    await agent.service.forget(f"hour {(hour + 1) % 3}")
    await asyncio.sleep(HOUR_S / 2)


def _sizes(state: Path) -> tuple[int, int, int]:
    """Objects of Python, open descriptors, files and folders on disk."""
    gc.collect()
    descriptors = len(os.listdir("/proc/self/fd"))  # noqa: PTH208  # only counted
    return len(gc.get_objects()), descriptors, sum(1 for _ in state.rglob("*"))


@pytest.mark.timeout(600)  # threads really work for seconds, on a busy machine for minutes
@pytest.mark.posix_only(reason="/proc counts descriptors")
def test_half_a_day_leaves_nothing_behind(published: Path, tmp_path: Path) -> None:
    async def main() -> None:
        async with served(published, tmp_path / "state") as agent:
            for hour in range(WARM_UP_HOURS):
                await _hour(agent, hour)
            before = _sizes(tmp_path / "state")
            for hour in range(WARM_UP_HOURS, WARM_UP_HOURS + PERIOD_HOURS):
                await _hour(agent, hour)
            after = _sizes(tmp_path / "state")
            assert after[1:] == before[1:]
            assert after[0] < before[0] + MAX_MORE_OBJECTS

    virtually(main())
