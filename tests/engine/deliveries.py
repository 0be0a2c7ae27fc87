"""Packages delivered to real folders, over a disk on which any call can fail or be the last."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from dlcore.engine.delivery.deliveries import Deliveries
from dlcore.engine.delivery.delivering import Source, deliver
from dlcore.engine.delivery.own_folder import OwnFolder
from dlcore.engine.delivery.target import Disk, Look, Target
from dlcore.store import Package, Store
from tests.store import helpers
from tests.store.helpers import BLOCK_BYTES, finish

V1 = helpers.make_package(
    {"setup.exe": 3 * BLOCK_BYTES, "old/only.txt": 10, "shared.bin": 2 * BLOCK_BYTES}, version=1
)
V2 = helpers.make_package(
    {"setup.exe": 3 * BLOCK_BYTES, "new/only.txt": 20, "shared.bin": 2 * BLOCK_BYTES},
    seed=2,
    version=2,
)


class DiedError(BaseException):
    """The process is gone. Not an Exception: no handler is meant to survive it."""


class FaultyDisk(Disk):
    """The disk, which calls `before` with the number of each call and may raise in its place.

    A file is closed nevertheless: by a close that fails, and when its process dies.
    """

    def __init__(self, before: Callable[[int], None] = lambda number: None) -> None:
        super().__init__()
        self.calls = 0
        self.swaps = True
        self._before = before

    def __getattribute__(self, name: str) -> object:
        value = super().__getattribute__(name)
        return self._counted(value) if name in CALLS else value

    def _counted(self, call: Callable[..., object]) -> Callable[..., object]:
        def counted(*arguments: object, **options: object) -> object:
            self.calls += 1
            self._before(self.calls)
            return call(*arguments, **options)

        return counted

    def close(self, fd: int) -> None:
        self.calls += 1
        super().close(fd)
        self._before(self.calls)

    def exchange(self, first: Path, second: Path) -> bool:
        return self.swaps and super().exchange(first, second)


CALLS = frozenset(name for kind in Disk.__mro__[:2] for name in vars(kind) if name[0] != "_") - {
    "close"
}


def dies_at(last: int) -> Callable[[int], None]:
    """The process ends before this call."""

    def before(number: int) -> None:
        if number >= last:
            raise DiedError

    return before


def fails_at(place: int) -> Callable[[int], None]:
    """This call fails, and no other."""

    def before(number: int) -> None:
        if number == place:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    return before


class Memory:
    """A source with the bytes at hand. Implements `delivering.Source`.

    Attributes:
        fills: How often it was asked.
    """

    kept_bytes = 0

    def __init__(self, package: helpers.Package) -> None:
        self.fills = 0
        self._package = package

    async def fill(self, store: Store, look: Look) -> None:
        self.fills += 1
        finish(store, self._package)


def put(package: helpers.Package, folder: Path, records: Path, disk: Disk | None = None) -> Look:
    """Deliver a package to a folder."""
    return bring(OwnFolder(folder, Deliveries(records, disk), disk), package)


def bring(goal: Target, package: helpers.Package, source: Source | None = None) -> Look:
    """Deliver a package to a target."""
    told = Package(package.manifest, package.document)
    return asyncio.run(deliver(goal, told, source or Memory(package)))


def write(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Put files into a folder without dlcore."""
    for name, data in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def neighbours(folder: Path) -> list[str]:
    """What is beside the folder; a state folder would be."""
    return sorted(path.name for path in folder.parent.iterdir() if path.name != "records")
