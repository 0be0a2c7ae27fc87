"""Takes over what another folder has of a package, so that it need not be fetched.

Guarantees: nothing in that folder is believed or changed. Each block is read, compared with its
SHA-256 by the same call that takes blocks from the network, and written if it matches.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Sequence
from pathlib import Path

from dlcore.errors import IntegrityError
from dlcore.long_path import long_path
from dlcore.model import BlockRange, Manifest
from dlcore.store.checking import buffer_bytes, in_parallel, runs
from dlcore.store.files import Files
from dlcore.store.partial import Partial
from dlcore.store.reading import BlockReader
from dlcore.store.tree import path_of


def seed(partial: Partial, folder: Path) -> None:
    """Fill an unfinished package with the blocks that a folder has, with all cores.

    What was taken over is on disk, and not synced yet. What cannot be read there is left out.

    Args:
        partial: The package. Blocks that it has are not read again.
        folder: Holds files of this package, of another version of it, or others.

    Raises:
        StorageError: The disk of the package failed.
    """
    root = long_path(folder)
    seed_from(partial, [path_of(root, file.path) for file in partial.manifest.files])


def seed_from(partial: Partial, paths: Sequence[Path | None]) -> None:
    """As `seed`, with a path for each file of the package; None where there is nothing."""
    _Seeding(partial, paths).run()


class _Seeding:
    """One takeover."""

    def __init__(self, partial: Partial, paths: Sequence[Path | None]) -> None:
        self._partial = partial
        self._manifest: Manifest = partial.manifest
        files = Files()

        def open_file(index: int) -> int:
            path = paths[index]
            if path is None:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
            return files.open_to_read(path)

        self._reader = BlockReader(
            files, self._manifest, lambda index: paths[index] or Path(), open_file
        )

    def run(self) -> None:
        wanted = bytearray(0 if held else 1 for held in self._partial.have)
        whole = [i for i, item in enumerate(self._manifest.objects) if not item.digests]
        for index in whole:  # its blocks cannot be compared one by one
            first, last = self._manifest.first_blocks[index : index + 2]
            wanted[first:last] = bytes(last - first)
        size = buffer_bytes(self._manifest)
        try:
            in_parallel(runs(self._manifest, wanted), self._take, size)
            in_parallel(whole, self._take_whole, size)
        finally:
            self._reader.open_files.close()

    def _take(self, blocks: BlockRange, buffer: memoryview) -> None:
        """Take over those blocks of a range that match."""
        data = self._read(blocks, buffer)
        if data is not None:
            self._partial.write_run(blocks.object, blocks.first, data)
        elif blocks.last - blocks.first > 1:  # one file that is missing costs its own blocks only
            for block in range(blocks.first, blocks.last):
                self._take(BlockRange.of(blocks.object, block, block + 1), buffer)

    def _take_whole(self, index: int, buffer: memoryview) -> None:
        """Take over an object that has only one digest, if all of it matches."""
        wanted = self._manifest.objects[index].whole
        digest = wanted.hash()
        count = self._manifest.block_count(index)
        blocks = [BlockRange.of(index, block, block + 1) for block in range(count)]
        for block in blocks:
            data = self._read(block, buffer)
            if data is None:
                return
            digest.update(data)
        if digest.digest() == wanted.value:
            with contextlib.suppress(IntegrityError):  # it changed meanwhile: nothing is kept
                for block in blocks:
                    self._take(block, buffer)

    def _read(self, blocks: BlockRange, buffer: memoryview) -> memoryview | None:
        """The bytes of a range; None if they cannot be read."""
        try:
            return self._reader.read(blocks, buffer)
        except OSError:
            return None
