"""The agent's Unix socket: in a folder that is the user's own, with both peers' users asked for."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import struct
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import aiohttp
from aiohttp import web

from dlcore.disk.private_folder import PrivateFolder
from dlcore.errors import AgentError, OwnershipError
from dlcore.long_path import rooted

MAX_PATH_BYTES: Final = 100  # of a socket; Linux allows 107 bytes, macOS 103
_PEER: Final = struct.Struct("3i")  # pid, uid, gid
_NAME: Final = "socket"


def address_of(state: Path) -> str:
    """In the state directory; if that path is too long for a socket, in a folder of its own."""
    path = rooted(state) / "agent" / _NAME
    if len(os.fsencode(path)) <= MAX_PATH_BYTES:
        return str(path)
    digest = hashlib.sha256(os.fsencode(rooted(state))).hexdigest()[:16]
    user = os.getuid() if sys.platform != "win32" else 0
    return str(Path(tempfile.gettempdir()) / f"dlcore-{user}-{digest}" / _NAME)


class UnixServer:
    """Listens at a Unix socket.

    Args:
        address: Its path. Whoever calls `start` owns the state directory, so a socket that is
            there already is what a killed agent left.
    """

    def __init__(self, address: str) -> None:
        self._path = Path(address)
        self._site: web.BaseSite | None = None

    async def start(self, runner: web.AppRunner) -> None:
        """Serve an application.

        Raises:
            AgentError: Nobody can listen there.
        """
        if sys.platform == "win32":
            raise AgentError("Windows has no Unix sockets for Python")
        try:
            _prepare(self._path)
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            mask = os.umask(0o177)
            try:
                listener.bind(str(self._path))
            finally:
                os.umask(mask)
            self._site = web.SockSite(runner, listener)
            await self._site.start()
        except (OSError, OwnershipError) as error:
            reason = error.message if isinstance(error, OwnershipError) else error.strerror
            raise AgentError(
                f"the agent cannot listen at {self._path}: {reason}",
                remedy="Choose another state directory, or remove what is in the way.",
            ) from error

    async def close(self) -> None:
        """Listen no longer, and remove the socket. Idempotent."""
        site, self._site = self._site, None
        if site:
            await site.stop()
            with contextlib.suppress(OSError):
                self._path.unlink()

    def admits(self, request: web.Request) -> bool:
        """Whether the peer is the same user or root."""
        transport = request.transport
        return transport is not None and _is_trusted(transport.get_extra_info("socket"))


def connector(address: str) -> aiohttp.BaseConnector:
    """Connects to a server of the same user or root."""
    if sys.platform == "win32":
        raise AgentError("Windows has no Unix sockets for Python")
    return _CheckingConnector(path=address)


class _CheckingConnector(aiohttp.UnixConnector):
    async def _create_connection(self, *args: Any, **kwargs: Any) -> Any:
        protocol = await super()._create_connection(*args, **kwargs)
        transport = protocol.transport
        if transport and not _is_trusted(transport.get_extra_info("socket")):
            transport.abort()
            raise AgentError(
                f"what listens at {self.path} belongs to another user",
                remedy="Remove it, and start the agent again.",
            )
        return protocol


def _prepare(path: Path) -> None:
    """Make the private folder of the socket, and remove a socket that was left there."""
    folder = path.parent
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    private = PrivateFolder(folder)
    with contextlib.suppress(FileNotFoundError), private.place(path) as (name, parent):
        os.unlink(name, dir_fd=parent)


def _is_trusted(peer: socket.socket) -> bool:
    """Whether the user at the other end is this one, or root.

    Source: man 7 unix, SO_PEERCRED.
    """
    if sys.platform == "win32":
        return False
    if hasattr(socket, "SO_PEERCRED"):
        _, user, _ = _PEER.unpack(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        return user in (0, os.geteuid())
    return True  # the folder lets nobody else in
