"""The agent's socket: one rule for its place, its own user alone, dead sockets taken over."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import stat
import subprocess
import sys
import traceback
from pathlib import Path

import aiohttp
import pytest

from dlcore.agent.addresses import SOCKET_NAME, AgentAddress, address_of
from dlcore.errors import AgentError, DiskFullError, OwnershipError
from tests.agent.local_application import Application, ask, served
from tests.users import ADVERSARY, ORDINARY, folder_of, give, needs_root, run_as

pytestmark = pytest.mark.posix_only(reason="the agent listens at a pipe there")

if sys.platform != "win32":
    from dlcore.agent.unix_socket import (
        MAX_PATH_BYTES,
        UnixSocketConnector,
        UnixSocketServer,
        peer_user,
    )


def inode_of(address: AgentAddress) -> int:
    return Path(address.listens_at).lstat().st_ino


def is_listening_socket(address: AgentAddress) -> bool:
    """Whether a socket of this user's own is there."""
    status = Path(address.listens_at).lstat()
    return stat.S_ISSOCK(status.st_mode) and stat.S_IMODE(status.st_mode) == 0o600


@pytest.fixture
def address(tmp_path: Path) -> AgentAddress:
    return address_of(tmp_path / "state")


async def test_a_client_reaches_the_agent_of_its_state_directory(address: AgentAddress) -> None:
    async with served(address) as application:
        assert await ask(address) == "200 /status 100000"
        assert application.asked == 1
        assert is_listening_socket(address)
        assert stat.S_IMODE(address.state.stat().st_mode) == 0o700
    assert not (address.state / SOCKET_NAME).exists()
    with pytest.raises(aiohttp.ClientConnectorError):
        await ask(address)


async def test_twenty_clients_at_once(address: AgentAddress) -> None:
    async with served(address) as application:
        answers = await asyncio.gather(*(ask(address, f"/{n}") for n in range(20)))
        assert answers == [f"200 /{n} 100000" for n in range(20)]
        assert application.asked == 20


async def test_the_mode_does_not_depend_on_the_umask(address: AgentAddress) -> None:
    before = os.umask(0o777)
    try:
        async with served(address):
            assert is_listening_socket(address)
            assert await ask(address) == "200 /status 100000"
    finally:
        os.umask(before)


@pytest.mark.parametrize("spare_bytes", [0, -1, -150])
async def test_a_state_directory_may_have_any_length(tmp_path: Path, spare_bytes: int) -> None:
    """The longest path that a socket may have, a byte more, and far more."""
    state = tmp_path
    needed = MAX_PATH_BYTES - len(f"/{SOCKET_NAME}") - spare_bytes
    while (missing := needed - len(os.fsencode(state)) - 1) > 0:
        state = state / ("d" * (missing if missing <= 100 else 50))
    address = address_of(state)
    assert len(os.fsencode(address.listens_at)) == MAX_PATH_BYTES - spare_bytes
    async with served(address):
        assert is_listening_socket(address)
        assert await ask(address) == "200 /status 100000"


# Who listens there already


def kill_a_listener(path: Path) -> None:
    """Leave the socket of a process that was killed."""
    script = (
        "import os, socket, sys; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]);"
        "s.listen(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert path.is_socket()


@pytest.mark.parametrize("name", [SOCKET_NAME, f"{SOCKET_NAME}.new"])
async def test_what_a_killed_agent_left_is_taken_over(address: AgentAddress, name: str) -> None:
    """Fault: an agent is killed, and its socket stays. The next one listens in its place."""
    address.state.mkdir(mode=0o700)
    kill_a_listener(address.state / name)
    async with served(address):
        assert await ask(address) == "200 /status 100000"
    assert sorted(each.name for each in address.state.iterdir()) == [f"{SOCKET_NAME}.lock"]


async def test_a_second_agent_is_refused_and_the_first_goes_on(address: AgentAddress) -> None:
    async with served(address):
        with pytest.raises(AgentError, match=r"listens at .* already"):
            async with served(address):
                pass
        assert await ask(address) == "200 /status 100000"
    async with served(address):  # and the refused one has not kept the lock
        assert await ask(address) == "200 /status 100000"


@pytest.mark.parametrize("waiting", [0, 3])
async def test_a_socket_at_which_another_program_listens_stays(
    address: AgentAddress, waiting: int
) -> None:
    """Systemd, say: it holds no lock of dlcore. Also if it has no room for another client."""
    address.state.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(address.listens_at)
        other.listen(0)
        inode = inode_of(address)
        clients = [socket.socket(socket.AF_UNIX) for _ in range(waiting)]
        for each in clients:
            each.setblocking(False)
            try:
                each.connect(address.listens_at)
            except BlockingIOError:
                break
        with pytest.raises(AgentError, match="already"):
            async with served(address):
                pass
        assert inode_of(address) == inode
        for each in clients:
            each.close()


@pytest.mark.parametrize("name", [SOCKET_NAME, f"{SOCKET_NAME}.new"])
async def test_what_is_no_socket_is_not_touched(address: AgentAddress, name: str) -> None:
    address.state.mkdir(mode=0o700)
    elsewhere = address.state / "elsewhere"
    elsewhere.write_text("kept")
    (address.state / name).symlink_to(elsewhere)
    with pytest.raises(AgentError, match="something else is there"):
        async with served(address):
            pass
    assert (address.state / name).is_symlink()
    assert elsewhere.read_text() == "kept"


async def test_an_agent_removes_no_socket_but_its_own(address: AgentAddress) -> None:
    """Somebody deleted it together with the lock, and another agent listens there now."""
    first = UnixSocketServer(address)
    runner = await Application().runner()
    await first.start(runner)
    (address.state / SOCKET_NAME).unlink()
    (address.state / f"{SOCKET_NAME}.lock").unlink()
    async with served(address):
        await first.close()
        assert await ask(address) == "200 /status 100000"
    await runner.cleanup()


# Others


async def test_a_stranger_is_refused_and_the_application_never_asked(
    address: AgentAddress,
) -> None:
    server = UnixSocketServer(address, is_trusted=lambda user: user != os.geteuid())
    async with served(address, server) as application:
        assert await ask(address) == "403 "
        assert application.asked == 0


async def test_a_strange_server_gets_to_see_nothing(address: AgentAddress) -> None:
    received: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.set_result(await reader.read())
        writer.close()

    address.state.mkdir(mode=0o700)
    async with await asyncio.start_unix_server(listen, address.listens_at):
        through = UnixSocketConnector(address, is_trusted=lambda user: user != os.geteuid())
        with pytest.raises(AgentError, match="may not run this user's agent"):
            await ask(address, through=through)
        assert await received == b""


async def test_a_client_waits_until_a_full_backlog_has_room(address: AgentAddress) -> None:
    address.state.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address.listens_at)
        listening.listen(0)
        before = socket.socket(socket.AF_UNIX)
        before.connect(address.listens_at)
        before.close()  # its place in the backlog stays taken
        asking = asyncio.create_task(ask(address))
        await asyncio.sleep(0.05)
        assert not asking.done()
        async with served(address, UnixSocketServer(address, listening.dup())):
            assert await asking == "200 /status 100000"


async def test_a_client_does_not_wait_for_ever(address: AgentAddress) -> None:
    address.state.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as before:
        listening.bind(address.listens_at)
        listening.listen(0)
        before.connect(address.listens_at)
        timeout = aiohttp.ClientTimeout(sock_connect=0.05)
        async with aiohttp.ClientSession(connector=UnixSocketConnector(address)) as session:
            with pytest.raises(TimeoutError):
                await session.get("http://agent/", timeout=timeout)


@needs_root
def test_another_user_is_refused_and_root_is_not() -> None:
    """Even with every right on the file and its folder, as a mistaken administrator gives them."""
    with folder_of(ORDINARY) as home:
        state = home / "state"
        ready_reader, ready = os.pipe()
        done, done_writer = os.pipe()

        def agent() -> None:
            async def serve() -> None:
                address = address_of(state)
                async with served(address) as application:
                    home.chmod(0o755)
                    state.chmod(0o755)
                    (state / SOCKET_NAME).chmod(0o666)
                    os.write(ready, b"1")
                    is_done = asyncio.Event()
                    asyncio.get_running_loop().add_reader(done, is_done.set)
                    await is_done.wait()
                    asyncio.get_running_loop().remove_reader(done)
                    assert application.asked == 1  # root's

            asyncio.run(serve())

        def stranger() -> None:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(10)
                client.connect(str(state / SOCKET_NAME))
                client.sendall(b"GET /status HTTP/1.1\r\nHost: agent\r\n\r\n")
                answer = b""
                while received := client.recv(4096):
                    answer += received
            assert answer.startswith(b"HTTP/1.1 403 ")
            assert answer.endswith(b"\r\n\r\n")

        def root() -> None:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(10)
                client.connect(str(state / SOCKET_NAME))
                client.sendall(b"GET /status HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                assert client.recv(4096).startswith(b"HTTP/1.1 200 ")
                assert peer_user(client) == ORDINARY

        child = os.fork()
        if not child:
            try:
                run_as(ORDINARY, agent)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        try:
            os.close(ready)
            assert os.read(ready_reader, 1) == b"1"
            run_as(ADVERSARY, stranger)
            run_as(None, root)
        finally:
            os.write(done_writer, b"1")
            _, status = os.waitpid(child, 0)
            for each in (ready_reader, done, done_writer):
                os.close(each)
        assert status == 0


@needs_root
def test_a_client_sends_nothing_to_the_agent_of_another_user() -> None:
    """Fault: another user listens in a state directory that is open to him. Nothing is sent."""
    with folder_of(None, mode=0o755) as home:
        state = home / "state"
        state.mkdir(mode=0o700)
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(state / SOCKET_NAME))
        state.chmod(0o755)

        def listen() -> None:
            listening.listen()  # so that the kernel notes that user

        run_as(ADVERSARY, listen)
        state.chmod(0o700)
        with pytest.raises(AgentError, match=f"user {ADVERSARY}, who may not"):
            asyncio.run(ask(address_of(state)))
        accepted, _ = listening.accept()
        assert accepted.recv(10) == b""
        listening.close()
        accepted.close()


@needs_root
@pytest.mark.parametrize("is_link", [False, True])
def test_a_folder_of_another_user_is_refused_by_both_ends(is_link: bool) -> None:
    with folder_of(ADVERSARY, mode=0o755) as home:
        state = home / "state"
        if is_link:
            (home / "place").mkdir()
            state.symlink_to(give(home / "place", ADVERSARY))
        else:
            state.mkdir()
        give(state, ADVERSARY)
        address = address_of(state)
        with pytest.raises(OwnershipError):
            asyncio.run(_serve_once(address))
        with pytest.raises(OwnershipError):
            asyncio.run(ask(address))
        assert not list((home / "place").iterdir() if is_link else state.iterdir())


async def _serve_once(address: AgentAddress) -> None:
    async with served(address):
        pass


async def test_a_full_disk_as_the_agent_begins_to_listen(
    address: AgentAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault: the disk has no room for the agent's socket. dlcore says so, and leaves nothing."""

    def bind(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("dlcore.agent.unix_socket._short", bind)
    with pytest.raises(DiskFullError, match="cannot make the agent's socket"):
        async with served(address):
            raise AssertionError
    assert not (address.state / SOCKET_NAME).exists()
