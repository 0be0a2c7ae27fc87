"""How the agent is found, started, and given up."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dlcore.agent.interface import API_VERSION, AgentStatus, ContentAgent
from dlcore.deployment import load_deployment
from dlcore.engine.client import Client
from dlcore.errors import AgentError, ConfigError, OwnershipError
from dlcore.hook.reach import Connect, reach_agent
from dlcore.hook.settings import HookPolicy, HookSettings
from dlcore.hook.starting import StartedAgent, agent_command
from tests.hook.agents import AgentOnClient, Hanging
from tests.hook.scene import HookScene

QUICK = HookPolicy(agent_answer_s=0.05, agent_start_s=0.2, agent_poll_s=0.005)


class Absent(AgentOnClient):
    """An agent that answers only from some question on."""

    def __init__(self, client: Client, silent: int) -> None:
        super().__init__(client)
        self.silent = silent
        self.asked = 0

    async def status(self) -> AgentStatus:
        self.asked += 1
        if self.asked <= self.silent:
            raise AgentError("nobody listens")
        return AgentStatus(API_VERSION, "", 0, 0.0, "", "", True)


def to(agent: ContentAgent) -> Connect:
    @contextlib.asynccontextmanager
    async def connect(state: Path) -> AsyncIterator[ContentAgent]:
        yield agent

    return connect


class Starting:
    """Notes that an agent was started; it is that agent, too."""

    def __init__(self, *, is_over: bool = False, told: str = "") -> None:
        self.times = 0
        self.is_left = False
        self._is_over = is_over
        self._told = told

    def __call__(self, settings: HookSettings) -> StartedAgent:
        self.times += 1
        return self

    def has_ended(self) -> bool:
        return self._is_over

    def last_errors(self) -> str:
        return self._told

    def leave(self) -> None:
        self.is_left = True


@pytest.fixture
def settings(scene: HookScene) -> HookSettings:
    return HookSettings(scene.config, scene.state)


@pytest.fixture
def client(scene: HookScene) -> Client:
    return Client(load_deployment(scene.config), scene.state)


async def test_an_agent_that_runs_is_taken(settings: HookSettings, client: Client) -> None:
    start, agent = Starting(), Absent(client, 0)
    async with reach_agent(settings, QUICK, connect=to(agent), start=start) as found:
        assert found is agent
    assert start.times == 0


async def test_one_is_started_and_waited_for(settings: HookSettings, client: Client) -> None:
    start, agent = Starting(), Absent(client, 4)
    async with reach_agent(settings, QUICK, connect=to(agent), start=start):
        pass
    assert (start.times, agent.asked) == (1, 5)


async def test_one_that_does_not_come_is_given_up(settings: HookSettings, client: Client) -> None:
    agent = Absent(client, 10_000)
    with pytest.raises(AgentError, match="cannot be used: nobody listens"):
        async with reach_agent(settings, QUICK, connect=to(agent), start=Starting()):
            pass


async def test_one_that_ends_is_given_up_at_once(settings: HookSettings, client: Client) -> None:
    agent, start = Absent(client, 10_000), Starting(is_over=True, told="error (config): x")
    with pytest.raises(AgentError, match=r"has ended: error \(config\): x"):
        async with reach_agent(settings, QUICK, connect=to(agent), start=start):
            pass
    assert agent.asked == 2
    assert start.is_left


async def test_one_that_hangs_is_given_up(settings: HookSettings, client: Client) -> None:
    with pytest.raises(AgentError, match=r"does not answer within 0\.05 s"):
        async with reach_agent(settings, QUICK, connect=to(Hanging(client)), start=Starting()):
            pass


@pytest.mark.posix_only(reason="the file's mode says who may write")
async def test_a_deployment_file_that_others_can_change_starts_nothing(
    settings: HookSettings, client: Client
) -> None:
    """Fault: another user decides from where the hook, which runs as the system, has its content.
    dlcore refuses a deployment file that others can change.
    """
    settings.config.chmod(0o666)
    start = Starting()
    with pytest.raises(OwnershipError, match="is writable by others"):
        async with reach_agent(settings, QUICK, connect=to(Absent(client, 9)), start=start):
            pass
    assert start.times == 0


async def test_nothing_is_started_without_a_deployment_file(
    settings: HookSettings, client: Client
) -> None:
    settings.config.unlink()
    start = Starting()
    with pytest.raises(ConfigError, match="there is no deployment file"):
        async with reach_agent(settings, QUICK, connect=to(Absent(client, 9)), start=start):
            pass
    assert start.times == 0


def test_the_command_of_the_agent_names_files_only(settings: HookSettings) -> None:
    assert agent_command(settings)[1:] == [
        *("-m", "dlcore", "agent", "run"),
        *("--config", str(settings.config), "--state", str(settings.state)),
    ]
