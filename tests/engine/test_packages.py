"""The life of packages, where it meets the failure of everything."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from dlcore.engine.download import retrying
from dlcore.engine.download.endpoint_log import EndpointLog
from dlcore.engine.download.meter import Meter
from dlcore.engine.download.package import PackageDownload
from dlcore.engine.download.packages import Packages, TellPlacement
from dlcore.engine.download.tasks import Tasks
from dlcore.engine.listeners.bus import EventBus
from dlcore.errors import DiskFullError, ExhaustedError, Fault, StorageError, TransferError
from dlcore.model import BlockExtent, BlockInPackage, Manifest
from dlcore.store import Partial, Reserve, Store
from dlcore.store.files import Files
from tests.engine.fakes import package
from tests.engine.schedulers import IdleScheduler
from tests.engine.virtual_time import virtually
from tests.store.helpers import BLOCK_BYTES, Package, fill


class SlowStore(Store):
    """Begins a package only when the test lets it."""

    is_beginning = threading.Event()
    may_begin = threading.Event()

    def begin(self, manifest: Manifest, document: bytes) -> Partial:
        self.is_beginning.set()
        self.may_begin.wait()
        return super().begin(manifest, document)


class UnlistedStore(Store):
    """Fails to list older versions, once."""

    has_failed = False

    def contents_of(self, package_id: str, *, but: str = "") -> list[Path]:
        if not self.has_failed:
            self.has_failed = True
            raise StorageError("the folder cannot be listed")
        return super().contents_of(package_id, but=but)


class EvictingStore(Store):
    """Lets a package give way to the next one while its proof is under way."""

    is_proving = threading.Event()
    has_given_way = threading.Event()
    given_way: Sequence[str] = ()

    def prove(
        self, manifest: Manifest, document: bytes, *, lend: bool = False, to_write: bool
    ) -> Path | None:
        if lend:
            self.is_proving.set()
            self.has_given_way.wait()
            return None
        return super().prove(manifest, document, lend=lend, to_write=to_write)

    def make_room(self, manifest: Manifest, document: bytes, reserve: Reserve) -> list[str]:
        return list(self.given_way)


class BusyStore(Store):
    """Takes over the first block of a package while a request brings the second one."""

    def __init__(self, item: Package, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.item = item
        self.requested: Callable[[], object] = lambda: None

    def reuse(self, partial: Partial) -> list[BlockInPackage]:
        fill(partial, self.item, [0, 1])
        self.requested()
        return [BlockInPackage(0)]


async def nowhere(package_id: str, manifest: Manifest, tell: TellPlacement) -> None:
    """No endpoint has anything."""


def test_a_package_that_begins_while_everything_fails_fails_too(tmp_path: Path) -> None:
    item = package("ABC00001")

    async def main() -> None:
        with SlowStore.open(tmp_path) as store:
            bus = EventBus()
            tasks = Tasks(lambda error: None)
            log = EndpointLog(Meter(), bus)
            packages = Packages(IdleScheduler(), nowhere, log, bus, tasks, Reserve(), lambda: 0.5)
            begin = packages.begin("ABC00001", item.manifest, item.document, store)
            begun = asyncio.ensure_future(begin)
            await asyncio.to_thread(store.is_beginning.wait)
            packages.fail_all(StorageError("the disk is gone", remedy="Find it."))
            store.may_begin.set()
            with pytest.raises(StorageError, match="the disk is gone"):
                await begun
            await tasks.cancel()

    virtually(main())


def test_a_package_without_room_fails_alone_and_before_anything_is_written(tmp_path: Path) -> None:
    """Fault D1: the disk has no room for a package. dlcore refuses it before it reserves a byte."""
    item = package("ABC00001")

    async def main() -> None:
        with Store.open(tmp_path) as store:
            bus = EventBus()
            tasks = Tasks(lambda error: None)
            log = EndpointLog(Meter(), bus)
            reserve = Reserve.exactly(1 << 60)
            packages = Packages(IdleScheduler(), nowhere, log, bus, tasks, reserve, lambda: 0.5)
            with pytest.raises(DiskFullError, match="are to stay free"):
                await packages.begin("ABC00001", item.manifest, item.document, store)
            assert packages.failure is None
            assert not list((tmp_path / "partial").iterdir())
            await tasks.cancel()

    virtually(main())


def test_a_package_whose_beginning_failed_is_begun_by_the_next_call(tmp_path: Path) -> None:
    """Fault: the disk fails when a package is begun. The next call begins it, and does not hang."""
    item = package("ABC00001")

    async def main() -> None:
        with UnlistedStore.open(tmp_path) as store:
            scheduler, bus = IdleScheduler(), EventBus()
            tasks = Tasks(lambda error: None)
            log = EndpointLog(Meter(), bus)
            packages = Packages(scheduler, nowhere, log, bus, tasks, Reserve(), lambda: 0.5)
            begin = "ABC00001", item.manifest, item.document, store
            with pytest.raises(StorageError, match="cannot be listed"):
                await packages.begin(*begin)
            assert not packages.is_begun("ABC00001")
            await packages.begin(*begin)
            assert packages.is_begun("ABC00001")
            await tasks.cancel()

    virtually(main())


def test_a_package_that_gives_way_while_it_is_proven_is_not_there(tmp_path: Path) -> None:
    """Fault: a package is removed while it is proven. dlcore says that it is not there."""
    item, other = package("ABC00001"), package("ABC00002")

    async def main() -> None:
        with EvictingStore.open(tmp_path) as store:
            fill(partial := store.begin(item.manifest, item.document), item)
            partial.finish()
            store.given_way = [partial.key]
            tasks, bus = Tasks(lambda error: None), EventBus()
            log = EndpointLog(Meter(), bus)
            packages = Packages(IdleScheduler(), nowhere, log, bus, tasks, Reserve(), lambda: 0.5)
            await packages.begin("ABC00001", item.manifest, item.document, store)
            proof = asyncio.ensure_future(packages.prove("ABC00001", to_write=False))
            await asyncio.to_thread(store.is_proving.wait)
            await packages.begin("ABC00002", other.manifest, other.document, store)
            store.has_given_way.set()
            assert await proof is None
            await tasks.cancel()

    virtually(main())


async def test_what_a_request_brings_meanwhile_does_not_count_as_reused(tmp_path: Path) -> None:
    item = package("ABC00001")
    with BusyStore(item, tmp_path, Files()) as store:
        store.prepare()
        partial = store.begin(item.manifest, item.document)
        download = PackageDownload("ABC00001", item.manifest, partial)
        store.requested = lambda: download.count(BlockExtent.of(0, 1, 2))
        found, reused_bytes = await download.reuse(store)
        assert (found, reused_bytes) == ([0], BLOCK_BYTES)
        assert download.verified_bytes == item.manifest.objects[0].length_bytes > BLOCK_BYTES


@pytest.mark.parametrize(
    ("faults", "is_worth_waiting"),
    [
        ((Fault.CONNECT, Fault.SERVER), True),
        ((Fault.CONNECT, Fault.NOT_FOUND), False),
        ((Fault.NOT_FOUND,), False),
        ((), False),
    ],
)
def test_patches_are_waited_for_only_while_no_endpoint_serves_anything(
    faults: Sequence[Fault], *, is_worth_waiting: bool
) -> None:
    """Fault: the endpoint with the patches is down, and another one is not. dlcore fetches blocks.

    It would have waited for the first one, although the other has the package.
    """
    causes = tuple(TransferError("no", fault=fault, endpoint=fault.value) for fault in faults)
    assert retrying._all_fail(ExhaustedError("none", causes=causes)) == is_worth_waiting


class Late:
    """A partial package to which a thread writes its second block while it is looked at."""

    def __init__(self, partial: Partial, item: Package) -> None:
        self._partial = partial
        self._item = item

    def __getattr__(self, name: str) -> object:
        return getattr(self._partial, name)

    @property
    def have(self) -> bytes:
        before = bytes(self._partial.have)
        fill(self._partial, self._item, [1])
        return before


def test_a_block_that_is_written_while_blocks_are_counted_counts_once(tmp_path: Path) -> None:
    item = package("ABC00001")

    async def main() -> None:
        with Store.open(tmp_path) as store:
            partial = store.begin(item.manifest, item.document)
            download = PackageDownload("ABC00001", item.manifest, partial)
            fill(partial, item, [0])
            download.partial = cast("Partial", Late(partial, item))
            download.count_all()
            download.partial = partial
            download.count(BlockExtent.of(0, 1, 2))
            assert download.verified_bytes == item.manifest.objects[0].length_bytes

    virtually(main())


class SlowlyFinished:
    """A partial package that is finished when the test lets it."""

    def __init__(self, partial: Partial) -> None:
        self._partial = partial
        self.is_finishing = threading.Event()
        self.may_finish = threading.Event()

    def __getattr__(self, name: str) -> object:
        return getattr(self._partial, name)

    def finish(self) -> Path:
        self.is_finishing.set()
        self.may_finish.wait()
        return self._partial.finish()


@pytest.mark.parametrize("is_finishing", [True, False])
async def test_no_loss_is_told_of_a_package_that_is_stopped(
    is_finishing: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Fault: downloads are stopped while a package gets its final name. dlcore tells of no loss."""
    item = package("ABC00001")
    with Store.open(tmp_path) as store:
        partial = store.begin(item.manifest, item.document)
        fill(partial, item)
        slow = SlowlyFinished(partial)
        download = PackageDownload("ABC00001", item.manifest, cast("Partial", slow))
        if is_finishing:
            finishing = asyncio.ensure_future(download.finish())
            await asyncio.to_thread(slow.is_finishing.wait)
            finishing.cancel()
            slow.may_finish.set()
            await asyncio.wait([finishing])
        await download.aclose()
        assert bool(store.contents_of("ABC00001")) is is_finishing
        assert "is not kept" not in caplog.text
