"""A web server on loopback whose answers are behaviours: right, or wrong in one way."""

from __future__ import annotations

import contextlib
import email.utils
import math
import re
import socket
import ssl
import struct
import threading
import time
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple, TypeVar

PIECE_BYTES = 64 << 10
MODIFIED_S = 1_500_000_000  # of everything that is served


class Narrow:
    """A link whose rate all connections over it share.

    Attributes:
        bytes_per_s: Its rate.
    """

    def __init__(self, bytes_per_s: float) -> None:
        self.bytes_per_s = bytes_per_s
        self._turn = threading.Lock()

    def carry(self, count: int) -> None:
        """Wait as long as the link takes for ``count`` bytes, after those that came before."""
        with self._turn:
            time.sleep(count / self.bytes_per_s)


class Request:
    """A GET or HEAD for content, and the ways to answer it.

    Attributes:
        number: How many of the same method for the same path came before it.
        start: Where the range begins.
        end: Where it ends, exclusive; the content's length if no range was asked for.
        is_range: Whether a range was asked for.
        content: What is served.
        headers: What the client sent.
        method: ``GET`` or ``HEAD``.
        path: What was asked for, without the query.
        query: By name; the last value of each.
    """

    def __init__(self, handler: _Handler, number: int, content: bytes) -> None:
        self._handler = handler
        self.number = number
        self.content = content
        self.headers = handler.headers
        self.method = handler.command
        parts = urllib.parse.urlsplit(handler.path)
        self.path = urllib.parse.unquote(parts.path)
        self.query = dict(urllib.parse.parse_qsl(parts.query))
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", handler.headers.get("Range", ""))
        self.is_range = asked is not None
        self.start = int(asked[1]) if asked else 0
        last = int(asked[2]) if asked and asked[2] else len(content) - 1
        self.end = min(last + 1, len(content))

    @property
    def body(self) -> bytes:
        """The bytes that were asked for."""
        return self.content[self.start : self.end]

    @property
    def web(self) -> Web:
        """The server."""
        return self._handler.server

    def right(self, body: bytes | None = None, **headers: str) -> None:
        """Answer as a good server does, or with another body."""
        if self.is_range and self.start >= len(self.content):
            total = f"bytes */{len(self.content)}"
            self.head(416, Content_Length="0", Content_Range=total)
            return
        self.head(206 if self.is_range else 200, **headers)
        self.write(self.body if body is None else body)

    def head(self, status: int, **headers: str) -> None:
        """Send the status and headers: those of a good server, unless others are given."""
        usual = {
            "Content_Length": str(len(self.body)),
            "ETag": '"one"',
            "Accept_Ranges": "bytes",
            "Last_Modified": email.utils.formatdate(MODIFIED_S, usegmt=True),
        }
        if status == 206:
            total = len(self.content)
            usual["Content_Range"] = f"bytes {self.start}-{self.end - 1}/{total}"
        self._handler.send_response(status)
        for name, value in (usual | headers).items():
            for line in value.splitlines():  # one header may be sent several times
                self._handler.send_header(name.replace("_", "-"), line)
        self._handler.end_headers()

    def refuse(self, status: int, **headers: str) -> None:
        """Answer with a status and nothing else."""
        nothing = {"Content_Length": "0", "ETag": "", "Accept_Ranges": "", "Last_Modified": ""}
        self.head(status, **(nothing | headers))

    def write(self, body: bytes, bytes_per_s: float = 0) -> None:
        """Send a body, at a rate if one is given; nothing in answer to a HEAD."""
        if self.method == "HEAD":
            return
        piece = min(PIECE_BYTES, max(1, int(bytes_per_s / 10))) if bytes_per_s else PIECE_BYTES
        for at in range(0, len(body), piece):
            self._handler.wfile.write(body[at : at + piece])
            self.web.sent(min(piece, len(body) - at))
            if bytes_per_s:
                self._handler.wfile.flush()
                if self.web.closing.wait(piece / bytes_per_s):
                    return

    def write_through(self, link: Narrow, body: bytes, end_s: float = math.inf) -> None:
        """Send a body over a narrow link; the connection ends early at a time, if one is given."""
        for at in range(0, len(body), PIECE_BYTES):
            link.carry(PIECE_BYTES)
            if time.monotonic() > end_s:
                self.close()
                return
            self.write(body[at : at + PIECE_BYTES])

    def stall(self) -> None:
        """Send nothing more, and keep the connection open until the client or the server ends."""
        self._handler.wfile.flush()
        self._handler.connection.settimeout(0.2)
        while not self.web.closing.is_set():
            try:
                if not self._handler.connection.recv(1):
                    break
            except TimeoutError:
                continue
        self.close()

    def close(self) -> None:
        """End the connection in order."""
        self._handler.close_connection = True

    def reset(self) -> None:
        """Break the connection."""
        linger = struct.pack("ii", 1, 0)
        self._handler.wfile.flush()
        self._handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._handler.connection.shutdown(socket.SHUT_RD)
        self._handler.connection.close()
        self._handler.close_connection = True


Behaviour = Callable[[Request], None]


def narrow(bytes_per_s: float) -> Behaviour:
    """Nothing is wrong, but all connections share a narrow link."""
    link = Narrow(bytes_per_s)

    def behave(request: Request) -> None:
        if request.method == "HEAD" or request.start >= len(request.content):
            request.right()
        else:
            request.head(206 if request.is_range else 200)
            request.write_through(link, request.body)

    return behave


def right(request: Request) -> None:
    """Nothing is wrong."""
    request.right()


def missing(request: Request) -> None:
    """There is no such thing."""
    request.refuse(404)


class Page(NamedTuple):
    """What is served at a path, and how."""

    content: bytes = b""
    behaviour: Behaviour = right


class Web(ThreadingHTTPServer):
    """Serves pages, and counts what is asked for and sent.

    Attributes:
        pages: By path.
        closing: Set when the server ends.
        sent_bytes: Of all bodies.
        most_at_once: The most requests that were answered at the same time, by path.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, pages: Mapping[str, Page], tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pages = pages
        self.closing = threading.Event()
        self.sent_bytes = 0
        self.most_at_once: Counter[str] = Counter()
        self._scheme = "https" if tls else "http"
        self._tls = tls
        self._requests: Counter[tuple[str, str]] = Counter()
        self._live: Counter[str] = Counter()
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """Of the root, without a slash at the end."""
        return f"{self._scheme}://127.0.0.1:{self.server_address[1]}"

    def page(self, path: str, method: str) -> Page:
        """What is served at a path in answer to ``GET`` or ``HEAD``."""
        return self.pages.get(path, Page(behaviour=missing))

    def sent(self, count: int) -> None:
        """Count bytes of bodies that went out."""
        with self._lock:
            self.sent_bytes += count

    def asked(self, path: str, method: str = "GET") -> int:
        """How many requests for a path came."""
        return self._requests[method, path]

    @contextlib.contextmanager
    def counting(self, path: str, method: str) -> Iterator[int]:
        """Count a request while it is answered; the number of those before it."""
        with self._lock:
            number = self._requests[method, path]
            self._requests[method, path] += 1
            self._live[path] += 1
            self.most_at_once[path] = max(self.most_at_once[path], self._live[path])
        try:
            yield number
        finally:
            with self._lock:
                self._live[path] -= 1

    def until_sent(self, count: int, timeout_s: float) -> bool:
        """Wait until ``count`` bytes went out; returns whether they did."""
        end_s = time.monotonic() + timeout_s
        while self.sent_bytes < count and time.monotonic() < end_s:
            time.sleep(0.005)
        return self.sent_bytes >= count

    def finish_request(self, request: object, client_address: object) -> None:
        """Speak TLS in the connection's own thread, where a slow client delays nobody."""
        assert isinstance(request, socket.socket)
        # Little stays in the kernel: what was sent shall have arrived, more or less.
        request.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, PIECE_BYTES)
        if self._tls is None:
            _Handler(request, client_address, self)
            return
        with self._tls.wrap_socket(request, server_side=True) as wrapped:
            _Handler(wrapped, client_address, self)

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away are the point here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 120
    disable_nagle_algorithm = True
    wbufsize = PIECE_BYTES  # the head and a small body leave together
    server: Web

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        page = self.server.page(path, self.command)
        counted = self.server.counting(path, self.command)
        with contextlib.suppress(ConnectionError), counted as number:
            page.behaviour(Request(self, number, page.content))
            if not self.wfile.closed:
                self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base's name
        """Keep quiet."""


AnyWeb = TypeVar("AnyWeb", bound=Web)


@contextlib.contextmanager
def serving(web: AnyWeb) -> Iterator[AnyWeb]:
    """Serve until the block ends."""
    with web:
        thread = threading.Thread(target=web.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield web
        finally:
            web.closing.set()
            web.shutdown()
            thread.join()
