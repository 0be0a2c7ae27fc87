"""The life of packages, where it meets the failure of everything."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from dlcore.engine.download.endpoint_log import EndpointLog
from dlcore.engine.download.meter import Meter
from dlcore.engine.download.packages import Found, Packages
from dlcore.engine.download.tasks import Tasks
from dlcore.engine.listeners.bus import EventBus
from dlcore.errors import DiskFullError, StorageError
from dlcore.model import Manifest
from dlcore.store import Partial, Reserve, Store
from tests.engine.fakes import package
from tests.engine.schedulers import IdleScheduler
from tests.engine.virtual_time import virtually


class SlowStore(Store):
    """Begins a package only when the test lets it."""

    is_beginning = threading.Event()
    may_begin = threading.Event()

    def begin(self, manifest: Manifest, document: bytes) -> Partial:
        self.is_beginning.set()
        self.may_begin.wait()
        return super().begin(manifest, document)


async def nowhere(package_id: str, manifest: Manifest, found: Found) -> None:
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
