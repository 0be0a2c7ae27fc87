"""A gateway whose replies repeat the credentials that it was sent, wherever a reply has room."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

TOKEN_PATH = "/ccm_system_TokenAuth/token"


class Stage(StrEnum):
    """The request from which on the server repeats what it was sent."""

    TOKEN = "token"
    DOCUMENT = "document"
    LOCATIONS = "locations"
    STORAGE = "storage"


class Form(StrEnum):
    """How it repeats it."""

    BODY = "body"
    REDIRECT = "redirect"
    REDIRECT_HOST = "redirect to a host"
    REASON = "reason phrase"
    ERROR_CODE = "x-ms-error-code"
    RANGE = "Content-Range"
    LENGTH = "Content-Length"
    CODING = "Content-Encoding"
    XML = "error in XML"
    URL = "URL in locations"
    STATUS_LINE = "status line"


class EchoServer(ThreadingHTTPServer):
    """Serves a published folder as a gateway does, up to a stage."""

    daemon_threads = True

    def __init__(self, published: Path, stage: Stage, form: Form, signature: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.published = published
        self.stage = stage
        self.form = form
        self.signature = signature
        self.repeated: set[str] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: EchoServer

    def do_POST(self) -> None:
        self._answer(Stage.TOKEN, json.dumps(self._token_reply()).encode())

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = parse_qs(parts.query)
        if parts.path.endswith("/document"):
            self._answer(Stage.DOCUMENT, (self.server.published / query["key"][0]).read_bytes())
        elif parts.path.endswith("/getcontentxmlsecure"):
            self._answer(Stage.LOCATIONS, json.dumps(self._locations(query["pid"][0])).encode())
        else:
            self._answer(Stage.STORAGE, b"x")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base's name
        pass

    def _token_reply(self) -> dict[str, object]:
        return {"access_token": f"{self.server.signature}-access", "expires_in_s": 3600}

    def _locations(self, package_id: str, extra: str = "") -> dict[str, object]:
        objects = {
            path.name: {
                "url": f"{self.server.url}{extra}/{path.name}?sig={self.server.signature}",
                "length_bytes": path.stat().st_size,
            }
            for path in (self.server.published / "objects").rglob("*")
            if path.is_file()
        }
        return {"package_id": package_id, "expires_in_s": 3600, "objects": objects}

    def _answer(self, stage: Stage, good: bytes) -> None:
        if stage is not self.server.stage:
            self._send("200 OK", good)
            return
        bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
        secret = bearer or parse_qs(urlsplit(self.path).query).get("sig", [""])[0]
        self.server.repeated.add(secret)
        bad = b"refused " + secret.encode()
        match self.server.form:
            case Form.BODY:
                self._send("400 Bad Request", bad)
            case Form.REDIRECT:
                self._send("302 Found", b"", Location=f"/login/{secret}?next={secret}#{secret}")
            case Form.REDIRECT_HOST:
                self._send("302 Found", b"", Location=f"https://{secret}.example/")
            case Form.REASON:
                self._send(f"403 {secret}", bad)
            case Form.ERROR_CODE:
                self._send("403 Forbidden", bad, **{"x-ms-error-code": secret})
            case Form.RANGE:
                self._send("206 Partial Content", bad, **{"Content-Range": f"bytes {secret}"})
            case Form.LENGTH:
                self._send("206 Partial Content", b"", **{"Content-Length": secret})
            case Form.CODING:
                self._send("200 OK", bad, **{"Content-Encoding": secret})
            case Form.XML:
                self._send("403 Forbidden", b"<Error><Message>" + bad + b"</Message></Error>")
            case Form.URL:
                reply = self._locations("ABC00002", f"/{secret}/{self.server.signature}")
                self._send("200 OK", json.dumps(reply).encode())
            case Form.STATUS_LINE:
                self.wfile.write(f"HTTP/1.1 {secret}\r\n\r\n".encode())
                self.close_connection = True

    def _send(self, status: str, body: bytes, **headers: str) -> None:
        sent = {"Content-Length": str(len(body)), "Connection": "close", **headers}
        lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in sent.items())]
        self.wfile.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        self.close_connection = True


@contextmanager
def echo_server(published: Path, stage: Stage, form: Form, signature: str) -> Iterator[EchoServer]:
    """Run one."""
    with EchoServer(published, stage, form, signature) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
