"""Real servers on loopback that want to know who asks: a web server, a SOCKS and an HTTP proxy."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ipaddress
import select
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field

from aiohttp import web

BODY = bytes(range(256)) * 800

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class GuardedServer:
    """Serves a body with ranges at every path to those who show what is ``wanted``.

    Attributes:
        requests: Method, path and headers of each request.
        redirects: Where a path leads instead.
        body: What is served.
        links: What each answer says in ``Link``; empty for nothing.
    """

    port: int = 0
    scheme: str = "http"
    wanted: dict[str, str] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    requests: list[tuple[str, str, Mapping[str, str]]] = field(default_factory=list)
    body: bytes = BODY
    links: str = ""

    @property
    def url(self) -> str:
        return f"{self.scheme}://localhost:{self.port}"

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.path, request.headers))
        if request.path in self.redirects:
            return web.Response(status=302, headers={"Location": self.redirects[request.path]})
        if any(request.headers.get(name) != text for name, text in self.wanted.items()):
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="x"'})
        headers = {"Accept-Ranges": "bytes", **({"Link": self.links} if self.links else {})}
        if "Range" not in request.headers:
            return web.Response(body=self.body, headers=headers)
        found = request.http_range
        start, end = found.start or 0, found.stop or len(self.body)
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(self.body)}"
        return web.Response(status=206, body=self.body[start:end], headers=headers)

    def shown(self, name: str) -> list[str | None]:
        """The value of a header field in each request."""
        return [headers.get(name) for _, _, headers in self.requests]


@contextlib.asynccontextmanager
async def guarded(tls: ssl.SSLContext | None = None, **wanted: str) -> AsyncIterator[GuardedServer]:
    """Run a server; ``X_Key="a"`` means that only requests with ``X-Key: a`` are served."""
    names = {name.replace("_", "-"): text for name, text in wanted.items()}
    server = GuardedServer(scheme="https" if tls else "http", wanted=names)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    server.port = runner.addresses[0][1]
    try:
        yield server
    finally:
        await runner.cleanup()


@dataclass
class ProxyServer:
    """A proxy that leads every host to one port of this machine.

    Attributes:
        asked: The host and port of each connection, as the client names them.
        logins: The logins that were shown.
    """

    target: int
    login: tuple[str, str] | None = None
    port: int = 0
    asked: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)

    async def socks5(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Speak RFC 1928, and RFC 1929 if a login is wanted."""
        _, count = await reader.readexactly(2)
        offered = await reader.readexactly(count)
        method = 2 if self.login else 0
        if method not in offered:
            writer.write(b"\x05\xff")
            return
        writer.write(bytes([5, method]))
        if self.login and not await self._checks_login(reader, writer):
            return
        _, _, _, kind = await reader.readexactly(4)
        if kind == 1:
            host = str(ipaddress.ip_address(await reader.readexactly(4)))
        else:
            host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        port = int.from_bytes(await reader.readexactly(2))
        self.asked.append(f"{host}:{port}")
        writer.write(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")
        await self._pass_on(reader, writer)

    async def _checks_login(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        _, count = await reader.readexactly(2)
        user = (await reader.readexactly(count)).decode()
        password = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        self.logins.append(f"{user}:{password}")
        is_right = (user, password) == self.login
        writer.write(b"\x01\x00" if is_right else b"\x01\x01")
        return is_right

    async def http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one CONNECT."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = head.split("\r\n")
        self.asked.append(lines[0].split(" ")[1])
        shown = [line.partition(": ")[2] for line in lines if line.startswith("Proxy-Auth")]
        logins = [base64.b64decode(text.split(" ")[1]).decode() for text in shown]
        self.logins += logins
        if self.login and logins != [":".join(self.login)]:
            writer.write(
                b"HTTP/1.1 407 Proxy Authentication Required\r\n"
                b'Proxy-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n'
            )
            return
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await self._pass_on(reader, writer)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        away, back = await asyncio.open_connection("127.0.0.1", self.target)
        try:
            await asyncio.gather(copy_stream(reader, back), copy_stream(away, writer))
        finally:
            back.close()


async def copy_stream(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
    """Pass on what comes, to its end."""
    while data := await source.read(1 << 16):
        to.write(data)
        await to.drain()
    to.close()


@contextlib.asynccontextmanager
async def proxy(
    kind: str, target: int, login: tuple[str, str] | None = None
) -> AsyncIterator[ProxyServer]:
    """Run a proxy of the kind ``socks5`` or ``http``."""
    server = ProxyServer(target, login)
    async with listening(server.socks5 if kind == "socks5" else server.http) as server.port:
        yield server


@contextlib.asynccontextmanager
async def listening(serve: Serve) -> AsyncIterator[int]:
    """Serve each connection to a port of this machine; yields the port."""
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
                await serve(reader, writer)
                await writer.drain()
        finally:
            writer.close()
            tasks.discard(task)

    listener = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _shake_hands(connection: socket.socket, tls: ssl.SSLContext) -> None:
    protected = tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
    with contextlib.suppress(OSError):
        protected.do_handshake()
        protected.recv(1 << 16)
    with socket.socket(fileno=protected.detach()) as bare, contextlib.suppress(OSError):
        bare.settimeout(5)
        bare.shutdown(socket.SHUT_WR)
        while bare.recv(1 << 16):  # to close now would reset the connection, before the alert
            pass


@contextlib.contextmanager
def handshaking(tls: ssl.SSLContext) -> Iterator[int]:
    """Run a server that does handshakes only, in a thread; gives its port.

    asyncio's own server breaks the connection before the alert is sent that says why.
    """
    with _in_a_thread(lambda connection: _shake_hands(connection, tls)) as port:
        yield port


@contextlib.contextmanager
def asking_late(tls: ssl.SSLContext) -> Iterator[int]:
    """Run a server that answers one request on each connection with `BODY`; gives its port.

    It asks for a client's certificate when it has read the request.
    """
    with _in_a_thread(lambda connection: _ask_late(connection, tls)) as port:
        yield port


def _ask_late(connection: socket.socket, tls: ssl.SSLContext) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(BODY)}\r\nConnection: close\r\n\r\n".encode()
    with (
        contextlib.suppress(OSError),
        tls.wrap_socket(connection, server_side=True) as protected,
    ):
        protected.recv(1 << 16)
        protected.verify_client_post_handshake()
        protected.do_handshake()  # sends the question
        protected.settimeout(0)
        while not protected.getpeercert():
            select.select([protected], [], [], 5)
            with contextlib.suppress(ssl.SSLWantReadError):  # it was the certificate, and no data
                if not protected.recv(1 << 16):
                    return
        protected.settimeout(5)
        protected.sendall(head + BODY)


@contextlib.contextmanager
def _in_a_thread(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """Answer one connection after the other; gives the port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.settimeout(5)
            answer(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        with contextlib.suppress(OSError):  # Windows: it is not connected
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
