"""A plain web server for files, with ranges, as a mirror would be: right, wrong or slow."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Mirror(ThreadingHTTPServer):
    """Serves some bytes below any path.

    Attributes:
        content: What it serves.
        asked: Ranges asked for, as the clients wrote them.
        gate: Bodies of GET wait for it.
        claimed_bytes: The length that it claims.
        headers: What it says besides.
        missing: Whether it answers 404 to everything.
        documents: What it serves in place of its content, by path.
        wanted_login: The ``Authorization`` that it wants, else it answers 401; empty for none.
    """

    daemon_threads = True

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content = content
        self.claimed_bytes = len(content)
        self.headers: dict[str, str] = {}
        self.missing = False
        self.documents: dict[str, bytes] = {}
        self.wanted_login = ""
        self.asked: list[str] = []
        self.gate = threading.Event()
        self.gate.set()

    def url(self, name: str = "file.bin") -> str:
        """Where a client finds it."""
        return f"http://127.0.0.1:{self.server_address[1]}/{name}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Mirror

    def _refuses(self) -> bool:
        is_wrong = self.server.wanted_login not in {"", self.headers.get("Authorization")}
        if self.server.missing or is_wrong:
            self.send_error(404 if self.server.missing else 401)
        return self.server.missing or is_wrong

    def do_HEAD(self) -> None:
        if self._refuses():
            return
        self.send_response(200)
        self.send_header("Content-Length", str(self.server.claimed_bytes))
        self.send_header("Accept-Ranges", "bytes")
        self._end_headers()

    def do_GET(self) -> None:
        if self._refuses():
            return
        if document := self.server.documents.get(self.path):
            self.send_response(200)
            self.send_header("Content-Length", str(len(document)))
            self.end_headers()
            self.wfile.write(document)
            return
        content, asked = self.server.content, self.headers.get("Range", "")
        self.server.asked.append(asked)
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", asked)
        first, last = (int(found[1]), int(found[2])) if found else (0, len(content) - 1)
        self.send_response(206 if found else 200)
        self.send_header("Content-Length", str(last + 1 - first))
        self.send_header("Content-Range", f"bytes {first}-{last}/{self.server.claimed_bytes}")
        self._end_headers()
        self.server.gate.wait(30)
        with contextlib.suppress(OSError):
            self.wfile.write(content[first : last + 1])
        self.close_connection = last >= len(content)  # the rest of the claim never comes

    def _end_headers(self) -> None:
        for name, value in {"ETag": '"one"', **self.server.headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base's name
        """Keep quiet."""


@contextlib.contextmanager
def mirror(content: bytes) -> Iterator[Mirror]:
    """Serve some bytes."""
    with Mirror(content) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.gate.set()
            server.shutdown()
            thread.join()


class _Folder(SimpleHTTPRequestHandler):
    """Python's own web server, which knows no ranges; ``http.server`` in a shell is the same."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base's name
        """Keep quiet."""


@contextlib.contextmanager
def python_server(folder: Path) -> Iterator[str]:
    """The URL of a folder that ``python -m http.server`` serves."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Folder, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
