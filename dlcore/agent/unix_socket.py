"""A Unix socket in the state directory, and who is at its other end.

The folder is private, so that nobody else gets as far as the socket. Nothing depends on it: both
ends ask the kernel for the user of the other one before they read or write.

A socket file outlives its process. A server takes over what a dead one left, under a lock, and
never what somebody listens at. Its own file gets the name when it listens already: a client finds
a server there or none.

Source: man 7 unix (``SO_PEERCRED``, ``sun_path``); man 3 getpeereid.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import stat
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import aiohttp
from aiohttp import web
from aiohttp.client_exceptions import UnixClientConnectorError

from dlcore.agent.addresses import SOCKET_NAME, AgentAddress
from dlcore.disk.faults import guarded
from dlcore.disk.lock import FileLock
from dlcore.disk.private_folder import PrivateFolder
from dlcore.errors import AgentError, LockedError

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.tracing import Trace

assert sys.platform != "win32"

MAX_PATH_BYTES: Final = 103 if sys.platform == "darwin" else 107  # of sun_path, without its NUL
BACKLOG: Final = 128  # as aiohttp; the kernel's own limit was 128 before Linux 5.4
REFUSAL_S: Final = 1.0  # for a stranger to read the refusal
BUSY_S: Final = 0.01  # between two tries to get into a full backlog
_SOCKET_MODE = 0o600
_ADMINISTRATOR = 0
_REFUSAL = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_NEW, _LOCK = f"{SOCKET_NAME}.new", f"{SOCKET_NAME}.lock"
_CREDENTIALS = struct.Struct("iII")  # struct ucred: process, user, group
_HANDLES = Path("/proc/self/fd")


class UnixSocketServer:
    """Listens at the socket of a state directory. Implements `LocalServer`.

    Args:
        address: Where it listens.
        handed_over: The socket there, if another process listens at it for this one.
        is_trusted: Whether a user, by its id, is answered.
    """

    def __init__(
        self,
        address: AgentAddress,
        handed_over: socket.socket | None = None,
        *,
        is_trusted: Callable[[int], bool] | None = None,
    ) -> None:
        self._socket_file = _SocketFile(address)
        self._handed_over = handed_over
        self._is_trusted = is_trusted or _is_trusted
        self._server: asyncio.Server | None = None

    async def start(self, runner: web.AppRunner) -> None:
        """Listen from now on; raises as `LocalServer.start`."""
        factory = runner.server
        assert factory is not None, "the runner was not set up"
        listening = self._handed_over or self._socket_file.listen()
        self._server = await asyncio.get_running_loop().create_server(
            lambda: _Gate(factory, self._is_trusted), sock=listening, backlog=BACKLOG
        )

    async def close(self) -> None:
        """Take no more connections, and remove the socket file unless it was handed over."""
        server, self._server = self._server, None
        if server:
            server.close()
        self._socket_file.remove()


class _Gate(asyncio.Protocol):
    """Lets a connection through to the application, or tells a stranger that it is refused.

    The application does not hear of a stranger, and nothing that a stranger sends is read.
    """

    def __init__(
        self, factory: Callable[[], asyncio.BaseProtocol], is_trusted: Callable[[int], bool]
    ) -> None:
        self._factory = factory
        self._is_trusted = is_trusted

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        try:
            user = peer_user(transport.get_extra_info("socket"))
        except OSError:  # the stranger has gone again
            transport.abort()
            return
        if self._is_trusted(user):
            protocol = self._factory()
            transport.set_protocol(protocol)
            protocol.connection_made(transport)
            return
        transport.write(_REFUSAL)
        # If it were closed at once, with unread bytes, the kernel would drop the answer.
        asyncio.get_running_loop().call_later(REFUSAL_S, transport.abort)


class _SocketFile:
    """The socket of this process in the file system."""

    def __init__(self, address: AgentAddress) -> None:
        self._address = address
        self._folder = PrivateFolder(address.state)
        self._lock: FileLock | None = None
        self._inode: int | None = None

    def listen(self) -> socket.socket:
        """A socket that listens at the address; raises as `LocalServer.start`."""
        state = self._address.state
        try:
            self._lock = FileLock(state / _LOCK, 0.0, self._folder)
        except LockedError:
            raise _taken(self._address) from None
        try:
            self._check_nobody_listens()
            with guarded("make the agent's socket", state):
                return self._listen_again()
        except BaseException:
            self.remove()
            raise

    def remove(self) -> None:
        """Remove the file, if it is still the one of this process. Idempotent."""
        inode, self._inode = self._inode, None
        lock, self._lock = self._lock, None
        if inode is not None:
            with self._folder.place(self._address.state / SOCKET_NAME) as (name, folder):
                try:
                    if os.stat(name, dir_fd=folder, follow_symlinks=False).st_ino == inode:
                        os.unlink(name, dir_fd=folder)
                except FileNotFoundError:
                    pass  # with the whole state directory, perhaps
        if lock:
            lock.release()
        self._folder.forget()

    def _check_nobody_listens(self) -> None:
        for name in (SOCKET_NAME, _NEW):
            if self._is_there(name) and _is_alive(self._folder, self._address.state / name):
                raise _taken(self._address)

    def _is_there(self, name: str) -> bool:
        path = self._address.state / name
        with self._folder.place(path) as (here, folder):
            try:
                status = os.stat(here, dir_fd=folder, follow_symlinks=False)
            except FileNotFoundError:
                return False
        if not stat.S_ISSOCK(status.st_mode):
            raise AgentError(
                f"the agent cannot listen at {path}: something else is there",
                remedy="Move it away, and start the agent again.",
            )
        return True

    def _listen_again(self) -> socket.socket:
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listening.setblocking(False)
            new = self._address.state / _NEW
            with self._folder.place(new) as (name, folder):
                if self._is_there(_NEW):  # left by a process that was killed
                    os.unlink(name, dir_fd=folder)
                listening.bind(_short(self._folder, new))
                os.chmod(name, _SOCKET_MODE, dir_fd=folder)  # the umask may forbid this user too
                listening.listen(BACKLOG)
                self._inode = os.stat(name, dir_fd=folder).st_ino
                os.replace(name, SOCKET_NAME, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            listening.close()
            raise
        return listening


class UnixSocketConnector(aiohttp.UnixConnector):
    """Connects to the agent of a state directory, if it is this user's or the administrator's.

    Args:
        address: Where it listens.
        is_trusted: Whether a user, by its id, may run the agent.
    """

    def __init__(
        self, address: AgentAddress, *, is_trusted: Callable[[int], bool] | None = None
    ) -> None:
        super().__init__(path=address.listens_at)
        self._address = address
        self._is_trusted = is_trusted or _is_trusted

    async def _create_connection(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  # aiohttp's own
    ) -> ResponseHandler:
        """What aiohttp calls for a new connection; raises as `connector`."""
        try:
            async with asyncio.timeout(timeout.sock_connect):
                connected = await self._connected()
        except TimeoutError:
            raise
        except OSError as error:
            raise UnixClientConnectorError(self.path, req.connection_key, error) from error
        protocol = self._factory()
        await self._loop.create_unix_connection(lambda: protocol, sock=connected)
        return protocol

    async def _connected(self) -> socket.socket:
        folder = PrivateFolder(self._address.state)
        connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connected.setblocking(False)
            place = _short(folder, self._address.state / SOCKET_NAME)
            while not _is_connected(connected, place):  # noqa: ASYNC110  # the kernel tells nobody
                await asyncio.sleep(BUSY_S)
            user = peer_user(connected)
            if not self._is_trusted(user):
                raise AgentError(
                    f"user {user}, who may not run this user's agent, listens at {self.path}",
                    remedy="Nothing was sent. Choose a state directory of this user's own.",
                )
        except BaseException:
            connected.close()
            raise
        return connected


def peer_user(connected: socket.socket) -> int:
    """The id of the user at the other end, as the kernel noted it when they were connected.

    A server's user is the one who began to listen; if systemd handed the socket over, systemd's.
    """
    if sys.platform == "linux":
        told = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        user: int = _CREDENTIALS.unpack(told)[1]
        return user
    import ctypes  # macOS and the BSDs: a function of their C library

    found, group = ctypes.c_uint32(), ctypes.c_uint32()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.getpeereid(connected.fileno(), ctypes.byref(found), ctypes.byref(group)):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return found.value


def is_listened_at(address: AgentAddress) -> bool:
    """Whether somebody listens at an address: the agent, or systemd for it.

    Raises:
        OwnershipError: Another user could alter the state directory.
        OSError: The system refused.
    """
    folder = PrivateFolder(address.state)
    try:
        return _is_alive(folder, address.state / SOCKET_NAME)
    finally:
        folder.forget()


def _is_trusted(user: int) -> bool:
    return user in {os.geteuid(), _ADMINISTRATOR}


def _is_alive(folder: PrivateFolder, path: Path) -> bool:
    """Whether somebody listens at a socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            _is_connected(probe, _short(folder, path))  # if not at once: there are others before
        except (ConnectionRefusedError, FileNotFoundError):
            return False
    return True


def _is_connected(connecting: socket.socket, place: str) -> bool:
    """Try to connect; False if too many others wait there, and one has to try again."""
    try:
        connecting.connect(place)
    except BlockingIOError:  # asyncio would take it for a connection that is on its way
        return False
    return True


def _short(folder: PrivateFolder, path: Path) -> str:
    """A path of a socket that the kernel takes: it has a limit, and a state directory has none.

    Raises:
        OwnershipError: Another user could alter the folder.
        OSError: It is too long, or its folder is not there.
    """
    with folder.place(path) as (name, handle):
        if len(os.fsencode(path)) <= MAX_PATH_BYTES:
            return str(path)
        if handle is None or not _HANDLES.is_dir():
            why = f"longer than the {MAX_PATH_BYTES} bytes that a socket's path may have"
            raise OSError(errno.ENAMETOOLONG, why, str(path))
        return str(_HANDLES / str(handle) / name)  # valid as long as the folder is open


def _taken(address: AgentAddress) -> AgentError:
    return AgentError(
        f"another process listens at {address.listens_at} already",
        remedy="'dlcore agent status' shows which agent it is, 'dlcore agent stop' ends it.",
    )
