"""A real nginx for tests: serves a folder on a free loopback port, plain or with TLS."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.servers import missing

_CONFIG = """
daemon off;
master_process off;
worker_processes 1;
pid {state}/nginx.pid;
error_log {state}/error.log;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {state}/body;
    proxy_temp_path {state}/proxy;
    fastcgi_temp_path {state}/fastcgi;
    uwsgi_temp_path {state}/uwsgi;
    scgi_temp_path {state}/scgi;
    sendfile on;
    keepalive_requests 100000;
    types {{ }}
    default_type application/octet-stream;
    {more}
    server {{
        listen 127.0.0.1:{port}{tls};
        root {root};
    }}
}}
"""
_TLS = "ssl_certificate {cert}; ssl_certificate_key {cert}; ssl_protocols TLSv1.2 TLSv1.3;"
_CLIENTS = "ssl_client_certificate {clients}; ssl_verify_client on;"


def find_nginx() -> str | None:
    """Path of the executable, if there is one."""
    return os.environ.get("DLCORE_NGINX") or shutil.which(
        "nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin"
    )


@contextmanager
def running(
    root: Path, *, certificate: Path | None = None, clients: Path | None = None
) -> Iterator[str]:
    """Serve ``root`` and yield the base URL; skip the test if nginx is not installed.

    Args:
        root: What to serve.
        certificate: PEM file with key and chain for ``localhost``; plain http without.
        clients: PEM file of the authority whose certificates clients must show; None for any
            client.
    """
    executable = find_nginx()
    if executable is None:
        missing("nginx is not installed (apt install nginx-light, or set DLCORE_NGINX)")
    port = _free_port()
    tls = _TLS.format(cert=certificate) if certificate else ""
    with TemporaryDirectory(prefix="nginx-") as folder:
        config = Path(folder) / "nginx.conf"
        config.write_text(
            _CONFIG.format(
                state=folder,
                root=root,
                port=port,
                tls=" ssl" if certificate else "",
                more=tls + (_CLIENTS.format(clients=clients) if clients else ""),
            ),
            encoding="utf-8",
        )
        command = [executable, "-p", folder, "-e", f"{folder}/error.log", "-c", str(config)]
        with subprocess.Popen(command, stderr=subprocess.PIPE) as server:
            try:
                _await_listening(server, port)
                yield f"https://localhost:{port}" if certificate else f"http://127.0.0.1:{port}"
            finally:
                server.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await_listening(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if server.poll() is not None or time.monotonic() > deadline:
                said = server.stderr.read() if server.stderr and server.poll() is not None else b""
                raise AssertionError(
                    f"nginx did not start: {said.decode(errors='replace')}"
                ) from None
            time.sleep(0.01)
        else:
            return
