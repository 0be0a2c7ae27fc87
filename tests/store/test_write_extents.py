"""Each extent of one call is reported when its bytes are on disk, before the others are."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcore.errors import StorageError
from dlcore.model import BlockExtent
from dlcore.native import Run, Written, core_name
from dlcore.store import Partial, Store
from dlcore.store.files import Files
from dlcore.store.pending_extents import PendingExtents
from dlcore.store.tree import Tree
from tests.store.helpers import BLOCK_BYTES, Package, fill, make_package, read_back
from tests.store.simdisk import SimDisk

PACKAGE = make_package()
LARGE = 2  # index of the object that is a/large.bin: six blocks
BASE = PACKAGE.manifest.first_blocks[LARGE]
Told = list[tuple[int, tuple[int, ...]]]


def extent_of(first: int, end: int, index: int = LARGE) -> tuple[int, int, memoryview]:
    return index, first, PACKAGE.extent(BlockExtent.of(index, first, end))


def begun(disk: SimDisk) -> Partial:
    store = Store(Path("/state"), disk)
    store.prepare()
    return store.begin(PACKAGE.manifest, PACKAGE.document)


def held(partial: Partial) -> list[int]:
    return list(partial.have[BASE : BASE + 6])


@settings(derandomize=True)
@given(st.lists(st.lists(st.lists(st.integers(0, 9), max_size=2).map(tuple), max_size=4)))
def test_each_extent_is_told_of_once_with_all_that_is_bad(
    extents: list[list[tuple[int, ...]]],
) -> None:
    told: Told = []
    pending = PendingExtents(lambda extent, bad: told.append((extent, bad)))
    for at, arrivals in enumerate(extents):
        pending.expect(at, len(arrivals))
    assert told == [(at, ()) for at, arrivals in enumerate(extents) if not arrivals]
    told.clear()
    everything = [bad for arrivals in extents for bad in arrivals]
    for arrival, bad in enumerate(everything):
        pending.arrival_written(arrival, bad)
    assert told == [(at, sum(arrivals, ())) for at, arrivals in enumerate(extents) if arrivals]


def test_an_extent_counts_when_it_is_told_of_and_the_next_one_does_not_yet() -> None:
    partial = begun(SimDisk())
    seen: list[list[int]] = []
    partial.write_extents(
        [extent_of(0, 2), extent_of(2, 6)], lambda _extent, _bad: seen.append(held(partial))
    )
    assert seen == [[1, 1, 0, 0, 0, 0], [1] * 6]


def test_an_extent_with_its_middle_on_disk_is_told_of_once_with_all_its_bad_blocks() -> None:
    partial = begun(SimDisk())
    fill(partial, PACKAGE, [BASE + 2])
    spoiled = bytearray(PACKAGE.objects[LARGE])
    for block in (1, 2, 4):
        spoiled[block * BLOCK_BYTES] ^= 1
    told: Told = []
    extents = [extent_of(2, 3), (LARGE, 0, memoryview(spoiled)), extent_of(0, 3, index=1)]
    partial.write_extents(extents, lambda extent, bad: told.append((extent, bad)))
    assert told == [(0, ()), (1, (1, 4)), (2, ())]
    assert held(partial) == [1, 0, 1, 1, 0, 1]


def test_extents_before_and_behind_one_that_cannot_be_written_are_told_of() -> None:
    disk = SimDisk()
    partial = begun(disk)
    writes = 0

    def fail_the_second(_: SimDisk, call: str) -> None:
        nonlocal writes
        if call != "write_at":
            return
        writes += 1
        if writes == 2:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    disk.before = fail_the_second
    told: list[int] = []
    with pytest.raises(StorageError, match="Input/output error"):
        partial.write_extents(
            [extent_of(at, at + 1) for at in (0, 3, 5)], lambda extent, _bad: told.append(extent)
        )
    assert told == [0, 2]
    assert held(partial) == [1, 0, 0, 0, 0, 1]


class WritesInGroups(Files):
    """A real disk; the compiled core writes in groups of at least ``write_bytes``."""

    def __init__(self, write_bytes: int) -> None:
        super().__init__()
        self._write_bytes = write_bytes

    def verify_and_write(self, runs: Sequence[Run]) -> Iterator[Written]:
        if core_name() == "portable":
            return super().verify_and_write(runs)
        from dlcore.native import compiled

        return compiled.verify_and_write(runs, self._write_bytes)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(seed=st.integers(0, 10**9), write_bytes=st.sampled_from([1, BLOCK_BYTES, 1 << 20]))
def test_buffers_filled_again_as_soon_as_that_is_allowed_change_nothing(
    tmp_path_factory: pytest.TempPathFactory, seed: int, write_bytes: int
) -> None:
    chance = random.Random(seed)
    state = tmp_path_factory.mktemp("state")
    with Store(state, WritesInGroups(write_bytes)) as store:
        store.prepare()
        partial = store.begin(PACKAGE.manifest, PACKAGE.document)
        while not partial.complete:
            extents = [any_extent(PACKAGE, chance) for _ in range(chance.randint(1, 6))]

            def fill_again(
                extent: int, _bad: tuple[int, ...], extents: list[Owned] = extents
            ) -> None:
                buffer = extents[extent][2]
                buffer[:] = bytes(len(buffer))

            partial.write_extents([(i, f, memoryview(data)) for i, f, data in extents], fill_again)
        assert read_back(partial.finish()) == PACKAGE.contents


Owned = tuple[int, int, bytearray]


def any_extent(package: Package, chance: random.Random) -> Owned:
    """Some blocks of some object in a buffer of their own; sometimes one of them is bad."""
    index = chance.randrange(len(package.objects))
    count = package.manifest.block_count(index)
    first = chance.randrange(count)
    data = bytearray(package.extent(BlockExtent.of(index, first, chance.randint(first + 1, count))))
    if chance.random() < 0.3:
        data[chance.randrange(len(data))] ^= 1
    return index, first, data


class Syncs:
    """A package that is synced at chosen moments, and what of it was believed after each."""

    def __init__(self, disk: SimDisk, chance: random.Random) -> None:
        self.partial = begun(disk)
        self.partial.sync()
        self._disk = disk
        self._chance = chance
        self._believed: list[tuple[list[int], SimDisk]] = []

    def sync(self) -> None:
        self.partial.sync()
        self._believed.append((held(self.partial), self._disk.after_power_loss(self._chance)))

    def check(self) -> None:
        """Had power been lost after any of them, what was believed would have been there."""
        for blocks, after in self._believed:
            again = begun(after)
            assert all(map(int.__ge__, held(again), blocks))
            assert again.discarded_blocks == 0
        assert len(self._believed) == 3


EXTENTS = [extent_of(0, 1), extent_of(3, 5), extent_of(5, 6)]


@pytest.mark.parametrize("ordered", [True, False], ids=["ordered", "posix"])
@pytest.mark.parametrize("seed", range(10))
def test_a_sync_between_two_extents_claims_nothing_that_a_loss_of_power_takes_back(
    seed: int, ordered: bool
) -> None:
    syncs = Syncs(SimDisk(ordered=ordered), random.Random(seed))
    syncs.partial.write_extents(EXTENTS, lambda _extent, _bad: syncs.sync())
    syncs.check()


@pytest.mark.parametrize("seed", range(10))
def test_a_sync_before_a_write_is_known_to_be_unsynced_does_not_claim_it(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    syncs = Syncs(SimDisk(), random.Random(seed))
    wrote = Tree.wrote

    def sync_just_before(tree: Tree, files: Iterable[int]) -> None:
        syncs.sync()
        wrote(tree, files)

    monkeypatch.setattr(Tree, "wrote", sync_just_before)
    syncs.partial.write_extents(EXTENTS, lambda _extent, _bad: None)
    syncs.check()
