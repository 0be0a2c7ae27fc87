"""What may be written into an unfinished package, by whom and how often."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcore.errors import IntegrityError, InternalError
from dlcore.model import BlockExtent
from dlcore.store import Partial, Store
from dlcore.store.journal import decode
from tests.store.helpers import BLOCK_BYTES, Package, fill, make_package, read_back
from tests.store.simdisk import SimDisk

PACKAGE = make_package()
WHOLE = make_package(whole=True)
LARGE = 1  # index of the object that is a/exact.bin: three blocks


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path) as opened:
        yield opened


def begin(store: Store, package: Package) -> Partial:
    return store.begin(package.manifest, package.document)


def test_a_bad_block_is_named_and_the_good_ones_around_it_count(store: Store) -> None:
    partial = begin(store, PACKAGE)
    data = bytearray(PACKAGE.extent(BlockExtent.of(LARGE, 0, 3)))
    data[BLOCK_BYTES + 9] ^= 1
    assert partial.write_extent(LARGE, 0, memoryview(data)) == (1,)
    first = PACKAGE.manifest.first_blocks[LARGE]
    assert list(partial.have[first : first + 3]) == [1, 0, 1]


def test_nothing_of_a_bad_block_reaches_the_disk(store: Store, tmp_path: Path) -> None:
    partial = begin(store, PACKAGE)
    assert partial.write_extent(LARGE, 1, memoryview(b"\xaa" * BLOCK_BYTES)) == (1,)
    written = next((tmp_path / "partial").iterdir()) / "content" / "a" / "exact.bin"
    assert written.read_bytes() == bytes(3 * BLOCK_BYTES)


def test_a_second_bad_delivery_does_not_harm_a_good_block(store: Store) -> None:
    partial = begin(store, PACKAGE)
    fill(partial, PACKAGE)
    assert partial.write_extent(LARGE, 1, memoryview(b"\xaa" * BLOCK_BYTES)) == ()  # not needed
    assert partial.complete
    assert read_back(partial.finish()) == PACKAGE.contents


def test_a_block_that_is_there_is_not_written_again() -> None:
    disk = SimDisk()
    store = Store(Path("/state"), disk)
    store.prepare()
    partial = begin(store, PACKAGE)
    fill(partial, PACKAGE, [3])
    calls = disk.calls
    assert partial.write_extent(*PACKAGE.block(3)) == ()
    assert disk.calls == calls


@pytest.mark.parametrize(
    ("index", "first", "length_bytes"),
    [(1, 0, BLOCK_BYTES - 1), (1, 3, BLOCK_BYTES), (1, -1, BLOCK_BYTES), (9, 0, 10), (1, 0, 0)],
)
def test_what_is_not_whole_blocks_of_an_object_is_the_callers_fault(
    store: Store, index: int, first: int, length_bytes: int
) -> None:
    with pytest.raises(InternalError):
        begin(store, PACKAGE).write_extent(index, first, memoryview(bytes(length_bytes)))


@settings(derandomize=True, deadline=None, max_examples=50)
@given(st.integers(0, 10**9), st.booleans())
def test_any_order_of_runs_repeats_and_syncs_gives_the_same_files(seed: int, whole: bool) -> None:
    chance = random.Random(seed)
    package = WHOLE if whole else PACKAGE
    disk = SimDisk()
    store = Store(Path("/state"), disk)
    store.prepare()
    partial = begin(store, package)
    while not partial.complete:
        index = chance.randrange(len(package.objects))
        first = chance.randrange(package.manifest.block_count(index))
        last = chance.randint(first + 1, package.manifest.block_count(index))
        partial.write_extent(index, first, package.extent(BlockExtent.of(index, first, last)))
        if chance.random() < 0.2:
            partial.sync()
    assert disk.read_tree(partial.finish()) == package.contents


@pytest.mark.parametrize("whole", [False, True], ids=["blocks", "whole"])
def test_many_threads_write_while_one_syncs(store: Store, whole: bool) -> None:
    sizes = {f"{i:03}.bin": 900 * (i % 9) for i in range(300)}
    package = make_package(sizes, whole=whole)
    partial = begin(store, package)
    numbers = 2 * list(range(package.manifest.first_blocks[-1]))  # each is delivered twice
    random.Random(7).shuffle(numbers)
    done = threading.Event()

    def sync_on_and_on() -> int:
        count = 0
        while not done.is_set():
            partial.sync()
            count += 1
        return count

    with ThreadPoolExecutor(6) as pool:
        syncs = pool.submit(sync_on_and_on)
        list(pool.map(lambda number: partial.write_extent(*package.block(number)), numbers))
        done.set()
        assert syncs.result()
    assert partial.complete
    assert read_back(partial.finish()) == package.contents


def test_an_object_with_one_digest_that_does_not_match_is_missing_again(store: Store) -> None:
    partial = begin(store, WHOLE)
    first = WHOLE.manifest.first_blocks[LARGE]
    partial.write_extent(LARGE, 1, WHOLE.extent(BlockExtent.of(LARGE, 1, 3)))
    with pytest.raises(IntegrityError, match="does not match its digest") as caught:
        partial.write_extent(LARGE, 0, memoryview(b"\xaa" * BLOCK_BYTES))
    assert caught.value.path == WHOLE.manifest.objects[LARGE].name
    assert list(partial.have[first : first + 3]) == [0, 0, 0]
    fill(partial, WHOLE)
    assert read_back(partial.finish()) == WHOLE.contents


def test_a_second_delivery_of_an_unverifiable_block_is_ignored(store: Store) -> None:
    partial = begin(store, WHOLE)
    partial.write_extent(LARGE, 0, WHOLE.extent(BlockExtent.of(LARGE, 0, 2)))
    partial.write_extent(LARGE, 1, memoryview(b"\xaa" * BLOCK_BYTES))
    fill(partial, WHOLE)
    assert read_back(partial.finish()) == WHOLE.contents


def test_content_that_did_not_match_as_a_whole_is_not_believed_by_the_next_process(
    tmp_path: Path,
) -> None:
    with Store.open(tmp_path) as store:
        partial = begin(store, WHOLE)
        partial.write_extent(LARGE, 1, WHOLE.extent(BlockExtent.of(LARGE, 1, 3)))
        partial.sync()
        with pytest.raises(IntegrityError):
            partial.write_extent(LARGE, 0, memoryview(b"\xaa" * BLOCK_BYTES))
        partial.sync()
    with Store.open(tmp_path) as store:
        partial = begin(store, WHOLE)
        assert partial.have.count(1) == 0


def test_what_spoiled_an_object_once_does_not_spoil_it_again(tmp_path: Path) -> None:
    bad = memoryview(b"\xaa" * BLOCK_BYTES)
    with Store.open(tmp_path) as store:
        partial = begin(store, WHOLE)
        partial.write_extent(LARGE, 1, bad)
        partial.sync()
        partial.write_extent(LARGE, 0, WHOLE.extent(BlockExtent.of(LARGE, 0, 1)))
        with pytest.raises(IntegrityError):
            partial.write_extent(LARGE, 2, WHOLE.extent(BlockExtent.of(LARGE, 2, 3)))
        partial.write_extent(LARGE, 0, WHOLE.extent(BlockExtent.of(LARGE, 0, 1)))
        partial.sync()
    with Store.open(tmp_path) as store:
        partial = begin(store, WHOLE)
        first = WHOLE.manifest.first_blocks[LARGE]
        assert list(partial.have[first : first + 3]) == [1, 0, 0]
        fill(partial, WHOLE)
        assert read_back(partial.finish()) == WHOLE.contents


def test_garbage_found_without_a_journal_is_not_claimed_by_the_next_one(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        fill(begin(store, WHOLE), WHOLE)
    folder = next((tmp_path / "partial").iterdir())
    (folder / "journal").unlink()
    (folder / "content/a/exact.bin").write_bytes(b"\xaa" * 3 * BLOCK_BYTES)
    first = WHOLE.manifest.first_blocks[LARGE]
    with Store.open(tmp_path) as store:
        partial = begin(store, WHOLE)
        partial.write_extent(LARGE, 0, WHOLE.extent(BlockExtent.of(LARGE, 0, 1)))
        partial.sync()
    written = (folder / "journal").read_bytes()
    for length in range(len(written) + 1):  # torn anywhere, it does not claim them either
        claims = decode(written[:length], bytes.fromhex(WHOLE.digest), len(partial.have))
        assert claims is None or not any(claims.held[first + 1 : first + 3])
    with Store.open(tmp_path) as store:
        partial = begin(store, WHOLE)
        assert list(partial.have[first : first + 3]) == [1, 0, 0]


@pytest.mark.parametrize("cut_bytes", [1, BLOCK_BYTES // 2])
def test_an_object_with_one_digest_that_ends_early_is_not_believed_in_part(
    tmp_path: Path, cut_bytes: int
) -> None:
    """Fault: power loss cuts a file whose blocks have no digests. dlcore blames no endpoint."""
    with Store.open(tmp_path) as store:
        fill(begin(store, WHOLE), WHOLE)
    folder = next((tmp_path / "partial").iterdir())
    (folder / "journal").unlink()
    garbage = b"\xaa" * (3 * BLOCK_BYTES - cut_bytes)
    (folder / "content/a/exact.bin").write_bytes(garbage)
    with Store.open(tmp_path) as store:
        partial = begin(store, WHOLE)
        first = WHOLE.manifest.first_blocks[LARGE]
        assert list(partial.have[first : first + 3]) == [0, 0, 0]
        fill(partial, WHOLE)
        assert read_back(partial.finish()) == WHOLE.contents


def test_only_what_had_to_wait_is_read_back_for_the_digest_of_a_whole_object() -> None:
    disk = SimDisk()
    store = Store(Path("/state"), disk)
    store.prepare()
    partial = begin(store, WHOLE)
    calls: list[str] = []
    disk.before = lambda _, call: calls.append(call)
    index = 2  # a/large.bin: six blocks
    for block in (0, 1, 3, 2, 4, 5):
        partial.write_extent(index, block, WHOLE.extent(BlockExtent.of(index, block, block + 1)))
    assert calls.count("read_at") == 1
