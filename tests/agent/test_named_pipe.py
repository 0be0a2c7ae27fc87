"""The agent's pipe on Windows: its name, its access list, and who may make it."""

from __future__ import annotations

import asyncio
import ctypes
import sys
from pathlib import Path

import aiohttp
import pytest

from dlcore.agent.addresses import AgentAddress, address_of, pipe_name
from dlcore.errors import AgentError
from tests.agent.local_application import ask, served

if sys.platform == "win32":
    from dlcore.agent import windows_pipes
    from dlcore.agent.named_pipe import WAITING, NamedPipeConnector
    from dlcore.disk.windows_security import current_user
else:
    pytest.skip("only Windows has such pipes", allow_module_level=True)
assert sys.platform == "win32"  # for type checkers

STRANGER = "S-1-5-21-1-2-3-1004"


@pytest.fixture
def address(tmp_path: Path) -> AgentAddress:
    return address_of(tmp_path / "state")


async def test_a_client_reaches_the_agent_of_its_state_directory(address: AgentAddress) -> None:
    async with served(address) as application:
        assert await ask(address) == "200 /status 100000"
        assert application.asked == 1
    with pytest.raises(aiohttp.ClientConnectorError):
        await ask(address)
    async with served(address):  # nothing is left of the first
        assert await ask(address) == "200 /status 100000"


async def test_twenty_clients_at_once(address: AgentAddress) -> None:
    """Most of them find no free end at first."""
    assert WAITING < 20
    async with served(address):
        answers = await asyncio.gather(*(ask(address, f"/{n}") for n in range(20)))
        assert answers == [f"200 /{n} 100000" for n in range(20)]


async def test_clients_that_go_again_do_no_harm(address: AgentAddress) -> None:
    """Each takes an end of the pipe away, before anybody has accepted it."""
    async with served(address):
        for _ in range(3 * WAITING):
            try:
                close(windows_pipes.open_client(address.listens_at))
            except OSError as error:
                assert error.winerror == windows_pipes.PIPE_BUSY  # noqa: PT017
            await asyncio.sleep(0)
        assert await ask(address) == "200 /status 100000"


def close(handle: int) -> None:
    ctypes.windll.kernel32.CloseHandle(ctypes.c_void_p(handle))


async def test_the_pipe_admits_its_user_the_system_and_the_administrators(
    address: AgentAddress,
) -> None:
    async with served(address):
        handle = windows_pipes.open_client(address.listens_at)
        security = windows_pipes.security_of(handle)
        close(handle)
    assert security.owner == current_user()
    assert {each.sid for each in security.entries} == {current_user(), "S-1-5-18", "S-1-5-32-544"}
    assert not security.readers(current_user())


async def test_a_client_sends_nothing_to_the_pipe_of_another_user(address: AgentAddress) -> None:
    """Fault: another user made the pipe before the agent began. Nothing is sent."""
    async with served(address) as application:
        through = NamedPipeConnector(address, user=STRANGER)
        with pytest.raises(AgentError, match="may not run this user's agent"):
            await ask(address, through=through)
        assert await ask(address) == "200 /status 100000"
        assert application.asked == 1


@pytest.mark.wine_cannot(reason="Wine 8 lets several servers be the first of a pipe")
async def test_a_second_agent_is_refused_and_the_first_goes_on(address: AgentAddress) -> None:
    """Also: nobody can take the name before the agent without being noticed."""
    async with served(address):
        with pytest.raises(AgentError, match=r"listens at .* already"):
            async with served(address):
                pass
        assert await ask(address) == "200 /status 100000"


async def test_a_client_does_not_wait_for_ever(address: AgentAddress) -> None:
    taken = windows_pipes.make_instance(address.listens_at, is_first=True)
    client = windows_pipes.open_client(address.listens_at)
    timeout = aiohttp.ClientTimeout(sock_connect=0.05)
    async with aiohttp.ClientSession(connector=NamedPipeConnector(address)) as session:
        with pytest.raises(TimeoutError):
            await session.get("http://agent/", timeout=timeout)
    close(client)
    close(taken)


def test_all_spellings_of_a_state_directory_have_one_pipe(tmp_path: Path) -> None:
    state = tmp_path / "State"
    state.mkdir()
    spellings = [state, tmp_path / "STATE", tmp_path / "x" / ".." / "state", Path(f"{state}\\")]
    assert len({address_of(each).listens_at for each in spellings}) == 1
    assert pipe_name(state) != pipe_name(tmp_path)
    assert str(tmp_path).lower() not in pipe_name(state).lower()
