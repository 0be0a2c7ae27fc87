"""Any call to the disk may fail, once or for good: no wrong byte, nothing lost, a clear error."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from dlcore.errors import DiskFullError, StorageError
from dlcore.store import Partial, Store
from tests.depth import IS_DEEP
from tests.store.helpers import Package, fill, make_package
from tests.store.simdisk import SimDisk

STATE = Path("/state")
SIZES = {"a/large": 3_000, "b/one": 1, "b/empty": 0}
PACKAGE = make_package(SIZES, block_bytes=1_024)
WHOLE = make_package(SIZES, block_bytes=1_024, whole=True)
KEY = f"ABC00012.1-{PACKAGE.digest[:16]}"
SYNCS = {"sync", "sync_data", "sync_folder", "sync_filesystem"}


def fill_and_publish(disk: SimDisk, package: Package) -> None:
    store = Store(STATE, disk)
    try:
        store.prepare()
        if store.prove(package.manifest, package.document, lend=True, to_write=False):
            return
        partial = store.begin(package.manifest, package.document)
        missing = [n for n, held in enumerate(partial.have) if not held]
        fill(partial, package, missing[:2])
        partial.sync()
        fill(partial, package, missing[2:])
        partial.finish()
    finally:
        store.close()


def published(disk: SimDisk, package: Package) -> dict[str, bytes]:
    return disk.read_tree(STATE / "packages" / f"ABC00012.1-{package.digest[:16]}" / "content")


def failing(number: int, error: int, *, persistent: bool) -> Callable[[SimDisk, str], None]:
    """Fail the call of that number, or all from it on; a failed sync loses what was dirty."""

    def before(disk: SimDisk, call: str) -> None:
        if disk.calls == number or (persistent and disk.calls > number):
            if call in SYNCS:
                disk.lose_dirty_bytes()
            raise OSError(error, os.strerror(error))

    return before


def calls_of_a_full_run(package: Package) -> int:
    disk = SimDisk()
    fill_and_publish(disk, package)
    return disk.calls


def places(count: int, persistent: bool, error: int) -> range:
    """The calls that fail, each in its turn.

    Each call fails once and for good: one of them with a full disk, the other with a broken one,
    by turns. With ``DLCORE_DEEP=1`` it fails in all four ways.
    """
    way = persistent + (error == errno.EIO)
    return range(1, count + 1) if IS_DEEP else range(1 + way % 2, count + 1, 2)


@pytest.mark.parametrize("package", [PACKAGE, WHOLE], ids=["blocks", "whole"])
@pytest.mark.parametrize("persistent", [False, True], ids=["once", "for-good"])
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO], ids=["full", "broken"])
def test_whichever_call_fails_the_next_run_publishes_the_right_bytes(
    package: Package, persistent: bool, error: int
) -> None:
    """Fault D2, D3: any call to the disk fails. dlcore ends with a storage error and the next run
    ends right.
    """
    expected = DiskFullError if error == errno.ENOSPC else StorageError
    numbers = places(calls_of_a_full_run(package), persistent, error)
    refused = 0
    for number in numbers:
        disk = SimDisk()
        disk.before = failing(number, error, persistent=persistent)
        try:
            fill_and_publish(disk, package)
        except expected:
            refused += 1
        disk.before = lambda _disk, _call: None
        fill_and_publish(disk, package)
        survivor = disk.after_power_loss(random.Random(number))
        assert published(survivor, package) == package.contents, f"call {number}"
    assert refused > len(numbers) / 2


def altered(package: Package) -> SimDisk:
    """A disk with a finished package of which a byte has changed since."""
    disk = SimDisk()
    fill_and_publish(disk, package)
    fd = disk.open(STATE / "packages" / f"ABC00012.1-{package.digest[:16]}" / "content/a/large")
    disk.write_at(fd, memoryview(b"\0\0\0"), 2_000)
    disk.close(fd)
    return disk


@pytest.mark.parametrize("package", [PACKAGE, WHOLE], ids=["blocks", "whole"])
@pytest.mark.parametrize("persistent", [False, True], ids=["once", "for-good"])
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO], ids=["full", "broken"])
def test_whichever_call_fails_the_next_run_mends_a_damaged_package(
    package: Package, persistent: bool, error: int
) -> None:
    """Fault: the disk fails while a damaged package is mended. dlcore says so, then goes on."""
    calm = altered(package)
    before = calm.calls
    fill_and_publish(calm, package)
    numbers = places(calm.calls - before, persistent, error)
    refused = 0
    for number in numbers:
        disk = altered(package)
        disk.before = failing(before + number, error, persistent=persistent)
        try:
            fill_and_publish(disk, package)
        except StorageError:
            refused += 1
        disk.before = lambda _disk, _call: None
        fill_and_publish(disk, package)
        survivor = disk.after_power_loss(random.Random(number))
        assert published(survivor, package) == package.contents, f"call {number}"
    assert refused > len(numbers) / 2


def test_short_writes_are_carried_on() -> None:
    """Fault D5: the system writes less than it was given. dlcore writes the rest."""
    disk = SimDisk()
    disk.longest_write = 100
    fill_and_publish(disk, PACKAGE)
    assert published(disk, PACKAGE) == PACKAGE.contents


def about_to_fail_to_sync(disk: SimDisk, store: Store) -> Partial:
    """Of four blocks the first one is synced, two more are written."""
    partial = store.begin(PACKAGE.manifest, PACKAGE.document)
    fill(partial, PACKAGE, [0])
    partial.sync()
    fill(partial, PACKAGE, [1, 2])
    disk.before = failing(disk.calls + 1, errno.EIO, persistent=False)
    return partial


def test_a_failed_sync_makes_its_blocks_missing_and_is_never_tried_again() -> None:
    """Fault D4: a sync fails. dlcore takes the blocks for missing and does not repeat the sync."""
    disk = SimDisk()
    partial = about_to_fail_to_sync(disk, prepared(disk))
    with pytest.raises(StorageError, match="cannot sync package ABC00012: Input/output error"):
        partial.sync()
    assert list(partial.have) == [1, 0, 0, 0]
    calls = disk.calls
    with pytest.raises(StorageError, match="could not be synced before"):
        partial.sync()
    with pytest.raises(StorageError):
        partial.write_extent(*PACKAGE.block(1))
    assert disk.calls == calls


def test_bytes_that_a_failed_sync_left_in_memory_only_are_not_believed() -> None:
    """Fault D4: a failed sync leaves bytes in memory only. dlcore reads them from the medium before
    it believes them.
    """
    disk = SimDisk()
    store = prepared(disk)
    partial = about_to_fail_to_sync(disk, store)
    with pytest.raises(StorageError):
        partial.sync()
    partial.close()
    again = store.begin(PACKAGE.manifest, PACKAGE.document)
    assert list(again.have) == [1, 0, 0, 0]


def test_a_full_disk_says_how_much_is_to_come_and_how_much_is_free() -> None:
    disk = SimDisk()
    store = prepared(disk)
    partial = store.begin(PACKAGE.manifest, PACKAGE.document)
    fill(partial, PACKAGE, [0])
    disk.before = lambda _, call: full_disk() if call == "write_at" else None
    with pytest.raises(DiskFullError) as caught:
        partial.write_extent(*PACKAGE.block(1))
    assert "write package ABC00012" in caught.value.message
    assert "3000 bytes are still to come, 0 bytes are free" in caught.value.message
    assert "make room and run again" in caught.value.remedy
    disk.before = lambda _disk, _call: None
    fill(partial, PACKAGE)  # there is room again: the same object goes on
    partial.finish()
    assert published(disk, PACKAGE) == PACKAGE.contents


def test_a_sector_that_cannot_be_read_costs_its_block_only() -> None:
    disk = SimDisk()
    store = prepared(disk)
    package = make_package({"a": 8 * 1_024}, block_bytes=1_024)
    partial = store.begin(package.manifest, package.document)
    fill(partial, package)
    partial.sync()
    partial.close()
    read_at = disk.read_at

    def reading(fd: int, view: memoryview, offset: int) -> int:
        if offset <= 3 * 1_024 < offset + len(view) and len(disk._open[fd].data) == 8 * 1_024:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return read_at(fd, view, offset)

    disk.read_at = reading  # type: ignore[method-assign]  # one bad sector
    again = store.begin(package.manifest, package.document)
    assert list(again.have) == [1, 1, 1, 0, 1, 1, 1, 1]
    assert again.discarded_blocks == 1


def test_a_fault_while_files_are_closed_is_one_of_the_disk() -> None:
    """Fault D3: close() fails. dlcore says so as a storage error, and closes everything else."""
    disk = SimDisk()
    store = prepared(disk)
    packages = [make_package({"a": 5}, version=n) for n in (1, 2, 3)]
    partials = [store.begin(package.manifest, package.document) for package in packages]
    for partial, package in zip(partials, packages, strict=True):
        fill(partial, package)

    def before(_: SimDisk, call: str) -> None:
        if call == "close":
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    disk.before = before
    with pytest.raises(StorageError, match="Input/output error"):
        store.close()
    assert all(partial.closed for partial in partials)


def prepared(disk: SimDisk) -> Store:
    store = Store(STATE, disk)
    store.prepare()
    return store


def full_disk() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
