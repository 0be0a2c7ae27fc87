"""How the files of a package are synced."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcore.model import BlockExtent
from dlcore.store.descriptors import MAX_OPEN
from dlcore.store.tree import Tree
from tests.store.helpers import BLOCK_BYTES, make_package
from tests.store.simdisk import SimDisk

PACKAGE = make_package({f"{i:03}": BLOCK_BYTES for i in range(MAX_OPEN + 1)})
FIRST = BlockExtent.of(0, 0, 1)


@pytest.fixture
def disk() -> SimDisk:
    return SimDisk()


@pytest.fixture
def tree(disk: SimDisk) -> Tree:
    disk.make_folder(Path("/partial"))
    tree = Tree(disk, Path("/partial/content"), PACKAGE.manifest)
    tree.prepare()
    tree.sync()
    return tree


def write(tree: Tree, blocks: BlockExtent) -> None:
    file, offset_bytes, length_bytes = next(
        PACKAGE.manifest.file_extents(blocks.object, *PACKAGE.manifest.extent_span(blocks))
    )
    assert tree.write_at(file, PACKAGE.extent(blocks), offset_bytes) == length_bytes


def calls_of_sync(disk: SimDisk, tree: Tree) -> list[str]:
    calls: list[str] = []
    disk.before = lambda _, call: calls.append(call)
    tree.sync()
    return calls


def test_a_file_that_stayed_open_is_synced_by_itself(disk: SimDisk, tree: Tree) -> None:
    write(tree, FIRST)
    assert calls_of_sync(disk, tree) == ["sync_data"]


def test_after_an_unsynced_file_was_closed_the_file_system_is_asked(
    disk: SimDisk, tree: Tree
) -> None:
    write(tree, FIRST)
    buffer = memoryview(bytearray(BLOCK_BYTES))
    for index in range(1, len(PACKAGE.objects)):
        tree.read(BlockExtent.of(index, 0, 1), buffer)
    assert calls_of_sync(disk, tree) == ["sync_filesystem"]


def test_many_files_are_synced_by_one_call(disk: SimDisk, tree: Tree) -> None:
    for index in range(len(PACKAGE.objects)):
        blocks = BlockExtent.of(index, 0, 1)
        write(tree, blocks)
    assert calls_of_sync(disk, tree) == ["sync_filesystem"]


def test_what_is_synced_is_not_synced_again(disk: SimDisk, tree: Tree) -> None:
    assert calls_of_sync(disk, tree) == []
