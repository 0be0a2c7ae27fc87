"""nginx on the far side of a link, plain and with TLS.

It says ``Accept-Ranges`` with partial responses too, as Azure Blob does and nginx alone does not:
pypdl would take it for a server without ranges.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import trustme

from bench.netlab import namespaces
from bench.netlab.namespaces import LaboratoryError
from tests.nginx import find_nginx

PLAIN, TLS = 8080, 8443
_CONFIG = """
daemon off;
master_process off;
user root;
pid {state}/nginx.pid;
error_log {state}/error.log;
events {{ worker_connections 4096; }}
worker_rlimit_nofile 16384;
http {{
    access_log off;
    client_body_temp_path {state}/body;
    proxy_temp_path {state}/proxy;
    fastcgi_temp_path {state}/fastcgi;
    uwsgi_temp_path {state}/uwsgi;
    scgi_temp_path {state}/scgi;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000;
    types {{ }}
    default_type application/octet-stream;
    ssl_certificate {state}/server.pem;
    ssl_certificate_key {state}/server.pem;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:tls:8m;
    map $http_range $said_with_ranges {{ default ""; "~." bytes; }}
    server {{
        listen {plain} backlog=4096;
        listen {tls} ssl backlog=4096;
        root {root};
        autoindex on;
        add_header Accept-Ranges $said_with_ranges;
    }}
}}
"""


class Server:
    """A running nginx.

    Attributes:
        address: Its IP address.
    """

    def __init__(self, process: subprocess.Popen[bytes], address: str) -> None:
        self._process = process
        self.address = address

    def url(self, *, tls: bool = False) -> str:
        """Base URL of what it serves."""
        return f"https://{self.address}:{TLS}" if tls else f"http://{self.address}:{PLAIN}"

    def stop(self) -> None:
        """End it at once: its connections are reset, and new ones refused."""
        self._process.kill()
        self._process.wait()


@contextlib.contextmanager
def serving(
    root: Path, state: Path, space: str, address: str, authority: trustme.CA
) -> Iterator[Server]:
    """Serve ``root`` in a namespace that has this address; ``state`` becomes nginx's own folder.

    Raises:
        LaboratoryError: nginx is not installed, or does not start.
    """
    executable = find_nginx()
    if executable is None:
        raise LaboratoryError("nginx is not installed: apt-get install nginx-light")
    state.mkdir()
    certificate = authority.issue_cert(address).private_key_and_cert_chain_pem
    certificate.write_to_path(state / "server.pem")
    config = _CONFIG.format(state=state, root=root, plain=PLAIN, tls=TLS)
    (state / "nginx.conf").write_text(config, encoding="utf-8")
    command = [executable, "-p", str(state), "-e", f"{state}/error.log", "-c", "nginx.conf"]
    with subprocess.Popen([*namespaces.inside(space), *command]) as process:
        try:
            _await_listening(process, space, state / "error.log")
            yield Server(process, address)
        finally:
            process.kill()


def _await_listening(process: subprocess.Popen[bytes], space: str, log: Path) -> None:
    deadline_s = time.monotonic() + 10
    while not namespaces.run([*namespaces.inside(space), "ss", "-Hltn", f"sport = :{PLAIN}"]):
        if process.poll() is not None or time.monotonic() > deadline_s:
            said = log.read_text(encoding="utf-8") if log.exists() else ""
            raise LaboratoryError(f"nginx did not start: {said}")
        time.sleep(0.02)
