"""A server whose responses are scripted bytes, right or wrong."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

HANG = "hang"  # keep the connection open after the script
RESET = "reset"  # break it with a TCP reset
CLOSE = "close"  # end it in order
CUT = "cut"  # end it without the closing message of TLS
DEAF = "deaf"  # keep it open and listen to nothing more
AGAIN = "again"  # the next request takes the next script

MAX_WAIT_S = 5.0  # for what takes hardly any time

_LOOP_ITERATIONS = 30  # enough for a client on the same event loop to read and act


@dataclass(frozen=True)
class Script:
    """What one connection receives after a request: bytes, and how it then ends.

    The server waits for an event among the bytes.
    """

    said: Sequence[bytes | asyncio.Event]
    end: str = CLOSE

    @classmethod
    def response(
        cls, status: str, body: bytes = b"", *, end: str = CLOSE, **headers: str
    ) -> Script:
        """One response; ``Content_Length="5"`` becomes the header ``Content-Length: 5``."""
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        head = "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""])
        return cls([head.encode("latin-1"), body], end)


@dataclass
class Hostile:
    """A running server. Each request takes the next script; the last one is used for all others.

    Attributes:
        apart: Whether the client has time to read between two pieces of a script.
        connections: How many were opened.
        ended: How many of them have ended.
    """

    scripts: list[Script]
    port: int = 0
    scheme: str = "http"
    requests: list[bytes] = field(default_factory=list)
    apart: bool = True
    connections: int = 0
    ended: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"{self.scheme}://localhost:{self.port}"

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until a condition on the attributes is true."""
        async with asyncio.timeout(MAX_WAIT_S):
            while not holds():
                self._news.clear()
                await self._news.wait()

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                while await self._follow_script(reader, writer) == AGAIN:
                    pass
        finally:
            self.ended += 1
            self._news.set()
            writer.transport.abort()

    async def _follow_script(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> str:
        self.requests.append(await reader.readuntil(b"\r\n\r\n"))
        self._news.set()
        script = self.scripts[min(len(self.requests), len(self.scripts)) - 1]
        for data in script.said:
            if isinstance(data, asyncio.Event):
                await data.wait()
            else:
                writer.write(data)
                await writer.drain()
                for _ in range(_LOOP_ITERATIONS if self.apart else 0):
                    await asyncio.sleep(0)
        if script.end == HANG:
            await reader.read()
        elif script.end == RESET:
            connection: socket.socket = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif script.end == CUT:
            writer.transport.abort()
        elif script.end == DEAF:
            cast("asyncio.ReadTransport", writer.transport).pause_reading()
            await asyncio.Event().wait()
        elif script.end == CLOSE:
            writer.close()
            await writer.wait_closed()
        return script.end


@contextlib.asynccontextmanager
async def hostile(
    *scripts: Script, tls: ssl.SSLContext | None = None, apart: bool = True
) -> AsyncIterator[Hostile]:
    """Run the server on a free loopback port."""
    server = Hostile(list(scripts), scheme="https" if tls else "http", apart=apart)
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        await server.converse(reader, writer)

    listener = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await listener.wait_closed()
