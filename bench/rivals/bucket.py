"""A private bucket of an S3 server on loopback."""

from __future__ import annotations

import contextlib
import logging
import urllib.request
from collections.abc import Iterator, Mapping

NAME = "releases"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "not-a-secret",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ALLOW_HTTP": "true",
}


@contextlib.contextmanager
def private_bucket(files: Mapping[str, bytes]) -> Iterator[str]:
    """Serve files to whoever signs the requests; yields the URL of the server.

    The server refuses requests without a signature. It does not compute the signature again.
    """
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it tells of every request
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        _send(f"{url}/moto-api/reset", b"", "POST")  # an earlier server has left its buckets
        _send(f"{url}/{NAME}", b"", "PUT")
        for name, content in files.items():
            _send(f"{url}/{NAME}/{name}", content, "PUT")
        yield url
    finally:
        server.stop()


def _send(url: str, content: bytes, method: str) -> None:
    headers = {"Content-Type": "application/octet-stream"}  # else it is taken for a form
    request = urllib.request.Request(url, content, headers, method=method)
    with urllib.request.urlopen(request, timeout=30):
        pass
