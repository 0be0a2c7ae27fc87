"""What packages have in common is fetched once, also while they are all under way."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path

import msgspec
import pytest

from dlcore.engine.events import Event, PackageReady
from dlcore.engine.listeners.bus import EventBus
from dlcore.errors import Fault
from dlcore.manifest import encode
from dlcore.model import BlockExtent, Manifest
from dlcore.publish import publish
from dlcore.schedule import DeadlineScheduler, Events, RequestNumber
from dlcore.steps.interface import Outcome
from dlcore.store import Partial, Store
from dlcore.store.files import Files
from dlcore.store.lock import StateLock
from dlcore.tasksequence import Step, Variables
from tests.engine.fakes import Asked, FakeEndpoint, FakePlacement, Reply, fetch, opened, package
from tests.engine.machine import EXTRA, OS, TOOLS, TREES, Acting, Machine, outcomes, parsed
from tests.engine.scene import publish_packages, step
from tests.engine.virtual_time import virtually
from tests.store.cache.contents import package_of
from tests.store.helpers import BLOCK_BYTES, Package, fill, read_back

REAL_S = 60.0  # how long a thread waits at most for what certainly comes


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path, tmp_path / "state")


def block(number: int) -> bytes:
    return number.to_bytes(4, "big") * (BLOCK_BYTES // 4)


def of_blocks(package_id: str, first: int, last: int, version: int = 1) -> Package:
    image = b"".join(map(block, range(first, last)))
    return package_of(package_id, {"image.wim": image}, version=version)


@pytest.mark.parametrize("connections", [1, 8])
def test_packages_that_begin_together_fetch_what_they_share_once(
    tmp_path: Path, connections: int
) -> None:
    packages = {
        "ABC00001": of_blocks("ABC00001", 1, 81),
        "ABC00002": of_blocks("ABC00002", 17, 97),  # 80 % of it is the other's
        "ABC00003": of_blocks("ABC00003", 1, 81),
    }
    endpoint = FakeEndpoint("a", packages)
    virtually(fetch(tmp_path, packages, [endpoint], connections=connections))
    assert endpoint.delivered_bytes == 96 * BLOCK_BYTES


def test_short_packages_of_equal_content_are_fetched_once(tmp_path: Path) -> None:
    names = [f"ABC{number:05}" for number in range(1, 9)]
    packages = {name: of_blocks(name, 7, 8) for name in names}
    endpoint = FakeEndpoint("a", packages)
    virtually(fetch(tmp_path, packages, [endpoint], connections=8))
    assert endpoint.delivered_bytes == BLOCK_BYTES


class SlowStore(Store):
    """Has looked for what a second package needs, and returns when the first one is ready."""

    def __init__(self, state: Path, files: Files, lock: StateLock | None = None) -> None:
        super().__init__(state, files, lock)
        self.has_looked, self.is_first_ready = threading.Event(), threading.Event()

    def begin(self, manifest: Manifest, document: bytes) -> Partial:
        partial = super().begin(manifest, document)
        if manifest.package_id == "ABC00002":
            self.has_looked.set()
            assert self.is_first_ready.wait(REAL_S)
        return partial

    def hear(self, event: Event) -> None:
        if isinstance(event, PackageReady):
            self.is_first_ready.set()


class SlowEndpoint(FakeEndpoint):
    """Tells what it has of the first package when the second one has looked for it."""

    def __init__(self, packages: Mapping[str, Package], store: SlowStore) -> None:
        # Time stands still while a thread is at work, so nothing takes any.
        super().__init__("a", packages, latency_s=0.0, rate_bytes_per_s=math.inf)
        self._store = store

    async def locate(self, manifest: Manifest) -> FakePlacement:
        if manifest.package_id == "ABC00001":
            assert await asyncio.to_thread(self._store.has_looked.wait, REAL_S)
        return await super().locate(manifest)


def test_what_arrives_while_a_package_is_begun_is_not_fetched_again(tmp_path: Path) -> None:
    """Fault: a block arrives, with a package that is complete then, right after another package has
    looked for it on disk, and before that is wanted. It is not fetched again.
    """
    one, two = "ABC00001", "ABC00002"
    packages = {name: of_blocks(name, 7, 8) for name in (one, two)}
    bus = EventBus()

    async def main() -> int:
        with SlowStore.open(tmp_path) as store:
            bus.subscribe(store.hear)
            endpoint = SlowEndpoint(packages, store)
            async with opened(nullcontext(store), packages, [endpoint], bus=bus) as content:
                content.order([one])
                await content.begin(one)
                content.order([one, two])
                assert read_back(await content.path(two)) == packages[two].contents
            return endpoint.delivered_bytes

    assert virtually(main()) == BLOCK_BYTES


def test_equal_files_with_only_a_digest_of_their_own_are_fetched_once(tmp_path: Path) -> None:
    """A distribution point tells one digest for each file; here, each file is one block."""
    one = package("ABC00001", {"a": 900, "b": 900}, whole=True)
    manifest = msgspec.structs.replace(one.manifest, package_id="ABC00002")
    two = one._replace(manifest=manifest, document=encode(manifest))
    packages = {"ABC00001": one, "ABC00002": two}
    endpoint = FakeEndpoint("a", packages)
    virtually(fetch(tmp_path, packages, [endpoint], connections=8))
    assert endpoint.delivered_bytes == one.manifest.content_bytes


def test_equal_blocks_within_a_package_are_fetched_once(tmp_path: Path) -> None:
    image = block(1) + 40 * block(7) + block(2) + 40 * block(7)
    packages = {"ABC00001": package_of("ABC00001", {"image.vhd": image})}
    endpoint = FakeEndpoint("a", packages)
    virtually(fetch(tmp_path, packages, [endpoint], connections=8))
    assert endpoint.delivered_bytes == 3 * BLOCK_BYTES


def test_equal_blocks_of_a_package_that_was_broken_off_are_copied(tmp_path: Path) -> None:
    """One of them was on disk already, and the process ended before the others were."""
    image = 3 * block(7) + block(2)
    packages = {"ABC00001": package_of("ABC00001", {"image.vhd": image})}
    with Store.open(tmp_path) as store:
        one = packages["ABC00001"]
        partial = store.begin(one.manifest, one.document)
        fill(partial, one, [1])
        partial.sync()
        partial.close()
    endpoint = FakeEndpoint("a", packages)
    virtually(fetch(tmp_path, packages, [endpoint]))
    assert endpoint.delivered_bytes == BLOCK_BYTES


def test_packages_get_what_the_only_endpoint_of_another_refuses(tmp_path: Path) -> None:
    """Fault: a package waits for blocks of another one, whose only endpoint refuses them. dlcore
    fetches them for the package that waits, and copies them to the other.
    """
    packages = {"ABC00001": of_blocks("ABC00001", 1, 9), "ABC00002": of_blocks("ABC00002", 1, 12)}
    endpoints = [
        FakeEndpoint("a", {"ABC00001": packages["ABC00001"]}, refused, latency_s=3.0),
        FakeEndpoint("b", {"ABC00002": packages["ABC00002"]}),
    ]
    virtually(fetch(tmp_path, packages, endpoints))
    assert endpoints[1].delivered_bytes == 11 * BLOCK_BYTES


def test_what_was_altered_on_disk_before_it_was_copied_is_fetched(tmp_path: Path) -> None:
    """Fault: another program alters a block on disk before it is copied. dlcore fetches the block
    for the other package, too.
    """
    packages = {"ABC00001": of_blocks("ABC00001", 1, 3), "ABC00002": of_blocks("ABC00002", 1, 4)}
    endpoint = FakeEndpoint("a", packages)

    class Altering(DeadlineScheduler):
        def verified(self, number: RequestNumber, blocks: BlockExtent) -> Events:
            for path in (tmp_path / "partial").glob("ABC00001*/content/image.wim"):
                data = bytearray(path.read_bytes())
                data[0] ^= 1
                path.write_bytes(data)
            return super().verified(number, blocks)

    async def second() -> None:
        making = Altering
        async with opened(tmp_path, packages, [endpoint], make_scheduler=making) as content:
            content.order(list(packages))
            paths = await asyncio.gather(*map(content.path, packages), return_exceptions=True)
            assert isinstance(paths[1], Path)
            assert read_back(paths[1]) == packages["ABC00002"].contents

    virtually(second())


def test_the_next_version_costs_its_difference(tmp_path: Path) -> None:
    old = {"ABC00001": of_blocks("ABC00001", 0, 80)}
    virtually(fetch(tmp_path, old, [FakeEndpoint("a", old)]))
    new = {"ABC00001": of_blocks("ABC00001", 0, 85, version=2)}
    endpoint = FakeEndpoint("a", new)
    virtually(fetch(tmp_path, new, [endpoint]))
    assert endpoint.delivered_bytes == 5 * BLOCK_BYTES


def test_a_package_that_is_here_is_ready_though_its_request_fails(tmp_path: Path) -> None:
    """What its only endpoint was asked for came with another package meanwhile."""
    packages = {"ABC00001": of_blocks("ABC00001", 0, 8), "ABC00002": of_blocks("ABC00002", 0, 8)}
    endpoints = [
        FakeEndpoint("a", {"ABC00001": packages["ABC00001"]}, latency_s=4.0),
        FakeEndpoint("b", {"ABC00002": packages["ABC00002"]}, refused, latency_s=5.0),
    ]
    virtually(fetch(tmp_path, packages, endpoints, connections=1))
    assert len(endpoints[1].asked) <= 1  # or its blocks were promised before


def refused(asked: Asked) -> Reply:
    return Reply(Fault.AUTH)


ROOM = "[cache]\nmax_size = '60 kB'"


def test_a_step_that_writes_into_its_content_alters_no_other_package(
    machine: Machine, tmp_path: Path
) -> None:
    """Two packages have the same file; the step of one writes into it, that of the other reads."""
    shared = {"tool.exe": 20_000}
    publish_packages(tmp_path, {OS: TREES[OS], TOOLS: shared, EXTRA: shared})
    make_same(tmp_path)
    seen: list[bytes] = []

    def act(step: Step, variables: Variables, content: Mapping[str, Path]) -> Outcome:
        for package_id, folder in content.items():
            if package_id == TOOLS:
                (folder / "tool.exe").write_bytes(b"what a setup program wrote")
            if package_id == EXTRA:
                seen.append((folder / "tool.exe").read_bytes())
        return Outcome()

    tree = parsed(step("write", package=TOOLS), step("read", package=EXTRA))
    report = machine.run(tree, Acting(act))
    assert set(outcomes(report).values()) == {"succeeded"}
    assert seen == [(tmp_path / "source" / EXTRA / "tool.exe").read_bytes()]
    assert (
        report.bytes_fetched - report.bytes_wasted <= 54_097 + 2 * 20_000
    )  # what is in flight may come twice


def test_a_run_never_loses_what_it_needs_to_the_limit(machine: Machine, tmp_path: Path) -> None:
    """The packages of the run are larger than the cache may be: all stay, older ones give way."""
    publish_packages(tmp_path, TREES)
    machine.more = [ROOM]
    tree = parsed(step("tools", package=TOOLS), step("extra", package=EXTRA))
    older = machine.state / "packages" / "XYZ00001.1-0123456789abcdef" / "content"
    older.mkdir(parents=True, mode=0o700)
    for folder in (machine.state, machine.state / "packages", older.parent):
        folder.chmod(0o700)
    (older / "old.bin").write_bytes(b"old" * 10_000)
    report = machine.run(tree)
    assert set(outcomes(report).values()) == {"succeeded"}
    there = {path.name.partition(".")[0] for path in (machine.state / "packages").iterdir()}
    assert there == {OS, TOOLS, EXTRA}


def make_same(root: Path) -> None:
    """Publish the second package with the bytes of the first."""
    data = (root / "source" / TOOLS / "tool.exe").read_bytes()
    (root / "source" / EXTRA / "tool.exe").write_bytes(data)
    publish(
        root / "source" / EXTRA, package_id=EXTRA, version=2, destination=str(root / "published")
    )
