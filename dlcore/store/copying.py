"""Copies single blocks from one package to another, whether they are finished or not.

Guarantees: nothing that is read is believed. Each block goes the way of blocks from the network: it
is hashed, and written only if it matches.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from dlcore.errors import IntegrityError
from dlcore.model import BlockExtent, BlockInPackage, Manifest
from dlcore.store.files import Files
from dlcore.store.partial import Partial
from dlcore.store.reading import BlockReader
from dlcore.store.tree import path_of


def read_blocks(
    folder: Path, manifest: Manifest, numbers: Sequence[BlockInPackage]
) -> dict[BlockInPackage, memoryview]:
    """Read blocks of a package from its content folder.

    Args:
        folder: The content folder. It must not be renamed meanwhile.
        manifest: The package.
        numbers: The blocks; they take memory at the same time.

    Returns:
        The bytes of those that can be read.
    """
    files = Files()
    paths = [path_of(folder, file.path) for file in manifest.files]
    reader = BlockReader(
        files, manifest, paths.__getitem__, lambda index: files.open_to_read(paths[index])
    )
    found: dict[BlockInPackage, memoryview] = {}
    try:
        for number in numbers:
            blocks = _one(manifest, number)
            start, end = manifest.extent_span(blocks)
            with contextlib.suppress(OSError):
                found[number] = reader.read(blocks, memoryview(bytearray(end - start)))
    finally:
        reader.open_files.close()
    return found


def write_blocks(
    partial: Partial, copies: Sequence[tuple[BlockInPackage, memoryview]]
) -> list[BlockInPackage]:
    """Write what was read to an unfinished package, if it matches; it is not synced yet.

    Args:
        partial: The package.
        copies: Numbers of its blocks, and what their bytes may be. Such a block is one of several
            in an object only if the object has digests of its blocks.

    Returns:
        The numbers of those that are on disk, verified.

    Raises:
        StorageError: The disk of the package failed.
    """
    extents: list[tuple[int, int, memoryview]] = []
    for number, data in copies:
        index, block = partial.manifest.locate_block(number)
        if partial.manifest.objects[index].digests:
            extents.append((index, block, data))
        else:
            with contextlib.suppress(IntegrityError):  # it changed meanwhile: nothing is kept
                partial.write_extent(index, block, data)
    if extents:
        partial.write_extents(extents, lambda _place, _bad: None)
    return [number for number, _ in copies if partial.have[number]]


def _one(manifest: Manifest, number: BlockInPackage) -> BlockExtent:
    index, block = manifest.locate_block(number)
    return BlockExtent.of(index, block, block + 1)
