"""A web server with ranges: one object is served wrongly in a given way, all else rightly."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PIECE_BYTES = 64 << 10


class Request:
    """A GET for content of the object, and the ways to answer it.

    Attributes:
        number: How many came before it.
        start: Where the range begins.
        end: Where it ends, exclusive; the object's length if no range was asked for.
        is_range: Whether a range was asked for.
        content: The object.
    """

    def __init__(self, handler: _Handler, number: int, content: bytes) -> None:
        self._handler = handler
        self.number = number
        self.content = content
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", handler.headers.get("Range", ""))
        self.is_range = asked is not None
        self.start = int(asked[1]) if asked else 0
        last = int(asked[2]) if asked and asked[2] else len(content) - 1
        self.end = min(last + 1, len(content))

    @property
    def body(self) -> bytes:
        """The bytes that were asked for."""
        return self.content[self.start : self.end]

    def right(self, body: bytes | None = None, **headers: str) -> None:
        """Answer as a good server does, or with another body."""
        self.head(206 if self.is_range else 200, **headers)
        self.write(self.body if body is None else body)

    def head(self, status: int, **headers: str) -> None:
        """Send the status and headers: those of a good server, unless others are given."""
        usual = {"Content_Length": str(len(self.body)), "ETag": '"one"', "Accept_Ranges": "bytes"}
        if status == 206:
            total = len(self.content)
            usual["Content_Range"] = f"bytes {self.start}-{self.end - 1}/{total}"
        self._handler.send_response(status)
        for name, value in (usual | headers).items():
            if value:
                self._handler.send_header(name.replace("_", "-"), value)
        self._handler.end_headers()

    def write(self, body: bytes, bytes_per_s: float = 0) -> None:
        """Send a body, at a rate if one is given."""
        piece = min(PIECE_BYTES, max(1, int(bytes_per_s / 10))) if bytes_per_s else PIECE_BYTES
        for at in range(0, len(body), piece):
            self._handler.wfile.write(body[at : at + piece])
            self._handler.site.sent(min(piece, len(body) - at))
            if bytes_per_s and self._handler.site.closing.wait(piece / bytes_per_s):
                return

    def stall(self) -> None:
        """Send nothing more, and keep the connection open until the client or the server ends."""
        self._handler.connection.settimeout(0.2)
        while not self._handler.site.closing.is_set():
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


class Site(ThreadingHTTPServer):
    """A published folder whose one object is served by a behaviour."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, root: Path, object_key: str, behaviour: Behaviour) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.root = root
        self.object_path = f"/{object_key}"
        self.content = (root / object_key).read_bytes()
        self.behaviour = behaviour
        self.closing = threading.Event()
        self.sent_bytes = 0
        self._requests = 0
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """Of the folder."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def sent(self, count: int) -> None:
        """Count bytes of the object that went out."""
        with self._lock:
            self.sent_bytes += count

    def next_request(self) -> int:
        """The number of a request."""
        with self._lock:
            self._requests += 1
            return self._requests - 1

    def until_sent(self, count: int, timeout_s: float) -> bool:
        """Wait until so many bytes went out; returns whether they did."""
        end_s = time.monotonic() + timeout_s
        while self.sent_bytes < count and time.monotonic() < end_s:
            time.sleep(0.005)
        return self.sent_bytes >= count

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away are the point here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 120
    server: Site

    @property
    def site(self) -> Site:
        return self.server

    def setup(self) -> None:
        """Keep little in the kernel: what was sent shall have arrived, more or less."""
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, PIECE_BYTES)
        super().setup()

    def do_HEAD(self) -> None:
        Request(self, 0, self._content()).head(200)

    def do_GET(self) -> None:
        with contextlib.suppress(ConnectionError):
            if self.path == self.site.object_path:
                number = self.site.next_request()
                self.site.behaviour(Request(self, number, self.site.content))
            else:
                Request(self, 0, self._content()).right()

    def _content(self) -> bytes:
        if self.path == self.site.object_path:
            return self.site.content
        path = self.site.root / self.path.lstrip("/")
        return path.read_bytes() if path.is_file() else b""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base's name
        """Keep quiet."""


@contextlib.contextmanager
def serving(root: Path, object_key: str, behaviour: Behaviour) -> Iterator[Site]:
    """Serve until the block ends."""
    with Site(root, object_key, behaviour) as site:
        thread = threading.Thread(target=site.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield site
        finally:
            site.closing.set()
            site.shutdown()
            thread.join()
