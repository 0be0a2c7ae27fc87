"""Power is lost at any moment, with any subset of what was not synced on the medium."""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from dlcore.store import Partial, Store
from tests.depth import cases
from tests.seeds import given_seed
from tests.store.helpers import Package, fill, make_package
from tests.store.simdisk import PowerCutError, SimDisk

STATE = Path("/state")
SIZES = {"a/large": 5_000, "a/exact": 3_072, "b/one": 1, "b/two": 700, "b/empty": 0}
PACKAGE = make_package(SIZES, block_bytes=1_024)
WHOLE = make_package(SIZES, block_bytes=1_024, whole=True)
MANY = make_package({f"f{i:03}": 100 for i in range(200)}, block_bytes=1_024)
CHANGES = {
    *("make_folder", "open", "write_at", "truncate", "allocate", "sync", "sync_data"),
    *("sync_folder", "sync_filesystem", "move", "remove", "remove_tree", "make_ordinary"),
}
SEED = given_seed(20261122)
TRIALS = int(os.environ.get("DLCORE_TRIALS") or cases(80, 250))
LIVES = 4  # times that power is lost in a trial before the run is left in peace


class Run:
    """What one life of the machine got done, as an observer outside knows it."""

    def __init__(self, package: Package, disk: SimDisk) -> None:
        self.package = package
        self.disk = disk
        self.synced: set[int] = set()  # blocks covered by a sync that returned
        self.reused = 0

    @property
    def content(self) -> Path:
        key = f"ABC00012.1-{self.package.digest[:16]}"
        return STATE / "packages" / key / "content"

    def live(self, chance: random.Random) -> None:
        """Fill and publish the package, blocks in any order, a sync now and then."""
        store = Store(STATE, self.disk)
        store.prepare()
        if store.prove(self.package.manifest, self.package.document, to_write=False):
            return
        partial = store.begin(self.package.manifest, self.package.document)
        self.check_resumed(partial)
        self.synced = set()
        wanted = [n for n, held in enumerate(partial.have) if not held]
        chance.shuffle(wanted)
        for number in wanted:
            assert partial.write_extent(*self.package.block(number)) == ()
            if chance.random() < 0.3:
                partial.sync()
                self.synced = {n for n, held in enumerate(partial.have) if held}
        partial.finish()

    def check_resumed(self, partial: Partial) -> None:
        """What is believed is right, and what was synced is believed."""
        assert {n for n, held in enumerate(partial.have) if held} >= self.synced
        self.reused += partial.have.count(1)

    def check_published(self) -> bool:
        """What has its final name is complete."""
        if not self.disk.holds_folder(self.content.parent):
            return False
        assert self.disk.read_tree(self.content) == self.package.contents
        assert self.disk.holds_folder(self.content / "empty/inner")
        assert not self.disk.sparse_files()
        return True


def test_a_length_put_right_at_the_beginning_is_durable_before_the_package_is_published() -> None:
    run = Run(PACKAGE, SimDisk(ordered=False))
    store = Store(STATE, run.disk)
    store.prepare()
    partial = store.begin(PACKAGE.manifest, PACKAGE.document)
    fill(partial, PACKAGE)
    partial.sync()
    partial.close()
    folder = STATE / "partial" / run.content.parent.name / "content"
    fd = run.disk.open(folder / "b" / "empty")
    run.disk.write_at(fd, memoryview(b"left by somebody"), 0)
    run.disk.sync(fd)
    store.begin(PACKAGE.manifest, PACKAGE.document).finish()
    run.disk = run.disk.after_power_loss(random.Random(SEED))
    assert run.check_published()


def test_only_what_was_written_since_is_synced_again() -> None:
    disk = SimDisk()
    store = Store(STATE, disk)
    store.prepare()
    partial = store.begin(PACKAGE.manifest, PACKAGE.document)
    partial.sync()
    fill(partial, PACKAGE, [2])
    calls: list[str] = []
    disk.before = lambda _, call: calls.append(call)
    partial.sync()
    assert calls == ["sync_data", "write_at", "sync_data"]  # the file, then its claim


def cut_at(count: int) -> Callable[[SimDisk, str], None]:
    left = [count]

    def before(_: SimDisk, call: str) -> None:
        if call in CHANGES:
            left[0] -= 1
        if left[0] <= 0:
            raise PowerCutError

    return before


def changes_of_a_full_run(package: Package, chance: random.Random) -> int:
    disk = SimDisk()
    calls: list[str] = []
    disk.before = lambda _, call: calls.append(call)
    Run(package, disk).live(chance)
    return sum(call in CHANGES for call in calls)


@pytest.mark.parametrize("ordered", [True, False], ids=["ordered", "posix"])
@pytest.mark.parametrize("package", [PACKAGE, WHOLE, MANY], ids=["blocks", "whole", "many"])
def test_no_loss_of_power_publishes_a_wrong_byte_or_loses_a_synced_block(
    package: Package, ordered: bool, record_property: Callable[[str, object], None]
) -> None:
    """Fault P2: power is lost with any part of the writes on the medium. dlcore publishes no wrong
    byte and loses no synced block.
    """
    chance = random.Random(SEED)
    longest = changes_of_a_full_run(package, chance)
    states = reused = 0
    for _ in range(TRIALS // (8 if package is MANY else 1)):
        run = Run(package, SimDisk(ordered=ordered))
        for _ in range(LIVES):
            run.disk.before = cut_at(chance.randint(1, longest + 5))
            with contextlib.suppress(PowerCutError):
                run.live(chance)
            run.disk = run.disk.after_power_loss(chance)
            run.check_published()
            states += 1
        run.live(chance)
        run.disk = run.disk.after_power_loss(chance)
        assert run.check_published(), "what was finished stays finished"
        reused += run.reused
    record_property("losses_of_power", states)
    record_property("blocks_reused", reused)
    assert reused, f"seed {SEED}"


def damaged(run: Run) -> None:
    """Finish the package, then alter a byte of it on the medium."""
    run.live(random.Random(SEED))
    fd = run.disk.open(run.content / "a/large")
    run.disk.write_at(fd, memoryview(b"\0\0\0"), 2_000)
    run.disk.sync(fd)
    run.disk.close(fd)
    run.synced = set()


@pytest.mark.parametrize("ordered", [True, False], ids=["ordered", "posix"])
@pytest.mark.parametrize("package", [PACKAGE, WHOLE], ids=["blocks", "whole"])
def test_no_loss_of_power_stops_a_damaged_package_from_being_mended(
    package: Package, ordered: bool, record_property: Callable[[str, object], None]
) -> None:
    """Fault: power is lost while a damaged package is mended. dlcore goes on, and ends right."""
    chance = random.Random(SEED)
    longest = changes_of_a_full_run(package, chance)
    states = 0
    for _ in range(TRIALS // 4):
        run = Run(package, SimDisk(ordered=ordered))
        damaged(run)
        for _ in range(LIVES):
            run.disk.before = cut_at(chance.randint(1, longest + 5))
            with contextlib.suppress(PowerCutError):
                run.live(chance)
            run.disk = run.disk.after_power_loss(chance)
            states += 1
        run.live(chance)
        run.disk = run.disk.after_power_loss(chance)
        assert run.check_published(), f"seed {SEED}: what was finished stays finished"
        assert not run.disk.read_tree(STATE / "partial")
    record_property("losses_of_power", states)
