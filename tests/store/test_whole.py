"""The hash that follows an object's contiguous front, in whatever order blocks arrive."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dlcore.model import BlockExtent
from dlcore.store import Store
from dlcore.store.whole import WholeObject
from tests.store.helpers import BLOCK_BYTES, fill, make_package, read_back

PACKAGE = make_package({"a": 3 * BLOCK_BYTES}, whole=True)


def block(at: int) -> BlockExtent:
    return BlockExtent.of(0, at, at + 1)


def read(blocks: BlockExtent, buffer: memoryview, *, again: bool = False) -> memoryview:
    buffer[:] = PACKAGE.extent(blocks)
    return buffer


def taken(whole: WholeObject) -> WholeObject:
    assert whole.take(0, 3) == [BlockExtent.of(0, 0, 3)]
    return whole


def test_a_block_that_comes_while_another_thread_hashes_is_hashed_by_that_thread() -> None:
    reading, go_on = threading.Event(), threading.Event()

    def slow_read(blocks: BlockExtent, buffer: memoryview) -> memoryview:
        reading.set()
        assert go_on.wait(30)
        return read(blocks, buffer)

    whole = taken(WholeObject(PACKAGE.manifest, 0, slow_read))
    assert whole.written(block(1), PACKAGE.extent(block(1))) is None
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(whole.written, block(0), PACKAGE.extent(block(0)))
        assert reading.wait(30)
        assert whole.written(block(2), PACKAGE.extent(block(2))) is None
        assert not whole.verified
        go_on.set()
        assert first.result() is True
    assert whole.verified


def test_a_block_is_taken_by_one_writer_until_it_is_given_back() -> None:
    whole = WholeObject(PACKAGE.manifest, 0, read)
    assert whole.take(1, 1) == [block(1)]
    assert whole.take(0, 3) == [block(0), block(2)]
    whole.give_back(block(1))
    assert whole.take(0, 3) == [block(1)]


def test_a_read_that_failed_can_be_made_good_by_the_next_call() -> None:
    failing = [True]

    def read_once_bad(blocks: BlockExtent, buffer: memoryview) -> memoryview:
        if failing.pop() if failing else False:
            raise OSError("bad sector")
        return read(blocks, buffer)

    whole = taken(WholeObject(PACKAGE.manifest, 0, read_once_bad))
    whole.written(block(1), PACKAGE.extent(block(1)))
    whole.written(block(2), PACKAGE.extent(block(2)))
    with pytest.raises(OSError, match="bad sector"):
        whole.written(block(0), PACKAGE.extent(block(0)))
    assert whole.written(block(0)) is True


def test_after_a_mismatch_all_blocks_are_free_again() -> None:
    whole = taken(WholeObject(PACKAGE.manifest, 0, read))
    assert whole.written(BlockExtent.of(0, 0, 3), memoryview(bytes(3 * BLOCK_BYTES))) is False
    assert not whole.verified
    taken(whole)
    assert whole.written(BlockExtent.of(0, 0, 3), PACKAGE.extent(BlockExtent.of(0, 0, 3))) is True


def test_a_file_of_a_claimed_length_grows_as_it_arrives(tmp_path: Path) -> None:
    """Fault: a server claims a length that it does not have. dlcore allocates only what arrives."""
    with Store.open(tmp_path) as store:
        partial = store.begin(PACKAGE.manifest, PACKAGE.document)
        (file,) = (tmp_path / "partial").glob("*/content/a")
        assert file.stat().st_size == 0
        partial.write_extent(*PACKAGE.block(1))
        assert file.stat().st_size == 2 * BLOCK_BYTES
        partial.sync()
        partial.close()
        partial = store.begin(PACKAGE.manifest, PACKAGE.document)
        assert list(partial.have) == [0, 1, 0]
        fill(partial, PACKAGE)
        assert read_back(partial.finish()) == PACKAGE.contents
