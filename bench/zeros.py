"""A server of zeros over TCP and TLS, to measure clients: it does nothing but send."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import trustme

_ZEROS = memoryview(bytes(4 << 20))


@contextlib.contextmanager
def serving_zeros(length_bytes: int, folder: Path | None = None) -> Iterator[str]:
    """Serve one object to range requests, at every path; the URL.

    Args:
        length_bytes: Length of the object.
        folder: Speak TLS, and put the authority to trust there, as ``ca.pem``; TCP if None.
    """
    tls = _tls(folder) if folder else None
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with contextlib.suppress(OSError):  # the listener is closed
                while True:
                    connection, _ = listener.accept()
                    threading.Thread(target=converse, args=[connection], daemon=True).start()

        def converse(connection: socket.socket) -> None:
            with contextlib.suppress(OSError), connection:
                secured = tls.wrap_socket(connection, server_side=True) if tls else connection
                _answer_ranges(secured, length_bytes)

        threading.Thread(target=accept, daemon=True).start()
        yield f"{'https' if tls else 'http'}://localhost:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def _answer_ranges(connection: socket.socket, length_bytes: int) -> None:
    asked = b""
    while data := connection.recv(1 << 16):
        asked += data
        if not asked.endswith(b"\r\n\r\n"):
            continue
        found = re.search(rb"(?i)\r\nrange: bytes=(\d+)-(\d+)", asked)
        assert found
        first, last = int(found[1]), int(found[2])
        left_bytes = last + 1 - first
        connection.sendall(
            f"HTTP/1.1 206 Partial Content\r\nContent-Length: {left_bytes}\r\n"
            f"Content-Range: bytes {first}-{last}/{length_bytes}\r\n\r\n".encode()
        )
        while left_bytes:
            connection.sendall(_ZEROS[:left_bytes])
            left_bytes -= min(left_bytes, len(_ZEROS))
        asked = b""


def _tls(folder: Path) -> ssl.SSLContext:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    return context
