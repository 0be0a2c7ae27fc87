"""An HTTP proxy on loopback that wants a login for each connection (407).

It leads each ``CONNECT`` to one port of this machine, and answers plain requests by itself.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from tests.transfer.access_servers import BODY, copy_stream, listening
from tests.transfer.windows_auth import Acceptor, ToyAcceptor

PAGE = b"x" * 1300
CHUNKED_PAGE = b"514;a=b\r\n" + PAGE + b"\r\n0\r\nTrailer: x\r\n\r\n"


@dataclass
class WindowsProxy:
    """The proxy.

    Attributes:
        new_acceptor: Makes its side of a handshake.
        target: Port to which tunnels lead.
        schemes: What it offers.
        closes_first: Whether it closes the connection after the first refusal.
        closes_at_challenge: Whether it closes the connection after its challenge.
        is_chunked: Whether its page comes in chunks.
        status: What it answers to those who are logged in; None: as it should.
        asked: Method and target of each request.
        received: Each value of ``Proxy-Authorization``.
        users: Who was logged in for each request that passed.
        connections: How many there were.
    """

    new_acceptor: Callable[[], Acceptor]
    target: int = 0
    port: int = 0
    schemes: tuple[str, ...] = ("Negotiate", "NTLM")
    closes_first: bool = False
    closes_at_challenge: bool = False
    is_chunked: bool = False
    status: int | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)
    received: list[str] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        acceptor, user = self.new_acceptor(), ""
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.split("\r\n")
            method, target, _ = first.split(" ")
            self.asked.append((method, target))
            shown = [line for line in lines if line.lower().startswith("proxy-authorization:")]
            if shown:
                text = shown[0].partition(": ")[2]
                self.received.append(text)
                scheme, _, token = text.partition(" ")
                try:
                    reply, user = acceptor.accept(base64.b64decode(token))
                except ValueError:
                    acceptor = self.new_acceptor()
                    self._refuse(writer, self.schemes)
                    continue
                if not user:
                    self._refuse(writer, (f"{scheme} {base64.b64encode(reply or b'').decode()}",))
                    if self.closes_at_challenge:
                        return
                    continue
            elif not user:
                self._refuse(writer, self.schemes)
                if self.closes_first:
                    return
                continue
            self.users.append(user)
            if self.status:
                writer.write(f"HTTP/1.1 {self.status} No\r\nContent-Length: 0\r\n\r\n".encode())
                return
            if method == "CONNECT":
                writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
                await self._pass_on(reader, writer)
                return
            length = len(BODY)
            writer.write(
                f"HTTP/1.1 206 OK\r\nContent-Range: bytes 0-{length - 1}/{length}\r\n"
                f"Content-Length: {length}\r\n\r\n".encode()
            )
            writer.write(BODY)

    def _refuse(self, writer: asyncio.StreamWriter, offered: tuple[str, ...]) -> None:
        lines = [f"Proxy-Authenticate: {each}" for each in offered]
        closes = self.closes_first if offered == self.schemes else self.closes_at_challenge
        lines += ["Connection: close"] if closes else []
        page = CHUNKED_PAGE if self.is_chunked else PAGE
        lines += [
            "Transfer-Encoding: chunked" if self.is_chunked else f"Content-Length: {len(PAGE)}"
        ]
        head = "\r\n".join(["HTTP/1.1 407 Proxy Authentication Required", *lines, "", ""])
        writer.write(head.encode() + page)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        away, back = await asyncio.open_connection("127.0.0.1", self.target)
        try:
            await asyncio.gather(copy_stream(reader, back), copy_stream(away, writer))
        finally:
            back.close()


def toy_proxy(**passwords: str) -> WindowsProxy:
    """A proxy that knows these users."""
    return WindowsProxy(lambda: ToyAcceptor(passwords, None))


@contextlib.asynccontextmanager
async def running(server: WindowsProxy, target: int = 0) -> AsyncIterator[WindowsProxy]:
    """Run a proxy; its tunnels lead to a port."""
    server.target = target
    async with listening(server.serve) as server.port:
        yield server
