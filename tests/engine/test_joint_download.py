"""Packages that are downloaded side by side, each from its own endpoints into its own store."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from dlcore.engine.download.packages import Retry
from dlcore.engine.fetching.joint_download import JointDownload
from dlcore.engine.fetching.sources import Source
from dlcore.engine.listeners.bus import EventBus
from dlcore.errors import ContentRefusedError, Fault, IntegrityError, StorageError
from dlcore.long_path import plain_path
from dlcore.native import Run, Written
from dlcore.schedule import Terms
from dlcore.store import Package, Store
from dlcore.store.files import Files
from tests.engine.fakes import GOOD, Asked, FakeEndpoint, Reply, package
from tests.engine.virtual_time import virtually
from tests.store.helpers import BLOCK_BYTES, read_back

ONE, TWO = package("ABC00001"), package("ABC00002")
MANY = {(name := f"ABC{number:05}"): package(name, {"a": 9000}) for number in range(10, 66)}
LATER_S = 9.0
EVERY_BLOCK = frozenset(range(0, 100 * BLOCK_BYTES, 100))


def source(endpoint: FakeEndpoint) -> Source:
    return endpoint, Terms(2)


async def filled(
    state: Path, wanted: Mapping[str, list[Source]]
) -> dict[str, Path | BaseException | None]:
    """Fill a store with each package. Returns where they are, or how they failed."""
    joint = JointDownload(wanted, EventBus(), Retry(0, 0.0))

    async def fill(name: str) -> Path | None:
        own = {"one": ONE, "two": TWO, **MANY}[name]
        described = Package(own.manifest, own.document)
        with Store.open(state / name) as store:
            try:
                await joint.fill(name, described, store)
            except StorageError:
                await asyncio.sleep(2 * LATER_S)  # what is in flight would arrive meanwhile
                raise
            return store.prove(*described, to_write=False)

    try:
        ended = await asyncio.gather(*map(fill, wanted), return_exceptions=True)
    finally:
        await joint.aclose()
    return dict(zip(wanted, ended, strict=True))


def test_each_package_comes_from_its_own_endpoints_into_its_own_store(tmp_path: Path) -> None:
    a, b = FakeEndpoint("a", {"ABC00001": ONE}), FakeEndpoint("b", {"ABC00002": TWO})
    ended = virtually(filled(tmp_path, {"one": [source(a)], "two": [source(b)]}))
    for name, own in (("one", ONE), ("two", TWO)):
        path = ended[name]
        assert isinstance(path, Path)
        assert plain_path(path).is_relative_to(tmp_path / name)
        assert read_back(path) == own.contents
    assert {asked.package for asked in a.asked} == {"ABC00001"}
    assert {asked.package for asked in b.asked} == {"ABC00002"}


def test_the_failure_of_another_packages_endpoint_is_no_reason(tmp_path: Path) -> None:
    """Fault: a server refuses one file while another serves a wrong one. dlcore tells each why."""
    refusing = FakeEndpoint("a", {"ABC00001": ONE}, lambda asked: Reply(Fault.AUTH))
    lying = FakeEndpoint(
        "b", {"ABC00002": TWO}, lambda asked: Reply(flips=EVERY_BLOCK), latency_s=1.0
    )
    ended = virtually(filled(tmp_path, {"one": [source(refusing)], "two": [source(lying)]}))
    assert isinstance(ended["one"], ContentRefusedError)
    assert isinstance(ended["two"], IntegrityError), "and not that another was refused"
    assert "a: no luck" not in str(ended["two"])


def test_a_damaged_package_costs_no_other_the_only_server(tmp_path: Path) -> None:
    """Fault: of many packages at the only server, some are damaged. dlcore fetches the others."""
    damaged = set(list(MANY)[:12])

    def script(asked: Asked) -> Reply:
        return Reply(flips=EVERY_BLOCK) if asked.package in damaged else GOOD

    server = FakeEndpoint("a", MANY, script)
    ended = virtually(filled(tmp_path, {name: [source(server)] for name in MANY}))
    wrong = {name for name, found in ended.items() if not isinstance(found, Path)}
    assert wrong == damaged
    for name in damaged:
        assert isinstance(ended[name], IntegrityError)
        assert "a: block " in str(ended[name])


def test_a_server_that_only_lies_is_soon_left_alone_and_that_is_told(tmp_path: Path) -> None:
    """Fault: the only server sends nothing but wrong bytes. dlcore stops asking it, and says of
    what it was not asked for that the server is in quarantine.
    """
    server = FakeEndpoint("a", MANY, lambda asked: Reply(flips=EVERY_BLOCK))
    ended = virtually(filled(tmp_path, {name: [source(server)] for name in MANY}))
    asked = {asked.package for asked in server.asked}
    assert len(server.asked) < len(MANY)  # those in flight included
    for name, error in ended.items():
        assert isinstance(error, IntegrityError)
        if name not in asked:
            assert "a: it was dropped because it served 32 objects wrong" in error.message
            assert "by itself" in error.remedy


def test_a_disk_that_fails_ends_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault: the disk fails while several packages arrive. dlcore ends all, and writes no more."""

    def fail(self: Files, runs: Sequence[Run]) -> Iterator[Written]:
        raise OSError(errno.EIO, "the disk is gone")

    monkeypatch.setattr(Files, "verify_and_write", fail)
    first = FakeEndpoint("a", {"ABC00001": ONE})

    def answers_later(asked: Asked) -> Reply:
        later.latency_s = LATER_S
        return GOOD

    later = FakeEndpoint("b", {"ABC00002": TWO}, answers_later)
    ended = virtually(filled(tmp_path, {"one": [source(first)], "two": [source(later)]}))
    assert all(isinstance(error, StorageError) for error in ended.values()), ended
    assert later.asked
    assert not later.delivered_bytes
