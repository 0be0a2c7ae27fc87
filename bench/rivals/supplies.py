"""What is fetched in the comparisons, and the certificates: made once for all trials."""

from __future__ import annotations

import hashlib
import random
import ssl
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import trustme

from bench.rivals.tools import dlcore_program
from dlcore.publish import publish

SEED = 11
_MIB = 1 << 20
_PART_BYTES = 64 * _MIB  # Python makes no more than 256 MiB at once
PACKAGE = "ABC00001"


class Supplies:
    """Content by name, what describes it, and who vouches for the servers.

    Attributes:
        folder: Where all of it is.
        files: Content by name.
        programs: The folder with the program ``dlcore``.
    """

    def __init__(self, folder: Path, sizes: Mapping[str, int], dlcore: str = "") -> None:
        chance = random.Random(SEED)
        self.folder = folder
        self.files = {name: _random(chance, size) for name, size in sizes.items()}
        self.programs = dlcore_program(folder / "programs", dlcore)

    def sha256(self, name: str) -> str:
        """Of a file, hex."""
        return hashlib.sha256(self.files[name]).hexdigest()

    def sums(self, line: str = "{sha256}  {name}\n") -> str:
        """The digests of all files, as ``sha256sum`` writes them or in other lines."""
        return "".join(
            line.format(name=name, sha256=self.sha256(name)) for name in sorted(self.files)
        )

    @cached_property
    def published(self) -> Path:
        """The files as a package that ``dlcore publish`` has published."""
        source = self.folder / "source"
        source.mkdir()
        for name, content in self.files.items():
            (source / name).write_bytes(content)
        publish(source, package_id=PACKAGE, destination=str(self.folder / "published"))
        return self.folder / "published"

    @cached_property
    def _authority(self) -> trustme.CA:
        return trustme.CA()

    @cached_property
    def authority(self) -> Path:
        """PEM file of who signed the certificates."""
        path = self.folder / "ca.pem"
        self._authority.cert_pem.write_to_path(str(path))
        return path

    @cached_property
    def client(self) -> tuple[Path, Path]:
        """PEM files of a client's certificate and of its key."""
        issued = self._authority.issue_cert("client@contoso.com")
        paths = (self.folder / "client.pem", self.folder / "client.key")
        for path, pem in zip(
            paths, (issued.cert_chain_pems[0], issued.private_key_pem), strict=True
        ):
            path.touch(mode=0o600)
            pem.write_to_path(str(path))
        return paths

    def tls(self, *, asks_client: bool = False) -> ssl.SSLContext:
        """How a server speaks TLS, and whether it demands a certificate of its client."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
        if asks_client:
            self._authority.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def _random(chance: random.Random, size: int) -> bytes:
    parts = [chance.randbytes(min(_PART_BYTES, size - at)) for at in range(0, size, _PART_BYTES)]
    return b"".join(parts)


HABIT_SIZES = {
    "tool.zip": 3 * _MIB + 77,
    "other.zip": _MIB + 5,
    "notes.txt": 4321,
    "large.img": 48 * _MIB,
}
