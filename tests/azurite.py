"""A real Azure Blob server for tests: Azurite, on a free loopback port, over http.

The account and its key are Azurite's published ones, no secret. Signatures are made by hand,
so that what is tested does not vouch for itself.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote, urlencode

import msgspec
import pytest

from tests.servers import missing

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
API_VERSION = "2021-12-02"
_READY = re.compile(rb"successfully listens on http://127\.0\.0\.1:(\d+)")


class Azurite(msgspec.Struct, frozen=True):
    """A running server."""

    port: int

    @property
    def url(self) -> str:
        """Root of the account, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}/{ACCOUNT}"

    def create_container(self, name: str) -> str:
        """Create a container and return its URL."""
        self._put(f"{name}?restype=container&{self._account_sas()}")
        return f"{self.url}/{name}"

    def put_blob(self, container: str, name: str, data: bytes) -> str:
        """Write a block blob and return its URL, without a signature."""
        where = f"{container}/{quote(name)}"
        self._put(f"{where}?{self._account_sas()}", data, {"x-ms-blob-type": "BlockBlob"})
        return f"{self.url}/{where}"

    def container_sas(
        self, container: str, *, permissions: str = "rl", life_s: float = 3600
    ) -> str:
        """Query string that admits to all blobs of a container; it expires after ``life_s``."""
        return _service_sas(container, "c", permissions, life_s)

    def blob_sas(
        self, container: str, name: str, *, permissions: str = "r", life_s: float = 3600
    ) -> str:
        """Query string that admits to one blob; it expires after ``life_s``, which may be < 0."""
        return _service_sas(f"{container}/{name}", "b", permissions, life_s)

    def environment(self) -> dict[str, str]:
        """What obstore needs in the environment to write here."""
        return {
            "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT,
            "AZURE_STORAGE_ACCOUNT_KEY": KEY,
            "AZURE_STORAGE_ENDPOINT": self.url,
            "AZURE_ALLOW_HTTP": "true",
        }

    def _account_sas(self) -> str:
        names = ["sp", "ss", "srt", "st", "se", "sip", "spr", "sv", "ses"]
        values = ["rwdlac", "b", "sco", "", _moment(3600), "", "", API_VERSION, ""]
        fields = dict(zip(names, values, strict=True))
        return _signed("\n".join([ACCOUNT, *fields.values(), ""]), fields)

    def _put(
        self, target: str, data: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> None:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request(
                "PUT",
                f"/{ACCOUNT}/{target}",
                data,
                {"x-ms-version": API_VERSION, **(headers or {})},
            )
            response = connection.getresponse()
            assert response.status == 201, (response.status, response.read())


def _service_sas(resource: str, kind: str, permissions: str, life_s: float) -> str:
    start, end = _moment(min(0, life_s) - 60), _moment(life_s)
    signed = [permissions, start, end, f"/blob/{ACCOUNT}/{resource}", "", "", "", API_VERSION, kind]
    fields = {"sp": permissions, "st": start, "se": end, "sv": API_VERSION, "sr": kind}
    return _signed("\n".join([*signed, *[""] * 7]), fields)


def _signed(text: str, fields: dict[str, str]) -> str:
    signature = hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256).digest()
    shown = {name: value for name, value in fields.items() if value}
    return urlencode(shown | {"sig": base64.b64encode(signature).decode()})


def _moment(from_now_s: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + from_now_s))


def find_azurite() -> str | None:
    """Path of the executable, if there is one."""
    local = Path(__file__).parent.parent / "node_modules" / ".bin" / "azurite-blob"
    return (
        os.environ.get("DLCORE_AZURITE")
        or shutil.which("azurite-blob")
        or (str(local) if local.exists() else None)
    )


@contextmanager
def running() -> Iterator[Azurite]:
    """Run a server in a folder of its own; skip the test if Azurite is not installed."""
    executable = find_azurite()
    if executable is None:
        missing("Azurite is not installed (npm install azurite, or set DLCORE_AZURITE)")
    options = ["--silent", "--skipApiVersionCheck", "--disableTelemetry", "--blobPort", "0"]
    with TemporaryDirectory(prefix="azurite-") as folder:
        command = [executable, *options, "--location", folder]
        with subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as server:
            try:
                yield Azurite(_port(server))
            finally:
                server.kill()


def _port(server: subprocess.Popen[bytes]) -> int:
    assert server.stdout is not None
    said = b""
    for line in server.stdout:
        said += line
        if found := _READY.search(line):
            return int(found[1])
    raise AssertionError(f"Azurite did not start: {said.decode(errors='replace')}")


@pytest.fixture(scope="session")
def azurite() -> Iterator[Azurite]:
    """The server of the whole test session."""
    with running() as server:
        yield server
