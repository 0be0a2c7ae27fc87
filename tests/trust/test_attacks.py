"""TUF's named attacks, over a real server. The attacker controls what it serves, but not the keys.

Source: TUF specification 1.0.31, section 1.5.2, "Goals to protect against specific attacks".
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from aiohttp import web
from tuf.api.metadata import Metadata, Root

from dlcore.engine.documents.catalog import read_catalog
from dlcore.engine.documents.trusted import TrustedRoot
from dlcore.engine.download.packages import Retry
from dlcore.engine.fetching.fetch import fetch
from dlcore.errors import (
    ConfigError,
    ExhaustedError,
    Fault,
    IntegrityError,
    ManifestError,
    NotFoundError,
    TransferError,
    TrustError,
    TrustFault,
)
from dlcore.model import TIMESTAMP_KEY, EndpointKind, EndpointSettings
from dlcore.publish.signed_documents import write_signed
from dlcore.transfer import ConnectionPool, Endpoint, open_endpoint
from dlcore.transfer.policy import TransferPolicy
from dlcore.trust import DAY_S, Lifetimes, signed_catalog_key
from dlcore.trust.roots import RootChange
from dlcore.trust.signing import Versions
from tests.nginx import running
from tests.trust.site import PACKAGE, Site, key

ONCE = Retry(count=0)


class Sent:
    """How much a server has sent, and where it is."""

    url = ""
    bytes = 0


def read_document_once(endpoint: Endpoint) -> Callable[[str, int], Awaitable[bytes | None]]:
    """Reads published documents; asks only once."""

    async def read(key: str, max_bytes: int) -> bytes | None:
        try:
            return await endpoint.read_document(key, max_bytes)
        except TransferError as error:
            if error.fault is Fault.NOT_FOUND:
                return None
            raise

    return read


ELSEWHERE = "http://192.0.2.1"  # reserved for documentation: nothing is there


class Client(NamedTuple):
    """A client that pins the site's root and asks its server, over plain http."""

    site: Site
    url: str
    folder: Path

    async def fetch(self, package_id: str = PACKAGE, *mirrors: str) -> bytes:
        """The content of the package's one file."""
        to = self.folder / f"fetched {len(list(self.folder.iterdir()))}"
        urls = (self.url, *mirrors)
        await fetch(package_id, to=to, endpoints=urls, trust_root=self.site.root, retry=ONCE)
        return (to / "setup.exe").read_bytes()

    async def refused(self) -> TrustError:
        """The error with which a fetch ends; nothing was delivered."""
        before = {path.name for path in self.folder.iterdir()}
        with pytest.raises(TrustError) as caught:
            await self.fetch()
        assert {path.name for path in self.folder.iterdir()} == before
        assert caught.value.remedy
        return caught.value


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the user's programs keep their state."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def client(tmp_path: Path, home: Path) -> Iterator[Client]:
    site = Site(tmp_path)
    site.publish(1)
    (tmp_path / "client").mkdir()
    with running(site.folder) as url:
        yield Client(site, url, tmp_path / "client")


async def test_the_signed_catalog_is_used_over_plain_http(client: Client) -> None:
    assert await client.fetch() == b"version 1"
    client.site.publish(2)
    assert await client.fetch() == b"version 2"


async def test_without_a_root_plain_http_is_refused(client: Client) -> None:
    """Fault M7: a catalog comes over plain http and nothing vouches for it. dlcore refuses it."""
    with pytest.raises(ConfigError, match="without TLS"):
        await fetch(PACKAGE, to=client.folder / "to", endpoints=[ELSEWHERE])


async def test_arbitrary_software_another_catalog(client: Client) -> None:
    """Fault M7: a server puts another catalog in place of the signed one. dlcore refuses it."""
    site = client.site
    signed = signed_catalog_key(sha256(site.verified().catalog or b"").hexdigest())
    site.write(signed, site.read(signed).replace(b'"version":1', b'"version":2'))
    assert (await client.refused()).fault is TrustFault.MISMATCH


async def test_arbitrary_software_signed_by_a_stranger(client: Client) -> None:
    """Fault M7: a server signs its own catalog with its own keys. dlcore refuses the signatures."""
    client.site.forge(client.site.evil_catalog(), key("stranger"))
    assert (await client.refused()).fault is TrustFault.SIGNATURE


async def test_arbitrary_software_signed_by_the_online_key(client: Client) -> None:
    """Fault M7: a thief of the online key signs a catalog. dlcore asks for the key of the
    targets.
    """
    client.site.forge(client.site.evil_catalog(), key("online"))
    error = await client.refused()
    assert error.fault is TrustFault.SIGNATURE
    assert "targets" in error.message


async def test_key_compromise_below_the_threshold(tmp_path: Path, home: Path) -> None:
    """Fault M7: a thief has one of two keys of the targets. dlcore counts one signature,
    needs two.
    """
    site = Site(tmp_path, threshold=2)
    site.publish(1)
    (tmp_path / "client").mkdir()
    with running(site.folder) as url:
        client = Client(site, url, tmp_path / "client")
        assert await client.fetch() == b"version 1"
        site.forge(site.evil_catalog(), key("targets 1"), key("online"))
        error = await client.refused()
    assert error.fault is TrustFault.SIGNATURE
    assert "1/2" in error.message


async def test_rollback(client: Client) -> None:
    """Fault M7: a server offers an older site that was signed once. dlcore refuses the rollback."""
    old = client.site.copy()
    client.site.publish(2)
    assert await client.fetch() == b"version 2"
    client.site.restore(old)
    assert (await client.refused()).fault is TrustFault.ROLLBACK


async def test_rollback_of_the_catalog_alone(client: Client) -> None:
    """Fault: a thief of the online key names an older catalog again. dlcore refuses the
    rollback.
    """
    site = client.site
    old = site.verified()
    site.publish(2)
    assert await client.fetch() == b"version 2"
    newest = site.verified()
    signing = site.signing(newest.root, [key("online")])
    targets = site.read(f"metadata/{old.targets.version}.targets.json")
    version = newest.snapshot.version + 1
    snapshot = signing.snapshot(targets, old.targets.version, version)
    site.write(f"metadata/{version}.snapshot.json", snapshot)
    site.write(TIMESTAMP_KEY, signing.timestamp(snapshot, version, newest.timestamp.version + 1))
    assert (await client.refused()).fault is TrustFault.ROLLBACK


async def test_indefinite_freeze(client: Client) -> None:
    """Fault M7: a server hides all newer catalogs. dlcore refuses the old one when it has
    expired.
    """
    client.site.later(days=-8)
    client.site.opened(key("online")).renew()
    error = await client.refused()
    assert error.fault is TrustFault.EXPIRED
    expired = f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d %H:%M}"
    assert expired in error.message
    assert f"this machine's clock says {datetime.now(UTC):%Y-%m-%d}" in error.message


@pytest.mark.parametrize("role", ["root", "targets", "snapshot"])
async def test_freeze_of_every_document(tmp_path: Path, home: Path, role: str) -> None:
    """Fault C5, M7: a root, targets or a snapshot has expired. dlcore names it and its end."""
    lifetimes = msgspec.structs.replace(Lifetimes(timestamp=30 * DAY_S), **{role: DAY_S})
    site = Site(tmp_path, now=datetime.now(UTC) - timedelta(days=2), lifetimes=lifetimes)
    site.publish(1)
    (tmp_path / "client").mkdir()
    with running(site.folder) as url:
        error = await Client(site, url, tmp_path / "client").refused()
    assert error.fault is TrustFault.EXPIRED
    assert f"{role}.json expired" in error.message


async def test_freeze_by_a_clock_that_was_set_back(client: Client, tmp_path: Path) -> None:
    """Fault C5: the clock was set back, so that old metadata looks valid. dlcore knows better."""
    site, memory = client.site, tmp_path / "memory"
    start, catalog = site.now, site.folder / "catalog.json"
    site.later(days=6)
    site.opened().renew()
    on_day_8 = TrustedRoot(site.root, memory, now=lambda: start + timedelta(days=8))
    await read_catalog(path=catalog, trust=on_day_8)
    site.later(days=-6)
    site.opened().renew()  # valid until day 7
    on_day_1 = TrustedRoot(site.root, memory, now=lambda: start + timedelta(days=1))
    with pytest.raises(TrustError, match="so the clock is wrong") as caught:
        await read_catalog(path=catalog, trust=on_day_1)
    assert caught.value.fault is TrustFault.EXPIRED


async def test_a_kept_catalog_that_was_not_signed(client: Client, tmp_path: Path) -> None:
    """Fault: a run began with an unsigned catalog, and a root is pinned now. dlcore refuses it."""
    trusted = TrustedRoot(client.site.root, tmp_path / "memory")
    read = await read_catalog(path=client.site.folder / "catalog.json", trust=trusted)
    trusted.prove(read.evidence, read.document, "kept")
    with pytest.raises(TrustError, match="without its signatures") as caught:
        trusted.prove(b"", read.document, "kept")
    assert caught.value.fault is TrustFault.UNSIGNED


async def test_mix_and_match(client: Client) -> None:
    """Fault M7: a server mixes documents of two versions of a site. dlcore refuses the mixture."""
    site = client.site
    old = site.verified().targets.version
    site.publish(2)
    new = site.verified().targets.version
    site.write(f"metadata/{new}.targets.json", site.read(f"metadata/{old}.targets.json"))
    assert (await client.refused()).fault is TrustFault.MISMATCH


async def test_wrong_software(client: Client) -> None:
    """Fault: a server serves another package's documents as this one's. dlcore finds none."""
    site = client.site
    site.publish(1, b"other", "ABC00002")
    entries = json.loads(site.verified().catalog or b"")["packages"]
    wrong, right = (entries[name]["manifest"] for name in ("ABC00002", PACKAGE))
    site.write(f"manifests/{right}.json", site.read(f"manifests/{wrong}.json"))
    with pytest.raises(NotFoundError, match="does not match its digest"):
        await client.fetch()


async def test_malicious_mirrors(client: Client, tmp_path: Path) -> None:
    """Fault: a mirror serves other bytes under the right names. dlcore takes them from the good."""
    mirror = tmp_path / "mirror"
    (mirror / "objects").mkdir(parents=True)
    for path in (client.site.folder / "objects").iterdir():
        (mirror / "objects" / path.name).write_bytes(bytes(path.stat().st_size))
    assert await client.fetch(PACKAGE, str(mirror)) == b"version 1"
    for path in (client.site.folder / "objects").iterdir():
        path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises((IntegrityError, ExhaustedError)):
        await client.fetch(PACKAGE, str(mirror))


async def test_an_unsigned_site(client: Client) -> None:
    """Fault M7: a server leaves the signatures out. dlcore refuses a site without them by name."""
    client.site.restore({})
    error = await client.refused()
    assert error.fault is TrustFault.UNSIGNED
    assert client.url.removeprefix("http://").partition(":")[0] in error.message


async def test_fast_forward_and_recovery(client: Client) -> None:
    """Fault M7: a thief of the online key signs a very high version. dlcore follows a new root."""
    site = client.site
    stolen = site.copy()
    verified = site.verified()
    forged = site.signing(verified.root, [key("online")]).renewed_timestamp(
        verified.timestamp.snapshot_meta, 1 << 40
    )
    site.write(TIMESTAMP_KEY, forged)
    assert await client.fetch() == b"version 1"  # it has remembered the high version
    site.restore(stolen)
    assert (await client.refused()).fault is TrustFault.ROLLBACK  # with the same key: no way back
    site.keys = [key("targets"), key("online 2")]
    site.opened(key("root"), *site.keys).rotate(
        RootChange(
            add=(
                ("snapshot", key("online 2").public_key),
                ("timestamp", key("online 2").public_key),
            ),
            remove=(
                ("snapshot", key("online").public_key.keyid),
                ("timestamp", key("online").public_key.keyid),
            ),
        )
    )
    assert site.verified().timestamp.version < 1 << 40
    assert await client.fetch() == b"version 1"
    site.publish(2)
    assert await client.fetch() == b"version 2"


async def test_a_root_that_the_old_keys_did_not_sign(client: Client) -> None:
    """Fault: a server offers a new root of its own. dlcore asks for signatures of the old keys."""
    site = client.site
    root = site.verified().root
    root.version = 2
    root.add_key(key("stranger").public_key, "root")
    site.write("metadata/2.root.json", _signed(root, "stranger"))
    assert (await client.refused()).fault is TrustFault.SIGNATURE


async def test_a_root_that_its_own_keys_did_not_sign(client: Client) -> None:
    """Fault: a new root lacks signatures of its own keys. dlcore asks for them too."""
    site = client.site
    root = site.verified().root
    root.version = 2
    root.add_key(key("root 2").public_key, "root")
    root.roles["root"].threshold = 2
    site.write("metadata/2.root.json", _signed(root, "root"))
    assert (await client.refused()).fault is TrustFault.SIGNATURE


async def test_a_root_that_passes_over_a_version(client: Client) -> None:
    """Fault: a root has another version than its name. dlcore refuses it."""
    site = client.site
    root = site.verified().root
    root.version = 3
    site.write("metadata/2.root.json", _signed(root, "root"))
    assert (await client.refused()).fault is TrustFault.ROLLBACK


async def test_a_new_root_is_remembered_at_once(client: Client) -> None:
    """Fault: a server hides the root that revokes a stolen key. dlcore has seen it and keeps it."""
    site = client.site
    stolen = site.copy()
    root = site.verified().root
    root.version = 2
    for role in ("snapshot", "timestamp"):
        root.add_key(key("online 2").public_key, role)
        root.revoke_key(key("online").public_key.keyid, role)
    site.write("metadata/2.root.json", _signed(root, "root"))
    assert (await client.refused()).fault is TrustFault.SIGNATURE  # not signed anew yet
    site.restore(stolen)
    assert (await client.refused()).fault is TrustFault.SIGNATURE


async def test_a_new_root_clears_the_way_for_lower_versions(client: Client) -> None:
    """Fault: a stolen key's high version is remembered as keys change. dlcore starts over."""
    site = client.site
    verified, before = site.verified(), site.copy()
    forged = site.signing(verified.root, [key("online")]).renewed_timestamp(
        verified.timestamp.snapshot_meta, 1 << 40
    )
    site.write(TIMESTAMP_KEY, forged)
    assert await client.fetch() == b"version 1"
    site.restore(before)
    root = verified.root
    root.version = 2
    for role in ("snapshot", "timestamp"):
        root.add_key(key("online 2").public_key, role)
        root.revoke_key(key("online").public_key.keyid, role)
    document = _signed(root, "root")
    site.write("metadata/2.root.json", document)
    assert (await client.refused()).fault is TrustFault.SIGNATURE  # the timestamp is still the old
    signing = site.signing(root, [key("targets"), key("online 2")])
    catalog = site.read("catalog.json")
    old = [write_signed(site.target, signing, catalog, Versions(n, n, n)) for n in (10, 20)]
    site.write(TIMESTAMP_KEY, old[1])
    assert await client.fetch() == b"version 1"
    site.write(TIMESTAMP_KEY, old[0])
    assert (await client.refused()).fault is TrustFault.ROLLBACK


def _signed(root: Root, *names: str) -> bytes:
    document = Metadata(root)
    for name in names:
        document.sign(key(name), append=True)
    return document.to_bytes()


async def test_a_catalog_that_states_another_length_of_content(client: Client) -> None:
    """Fault: a catalog states lengths that the manifest does not have. dlcore refuses by name."""
    catalog = json.loads(client.site.verified().catalog or b"")
    catalog["packages"][PACKAGE]["content_bytes"] += 1
    client.site.forge(json.dumps(catalog).encode(), key("targets"), key("online"))
    with pytest.raises(ManifestError, match=f"{PACKAGE} version 1 has .* bytes of content"):
        await client.fetch()


ENDLESS = pytest.mark.parametrize(
    "name", ["root", "timestamp", "snapshot", "targets", "catalog"], ids=str
)


@asynccontextmanager
async def _odd_server(site: Site, name: str, piece: bytes, wait_s: float) -> AsyncIterator[Sent]:
    """Serves the site, but of one document one piece after the other, without an end."""
    sent = Sent()
    ending = "2.root.json" if name == "root" else f"{name}.json"

    async def answer(request: web.Request) -> web.StreamResponse:
        path = site.folder / request.path.removeprefix("/")
        if not request.path.endswith(ending) or request.path == "/catalog.json":
            return (
                web.Response(body=path.read_bytes()) if path.is_file() else web.Response(status=404)
            )
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(piece)
            sent.bytes += len(piece)
            await asyncio.sleep(wait_s)

    application = web.Application()
    application.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0)
    await runner.setup()
    try:
        server = web.TCPSite(runner, "127.0.0.1", 0)
        await server.start()
        sent.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield sent
    finally:
        await runner.cleanup()


@ENDLESS
async def test_endless_data(tmp_path: Path, home: Path, name: str) -> None:
    """Fault M7: a server sends a document without end. dlcore stops reading at its longest
    length.
    """
    site = Site(tmp_path)
    site.publish(1)
    (tmp_path / "client").mkdir()
    async with _odd_server(site, name, b" " * 65_536, 0) as sent:
        error = await Client(site, sent.url, tmp_path / "client").refused()
    assert error.fault is TrustFault.TOO_LONG
    assert sent.bytes < 8 << 20  # what the buffers between the two hold, and the limit


@ENDLESS
async def test_slow_retrieval(tmp_path: Path, home: Path, name: str) -> None:
    """Fault M7: a server sends a document ever more slowly. dlcore gives it up after a time."""
    site = Site(tmp_path)
    site.publish(1)
    policy = TransferPolicy(stall_s=0.2, min_document_bytes_per_s=1 << 30)
    async with _odd_server(site, name, b" ", 0.1) as sent:
        settings = EndpointSettings("slow", EndpointKind.HTTP, sent.url)
        endpoint = open_endpoint(settings, pool=ConnectionPool(policy))
        read = read_document_once(endpoint)
        try:
            with pytest.raises(TransferError) as caught:
                async with asyncio.timeout(20):
                    await TrustedRoot(site.root, None).read(read, "slow")
        finally:
            await endpoint.aclose()
    assert caught.value.fault is Fault.STALL
