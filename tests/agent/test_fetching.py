"""What a fetch by the agent says of the bytes that came for it."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from dlcore.agent.client import AgentClient
from dlcore.agent.fetching import BY_AGENT, fetch_by_agent
from dlcore.agent.interface import PackageStatus
from dlcore.agent.policy import AgentPolicy
from dlcore.agent.running import running_agent
from dlcore.engine.delivery.deliveries import Deliveries
from dlcore.engine.fetching.fetch_into import Fetched
from dlcore.errors import ConfigError
from dlcore.publish import publish
from tests.engine.machine import TOOLS, TREES
from tests.engine.scene import deployment, publish_packages

ALL_BYTES = sum(TREES[TOOLS].values())


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site of its own, that a test publishes to."""
    publish_packages(tmp_path, {TOOLS: TREES[TOOLS]}, block_bytes=4096)
    return tmp_path


@asynccontextmanager
async def agent_of(site: Path) -> AsyncIterator[AgentClient]:
    settings = deployment(site, catalog_at_endpoint=True)
    policy = AgentPolicy(fresh_s=0.0)
    async with (
        running_agent(settings, site / "state", version="0", policy=policy),
        AgentClient(site / "state") as agent,
    ):
        yield agent


async def fetch(agent: AgentClient, site: Path, name: str = "to") -> Fetched:
    deliveries = Deliveries(site / "deliveries")
    return await fetch_by_agent(agent, TOOLS, to=site / name, deliveries=deliveries)


def figures(fetched: Fetched) -> tuple[int, int, int]:
    assert fetched.endpoints == {BY_AGENT: fetched.bytes_fetched}
    return fetched.content_bytes, fetched.bytes_fetched, fetched.bytes_reused


async def test_what_comes_for_a_fetch_is_fetched_and_the_rest_was_there(site: Path) -> None:
    async with agent_of(site) as agent:
        assert figures(await fetch(agent, site)) == (ALL_BYTES, ALL_BYTES, 0)
        assert figures(await fetch(agent, site)) == (ALL_BYTES, 0, ALL_BYTES)
        assert figures(await fetch(agent, site, "elsewhere")) == (ALL_BYTES, 0, ALL_BYTES)
    async with agent_of(site) as agent:
        assert figures(await fetch(agent, site)) == (ALL_BYTES, 0, ALL_BYTES)


async def test_what_the_agent_had_before_is_not_fetched(site: Path) -> None:
    async with agent_of(site) as agent:
        await agent.obtain(TOOLS)
        assert figures(await fetch(agent, site)) == (ALL_BYTES, 0, ALL_BYTES)


@pytest.mark.parametrize("name", ["state", "state/packages/x", "."])
async def test_nothing_is_delivered_into_the_agents_state_directory(site: Path, name: str) -> None:
    """Fault: a fetch by the agent is to go into the agent's state directory, or to a folder that
    has it. dlcore refuses it by name, and the agent fetches nothing.
    """
    async with agent_of(site) as agent:
        with pytest.raises(ConfigError, match="state directory"):
            await fetch(agent, site, name)
        assert (await agent.package(TOOLS)).received_bytes == 0


async def test_of_a_new_version_only_what_differs_is_fetched(site: Path) -> None:
    tree = site / "source" / TOOLS
    async with agent_of(site) as agent:
        await fetch(agent, site)
        (tree / "new").write_bytes(b"x" * 100)
        publish(
            tree,
            package_id=TOOLS,
            version=2,
            destination=str(site / "published"),
            block_bytes=4096,
        )
        found = await fetch(agent, site)
        assert found.version == 2
        content_bytes, fetched_bytes, reused_bytes = figures(found)
        assert content_bytes == ALL_BYTES + 100 == fetched_bytes + reused_bytes
        assert 100 <= fetched_bytes < 4096


class Interrupted(AgentClient):
    """A client; something happens after it was told where a package stands."""

    def __init__(self, state: Path, happens: Callable[[], Awaitable[None]]) -> None:
        super().__init__(state)
        self._happens = happens

    async def package(self, package_id: str) -> PackageStatus:
        status = await super().package(package_id)
        await self._happens()
        return status


async def test_an_agent_that_starts_again_meanwhile_counts_from_0(site: Path) -> None:
    """Fault: the agent starts again, and its packages are gone. What it fetches counts in full."""
    async with AsyncExitStack() as later, AsyncExitStack() as first:
        agent = await first.enter_async_context(agent_of(site))
        await fetch(agent, site)

        async def start_again() -> None:
            await first.aclose()
            shutil.rmtree(site / "state" / "packages")
            await later.enter_async_context(agent_of(site))

        async with Interrupted(site / "state", start_again) as client:
            assert figures(await fetch(client, site)) == (ALL_BYTES, ALL_BYTES, 0)
