"""An HTTP proxy and a SOCKS5 proxy on loopback that lead every host to one server."""

from __future__ import annotations

import contextlib
import http.client
import socket
import socketserver
import threading
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

HOST = "files.contoso.com"  # known to the proxies alone
_PIECE_BYTES = 64 << 10


class _Proxy(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, handler: type[socketserver.BaseRequestHandler], port: int) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.target = ("127.0.0.1", port)
        self.led = 0  # connections or requests that were led to the server

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: clients may go away."""


class _Http(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Proxy

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        parts = urllib.parse.urlsplit(self.path)
        if parts.hostname != HOST:
            self.send_error(502)
            return
        self.server.led += 1
        way = http.client.HTTPConnection(*self.server.target)
        with contextlib.closing(way):
            whole = urllib.parse.urlunsplit(("", "", *parts[2:]))
            headers = {k: v for k, v in self.headers.items() if not k.lower().startswith("proxy-")}
            way.request(self.command, whole, headers=headers | {"Connection": "close"})
            answer = way.getresponse()
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                self.send_header(name, value)
            self.end_headers()
            while data := answer.read(_PIECE_BYTES):
                self.wfile.write(data)

    def do_CONNECT(self) -> None:
        if self.path.rpartition(":")[0] != HOST:
            self.send_error(502)
            return
        self.server.led += 1
        self.send_response(200)
        self.end_headers()
        _join(self.connection, self.server.target)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base's name
        """Keep quiet."""


class _Socks(socketserver.StreamRequestHandler):
    """SOCKS5 without a login, CONNECT alone, to a host by its name. Source: RFC 1928."""

    server: _Proxy

    def handle(self) -> None:
        version, methods = self.rfile.read(2)
        self.rfile.read(methods)
        self.wfile.write(bytes((version, 0)))
        _, command, _, kind = self.rfile.read(4)
        host = self.rfile.read(self.rfile.read(1)[0] if kind == 3 else 4)
        self.rfile.read(2)
        is_known = command == 1 and host == HOST.encode()
        self.wfile.write(bytes((5, 0 if is_known else 4, 0, 1, 127, 0, 0, 1, 0, 0)))
        if is_known:
            self.server.led += 1
            _join(self.connection, self.server.target)


def _join(client: socket.socket, target: tuple[str, int]) -> None:
    """Carry bytes both ways until both sides have ended."""
    with socket.create_connection(target) as server:
        back = threading.Thread(target=_carry, args=(server, client), daemon=True)
        back.start()
        _carry(client, server)
        back.join()


def _carry(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(_PIECE_BYTES):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def _serving(proxy: _Proxy) -> Iterator[_Proxy]:
    with proxy:
        thread = threading.Thread(target=proxy.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()


def http_proxy(port: int) -> contextlib.AbstractContextManager[_Proxy]:
    """An HTTP proxy that leads ``HOST`` to a port of this machine."""
    return _serving(_Proxy(_Http, port))


def socks_proxy(port: int) -> contextlib.AbstractContextManager[_Proxy]:
    """A SOCKS5 proxy that leads ``HOST`` to a port of this machine."""
    return _serving(_Proxy(_Socks, port))
