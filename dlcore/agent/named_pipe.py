"""A named pipe of Windows, and who is at its other end.

The pipe's access list keeps others out, so the server sees no stranger. A client asks who owns the
pipe before it sends anything: anybody may make a pipe of any name while the agent does not run.

The event loop has functions for pipes, but makes them without an access list. What is used of it
below is not public: its proactor's ``accept_pipe``, and how it makes a transport of a pipe.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from aiohttp import web

from dlcore.agent.addresses import AgentAddress
from dlcore.disk.access_list import Security
from dlcore.disk.windows_errors import ACCESS_DENIED
from dlcore.errors import AgentError

if sys.platform == "win32":
    from asyncio.windows_utils import PipeHandle

    from dlcore.agent import windows_pipes
    from dlcore.disk.windows_security import current_user

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.tracing import Trace

assert sys.platform == "win32"

WAITING: Final = 4  # ends of the pipe that wait: clients that can connect at once
BUSY_S: Final = 0.01  # between two tries to get a free end
NO_ROOM_S: Final = 1.0  # between two tries to make one when the system refused
_log = logging.getLogger(__name__)


class NamedPipeServer:
    """Listens at the pipe of a state directory. Implements `LocalServer`.

    Args:
        address: Where it listens.
    """

    def __init__(self, address: AgentAddress) -> None:
        self._address = address
        self._accepting: list[asyncio.Task[None]] = []
        self._free: set[PipeHandle] = set()  # ends at which no client is

    async def start(self, runner: web.AppRunner) -> None:
        """Listen from now on; raises as `LocalServer.start`."""
        factory = runner.server
        assert factory is not None, "the runner was not set up"
        try:
            first = self._instance(is_first=True)
        except OSError as error:
            if error.winerror == ACCESS_DENIED:
                raise _taken(self._address) from error
            raise
        free = [first, *(self._instance() for _ in range(WAITING - 1))]
        self._accepting = [asyncio.create_task(self._accept(each, factory)) for each in free]

    async def close(self) -> None:
        """Take no more connections; those that are open stay. Idempotent."""
        accepting, self._accepting = self._accepting, []
        for each in accepting:
            each.cancel()
        await asyncio.gather(*accepting, return_exceptions=True)
        while self._free:
            self._free.pop().close()

    def _instance(self, *, is_first: bool = False) -> PipeHandle:
        end = PipeHandle(windows_pipes.make_instance(self._address.listens_at, is_first=is_first))
        self._free.add(end)
        return end

    async def _accept(self, end: PipeHandle, factory: Callable[[], asyncio.BaseProtocol]) -> None:
        """Wait for one client after the other, each at an end of its own."""
        loop: Any = asyncio.get_running_loop()
        while True:
            try:
                await loop._proactor.accept_pipe(end)
            except OSError as error:  # a client that has gone again
                _log.debug("a client could not connect to %s: %s", self._address, error)
                end.close()
            else:
                _transport(loop, end, factory(), self._address)
            self._free.discard(end)
            end = await self._next()

    async def _next(self) -> PipeHandle:
        """Wait for a free end until the system has room for one: the server goes on listening."""
        while True:
            try:
                return self._instance()
            except OSError as error:
                _log.warning("no further client can connect to %s: %s", self._address, error)
                await asyncio.sleep(NO_ROOM_S)


class NamedPipeConnector(aiohttp.NamedPipeConnector):
    """Connects to the agent of a state directory, if it is this user's or an administrator's.

    Args:
        address: Where it listens.
        user: SID of this user; None for the real one.
    """

    def __init__(self, address: AgentAddress, *, user: str | None = None) -> None:
        super().__init__(path=address.listens_at)
        self._address = address
        self._user = user or current_user()

    async def _create_connection(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  # aiohttp's own
    ) -> ResponseHandler:
        """What aiohttp calls for a new connection; raises as `connector`."""
        try:
            async with asyncio.timeout(timeout.sock_connect):
                end = await self._connected()
        except TimeoutError:
            raise
        except OSError as error:
            raise aiohttp.ClientConnectorError(req.connection_key, error) from error
        protocol = self._factory()
        _transport(self._loop, end, protocol, self._address)
        await asyncio.sleep(0)  # the protocol hears of its transport in the loop's next turn
        return protocol

    async def _connected(self) -> PipeHandle:
        while True:
            try:
                end = PipeHandle(windows_pipes.open_client(self.path))
            except OSError as error:
                if error.winerror != windows_pipes.PIPE_BUSY:
                    raise
                await asyncio.sleep(BUSY_S)
            else:
                break
        try:
            self._check(windows_pipes.security_of(end.handle))
        except BaseException:
            end.close()
            raise
        return end

    def _check(self, security: Security) -> None:
        if security.is_of_another(self._user):
            raise AgentError(
                f"user {security.owner}, who may not run this user's agent, listens at {self.path}",
                remedy="Nothing was sent. An administrator can find that process and end it.",
            )


def _transport(
    loop: Any, end: PipeHandle, protocol: asyncio.BaseProtocol, address: AgentAddress
) -> None:
    loop._make_duplex_pipe_transport(end, protocol, extra={"addr": address.listens_at})


def _taken(address: AgentAddress) -> AgentError:
    return AgentError(
        f"another process listens at {address.listens_at} already",
        remedy="'dlcore agent status' shows which agent it is, 'dlcore agent stop' ends it.",
    )
