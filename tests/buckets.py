"""Servers of object stores for tests, on free loopback ports, over http: S3 by moto, and Google's.

Moto is a foreign implementation of S3. The emulators of Google's store do not speak its XML
interface, so the part that is read here is written down: GET at URLs with a signature of version
4, which is verified by hand.

Source: Google, "V4 signing process with your own program" and "Download objects" (XML API).
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit
from urllib.request import Request, urlopen

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

BUCKET = "content"
_GOOGLE_HOST = "storage.googleapis.com"  # what the library signs, wherever it is to ask


@contextmanager
def s3(objects: Mapping[str, bytes]) -> Iterator[dict[str, str]]:
    """An S3 server with objects in `BUCKET`. Yields what the environment of a client needs."""
    moto = pytest.importorskip("moto.server")
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # else it tells of each request
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        _put(f"{url}/{BUCKET}", b"")
        for key, data in objects.items():
            _put(f"{url}/{BUCKET}/{key}", data)
        yield {
            "AWS_ENDPOINT": url,
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
        }
    finally:
        server.stop()


def _put(url: str, data: bytes) -> None:
    headers = {"Content-Type": "application/octet-stream"}
    with urlopen(Request(url, data, headers, method="PUT"), timeout=30) as response:
        assert response.status == 200


@contextmanager
def google(objects: Mapping[str, bytes], folder: Path) -> Iterator[dict[str, str]]:
    """Google's store with objects in `BUCKET`.

    Args:
        objects: Their bytes by key.
        folder: Gets the file with the key of a service account.

    Yields:
        What the environment of a client needs.
    """
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    answer = partial(_Google, key.public_key(), dict(objects))
    with ThreadingHTTPServer(("127.0.0.1", 0), answer) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        account = {
            "client_email": "reader@example.com",
            "private_key_id": "1",
            "private_key": key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ).decode(),
            "gcs_base_url": f"http://127.0.0.1:{server.server_address[1]}",
        }
        (folder / "account.json").write_text(json.dumps(account))
        yield {"GOOGLE_SERVICE_ACCOUNT": str(folder / "account.json")}
        server.shutdown()
        thread.join()


class _Google(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(
        self, public_key: rsa.RSAPublicKey, objects: dict[str, bytes], *rest: object
    ) -> None:
        self._public_key = public_key
        self._objects = objects
        super().__init__(*rest)  # type: ignore[arg-type]  # handed on as they came

    def log_message(self, *_: object) -> None: ...

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        data = self._objects.get(unquote(parts.path).removeprefix(f"/{BUCKET}/"))
        if not self._is_signed():
            self._answer(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>")
        elif data is None:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        elif asked := self.headers.get("Range"):
            first, last = map(int, asked.removeprefix("bytes=").split("-"))
            found = data[first : last + 1]
            told = f"bytes {first}-{first + len(found) - 1}/{len(data)}"
            self._answer(206, found, {"Content-Range": told})
        else:
            self._answer(200, data)

    def _is_signed(self) -> bool:
        parts = urlsplit(self.path)
        given = dict(parse_qsl(parts.query, keep_blank_values=True))
        signature = bytes.fromhex(given.pop("X-Goog-Signature", ""))
        query = "&".join(
            sorted(item for item in parts.query.split("&") if "X-Goog-Signature" not in item)
        )
        headers = f"host:{_GOOGLE_HOST}\n\nhost"
        request = f"GET\n{parts.path}\n{query}\n{headers}\nUNSIGNED-PAYLOAD"
        scope = given.get("X-Goog-Credential", "").partition("/")[2]
        digest = hashlib.sha256(request.encode()).hexdigest()
        text = f"GOOG4-RSA-SHA256\n{given.get('X-Goog-Date')}\n{scope}\n{digest}"
        try:
            self._public_key.verify(signature, text.encode(), padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        return True

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
