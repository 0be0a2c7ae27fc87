"""Programs of one machine reach its agent here: others get no answer.

The server answers its own user and administrators only. The client sends nothing before it knows
that the server is its own user's or an administrator's. These functions hide whether it is a socket
or a pipe.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Protocol

import aiohttp
from aiohttp import web

from dlcore.agent.addresses import AgentAddress

if sys.platform == "win32":
    from dlcore.agent.named_pipe import NamedPipeConnector, NamedPipeServer
else:
    from dlcore.agent.system import systemd
    from dlcore.agent.unix_socket import UnixSocketConnector, UnixSocketServer


class LocalServer(Protocol):
    """Takes connections of this machine, and hands those of trusted users to a web application."""

    async def start(self, runner: web.AppRunner) -> None:
        """Listen from now on.

        Args:
            runner: It was set up. The caller cleans it up after `close`.

        Raises:
            AgentError: Another process listens there, or something is in the way. Nothing of it
                was touched.
            OwnershipError: Another user could alter the state directory, or the way to it.
            OSError: The system refused.
        """
        ...

    async def close(self) -> None:
        """Take no more connections; those that are open stay. Idempotent."""
        ...


def local_server(address: AgentAddress, environment: Mapping[str, str] = os.environ) -> LocalServer:
    """The server of an agent, at its address.

    Args:
        address: Where it listens.
        environment: Says whether systemd listens there already, and hands its socket over.

    Raises:
        AgentError: What systemd hands over is not the socket of that address.
    """
    if sys.platform == "win32":
        return NamedPipeServer(address)
    else:  # noqa: RET505  # type checkers look at the branch of their own system
        return UnixSocketServer(address, systemd.handed_over(address, environment))


def connector(address: AgentAddress) -> aiohttp.BaseConnector:
    """Opens the connections of an `aiohttp.ClientSession` to the agent at an address.

    The host in a URL does not matter. To open a connection raises ``aiohttp.ClientConnectorError``
    if nobody listens there, `AgentError` if another user listens, who gets to see nothing, and
    `OwnershipError` if another user could alter the state directory.
    """
    if sys.platform == "win32":
        return NamedPipeConnector(address)
    else:  # noqa: RET505  # as above
        return UnixSocketConnector(address)
