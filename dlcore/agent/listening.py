"""Where the agent of a state directory is reached: the seam to sockets and pipes.

A server and a client on one machine find each other by the state directory alone. Which kind of
socket lies between them is the secret of the module that `server_at` and `connector_to` choose.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import aiohttp
from aiohttp import web

from dlcore.agent import unix_socket


class LocalServer(Protocol):
    """Listens at an address of this machine."""

    async def start(self, runner: web.AppRunner) -> None:
        """Serve an application that was set up.

        Raises:
            AgentError: Nobody can listen there, or somebody else does.
        """
        ...

    async def close(self) -> None:
        """Listen no longer. Idempotent."""
        ...

    def admits(self, request: web.Request) -> bool:
        """Whether the peer is the same user or an administrator."""
        ...


def address_of(state: Path) -> str:
    """Where the agent that owns a state directory listens."""
    return unix_socket.address_of(state)


def server_at(address: str) -> LocalServer:
    """What listens there.

    Raises:
        AgentError: This system has no such addresses.
    """
    return unix_socket.UnixServer(address)


def connector_to(address: str) -> aiohttp.BaseConnector:
    """What connects to the server there; only to one of the same user or an administrator.

    Raises:
        AgentError: This system has no such addresses.
    """
    return unix_socket.connector(address)
