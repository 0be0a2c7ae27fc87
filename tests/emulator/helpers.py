"""A small published folder, a clock of ours and a plain client of the documented protocol."""

from __future__ import annotations

import asyncio
import hashlib
import random
import ssl
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import msgspec
from yarl import URL

from dlcore.emulator import Emulator
from dlcore.manifest import digest_of, encode, encode_catalog, object_name
from dlcore.model import (
    CATALOG_KEY,
    Catalog,
    CatalogEntry,
    File,
    Manifest,
    Object,
    manifest_key,
    object_key,
)

PACKAGE_ID = "ABC00012"
BLOCK_BYTES = 4 << 10
LARGE = random.Random(1).randbytes(600_000)  # more than two reads of the sender
CONTENT = {
    "Drivers/Net/Español & más.txt": b"hola",
    "Drivers/Net/empty.txt": b"",
    "Drivers/a 100%.inf": b"[Version]",
    "setup.exe": LARGE,
}
EMPTY_FOLDER = "Logs"


class Sample(NamedTuple):
    """A published package."""

    folder: Path
    manifest: Manifest
    digest: str

    @property
    def large(self) -> Object:
        return self.manifest.objects[1]


def publish(folder: Path) -> Sample:
    """Publish `CONTENT`: its small files in one object, the large one in another."""
    packed = CONTENT["Drivers/Net/Español & más.txt"] + CONTENT["Drivers/a 100%.inf"]
    objects = tuple(_store(folder, data) for data in (packed, LARGE))
    files = (
        File("Drivers/Net/Español & más.txt", 4, 0),
        File("Drivers/Net/empty.txt", 0),
        File("Drivers/a 100%.inf", 9, 0, 4),
        File("setup.exe", len(LARGE), 1),
    )
    manifest = Manifest(1, PACKAGE_ID, 3, BLOCK_BYTES, objects, files, (EMPTY_FOLDER,))
    document = encode(manifest)
    digest = digest_of(document)
    entry = CatalogEntry(3, digest, len(document), manifest.content_bytes)
    _write(folder / manifest_key(digest), document)
    _write(folder / CATALOG_KEY, encode_catalog(Catalog(1, {PACKAGE_ID: entry})))
    return Sample(folder, manifest, digest)


def _store(folder: Path, data: bytes) -> Object:
    blocks = (data[at : at + BLOCK_BYTES] for at in range(0, len(data), BLOCK_BYTES))
    digests = b"".join(hashlib.sha256(block).digest() for block in blocks)
    name = object_name(len(data), BLOCK_BYTES, digests)
    _write(folder / object_key(name), data)
    return Object(name, len(data), digests)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


class Time:
    """A clock that moves only when somebody sleeps, or when it is told to.

    Attributes:
        now_s: Seconds since 1970.
        late_s: By how much every sleep is too long.
        slept_s: The sleeps asked for.
    """

    def __init__(self) -> None:
        self.now_s = 1_700_000_000.0
        self.late_s = 0.0
        self.slept_s: list[float] = []

    def __call__(self) -> float:
        return self.now_s

    async def sleep(self, wait_s: float) -> None:
        self.slept_s.append(wait_s)
        self.now_s += wait_s + self.late_s
        await asyncio.sleep(0)


class Answer(NamedTuple):
    """A whole answer."""

    status: int
    headers: Any
    body: bytes


class Client:
    """Speaks the documented protocol with aiohttp alone."""

    def __init__(self, emulator: Emulator, session: aiohttp.ClientSession) -> None:
        self._emulator = emulator
        self._session = session

    async def ask(self, method: str, url: str, **headers: str) -> Answer:
        """One request; names of headers are written with ``_`` for ``-``."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if url.startswith("/"):
            url = self._emulator.url + url
        async with self._session.request(
            method, URL(url, encoded=True), headers=named, allow_redirects=False
        ) as response:
            return Answer(response.status, response.headers, await response.read())

    async def read(self, path: str, token: str) -> Answer:
        """GET a path of the service with an access token."""
        return await self.ask("GET", path, Authorization=f"Bearer {token}")

    async def token(self) -> str:
        """A new access token."""
        registration = self._emulator.registration_token_file.read_text().strip()
        path = "/ccm_system_TokenAuth/token"
        answer = await self.ask("POST", path, Authorization=f"Bearer {registration}")
        assert answer.status == 200
        return str(parsed(answer)["access_token"])

    async def url_of(self, sample: Sample, name: str) -> str:
        """A signed location of an object."""
        answer = await self.read(locations_path(sample), await self.token())
        assert answer.status == 200
        return str(parsed(answer)["objects"][name]["url"])


def locations_path(sample: Sample) -> str:
    """Where the locations of the sample are asked for."""
    return f"/downloadrestservice.svc/getcontentxmlsecure?pid={PACKAGE_ID}&cid={sample.digest}"


def parsed(answer: Answer) -> Any:
    """The JSON of an answer."""
    assert answer.headers["Content-Type"].startswith("application/json")
    return msgspec.json.decode(answer.body)


def trusting(ca_file: Path) -> aiohttp.TCPConnector:
    """A connector that trusts one authority and no other."""
    return aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=str(ca_file)))
