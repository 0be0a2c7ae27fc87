"""What systemd hears, and the socket that it hands over."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlcore.agent.addresses import AgentAddress, address_of
from dlcore.agent.system.service_manager import NoServiceManager, keep_alive, service_manager
from dlcore.errors import AgentError
from tests.agent.local_application import ask, served

pytestmark = pytest.mark.posix_only(reason="Windows has no systemd")

if sys.platform != "win32":
    from dlcore.agent.system.systemd import Systemd, handed_over
    from dlcore.agent.unix_socket import UnixSocketServer


@pytest.fixture
def address(tmp_path: Path) -> AgentAddress:
    address = address_of(tmp_path / "state")
    address.state.mkdir(mode=0o700)
    return address


@pytest.fixture(params=["file", "abstract"])
def notified(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """What NOTIFY_SOCKET says, and the socket there."""
    name = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.settimeout(10)
        if request.param == "file":
            listening.bind(name)
            yield name, listening
        else:
            listening.bind(f"\0{name}")
            yield f"@{name}", listening


async def test_systemd_hears_how_the_agent_is(notified: tuple[str, socket.socket]) -> None:
    name, listening = notified
    environment = {
        "NOTIFY_SOCKET": name,
        "WATCHDOG_USEC": "3000000",
        "WATCHDOG_PID": str(os.getpid()),
    }
    manager = service_manager(environment)
    assert manager.sign_every_s == 1.5
    manager.ready()
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await keep_alive(manager, sleep)
    manager.stopping()
    told = [listening.recv(100) for _ in range(5)]
    assert told == [b"READY=1", *[b"WATCHDOG=1"] * 3, b"STOPPING=1"]
    assert slept == [1.5] * 3


@pytest.mark.parametrize(
    ("environment", "sign_every_s"),
    [
        ({"WATCHDOG_USEC": "4000000"}, 2.0),
        ({"WATCHDOG_USEC": "4000000", "WATCHDOG_PID": "8"}, None),  # another process's
        ({"WATCHDOG_USEC": "much"}, None),
        ({}, None),
    ],
)
async def test_who_wants_no_sign_of_life_gets_none(
    environment: dict[str, str], sign_every_s: float | None
) -> None:
    manager = Systemd.of({"NOTIFY_SOCKET": "/nowhere", **environment}, process=7)
    assert manager
    assert manager.sign_every_s == sign_every_s
    if sign_every_s is None:
        await keep_alive(manager)  # returns


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2"}])
async def test_without_systemd_nobody_hears_anything(environment: dict[str, str]) -> None:
    manager = service_manager(environment)
    assert isinstance(manager, NoServiceManager)
    manager.ready()
    manager.alive()
    manager.stopping()
    await keep_alive(manager)


def test_a_systemd_that_does_not_hear_does_no_harm(caplog: pytest.LogCaptureFixture) -> None:
    Systemd("/nowhere").ready()
    assert "could not be told READY=1" in caplog.text


# The socket


def environment_of(process: int, count: str = "1") -> dict[str, str]:
    return {"LISTEN_PID": str(process), "LISTEN_FDS": count}


async def test_the_agent_answers_at_the_socket_that_is_handed_over(address: AgentAddress) -> None:
    with socket.socket(socket.AF_UNIX) as systemd:
        systemd.bind(address.listens_at)
        systemd.listen()
        first = os.dup(systemd.fileno())
        os.set_inheritable(first, True)
        handed = handed_over(address, environment_of(7), first=first, process=7)
        assert handed
        assert not os.get_inheritable(first)
        asking = asyncio.create_task(ask(address))  # before the agent listens
        await asyncio.sleep(0)
        async with served(address, UnixSocketServer(address, handed)):
            assert await asking == "200 /status 100000"
        assert address.state.joinpath("agent.sock").is_socket(), "it is systemd's"


def test_a_socket_for_another_process_is_left_alone(address: AgentAddress) -> None:
    assert handed_over(address, environment_of(8), process=7) is None
    assert handed_over(address, {"LISTEN_FDS": "1"}, process=7) is None
    assert handed_over(address, {}) is None


@pytest.mark.parametrize("count", ["0", "2", "", "x"])
def test_another_number_of_sockets_is_refused(address: AgentAddress, count: str) -> None:
    with pytest.raises(AgentError, match="and not one"):
        handed_over(address, environment_of(7, count), process=7)


@pytest.mark.parametrize("kind", ["elsewhere", "unbound", "datagram", "internet"])
def test_a_socket_that_clients_do_not_look_for_is_refused(
    address: AgentAddress, tmp_path: Path, kind: str
) -> None:
    """Fault: the units name another state directory than the one that the agent has. It is
    refused by name.
    """
    family = socket.AF_INET if kind == "internet" else socket.AF_UNIX
    sort = socket.SOCK_DGRAM if kind == "datagram" else socket.SOCK_STREAM
    with socket.socket(family, sort) as other:
        if kind == "elsewhere":
            other.bind(str(tmp_path / "agent.sock"))
        elif kind == "datagram":
            other.bind(address.listens_at)
        first = os.dup(other.fileno())
        with pytest.raises(AgentError, match="systemd hands over") as refused:
            handed_over(address, environment_of(7), first=first, process=7)
        assert address.listens_at in refused.value.message
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(first)


async def test_a_link_on_the_way_leads_to_the_same_socket(
    address: AgentAddress, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(address.state)
    with socket.socket(socket.AF_UNIX) as systemd:
        systemd.bind(address.listens_at)
        first = os.dup(systemd.fileno())
        by_link = AgentAddress(tmp_path / "link", str(tmp_path / "link" / "agent.sock"))
        handed = handed_over(by_link, environment_of(7), first=first, process=7)
        assert handed
        handed.close()


ACTIVATED = """
import asyncio, os, sys
from pathlib import Path
from aiohttp import web
from dlcore.agent.addresses import address_of
from dlcore.agent.local import local_server

async def main():
    async def answer(request):
        asyncio.get_running_loop().call_soon(over.set)
        return web.Response(text=f"served by {os.getpid()}")
    over = asyncio.Event()
    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    server = local_server(address_of(Path(sys.argv[1])))
    await server.start(runner)
    await over.wait()
    await server.close()
    await runner.cleanup()

asyncio.run(main())
"""


@pytest.mark.skipif(
    not shutil.which("systemd-socket-activate") or not shutil.which("curl"),
    reason="systemd-socket-activate or curl is not installed",
)
def test_a_client_starts_the_agent_by_systemds_own_program(address: AgentAddress) -> None:
    command = ["systemd-socket-activate", "-E", "PATH", "--listen", address.listens_at]
    with subprocess.Popen(
        [*command, sys.executable, "-c", ACTIVATED, str(address.state)],
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parents[2],
    ) as systemd:
        retrying = ["--retry", "50", "--retry-delay", "0", "--retry-all-errors", "--max-time", "60"]
        where = ["--unix-socket", address.listens_at, "http://agent/"]
        asked = subprocess.run(
            ["curl", "-s", *retrying, *where], capture_output=True, text=True, check=True
        )
        assert asked.stdout == f"served by {systemd.pid}"
        assert systemd.wait(30) == 0
