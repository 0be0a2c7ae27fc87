"""Takes over what another folder has of a package, so that it need not be fetched.

Guarantees: nothing in that folder is believed or changed. Each block is read, compared with its
SHA-256 by the same call that takes blocks from the network, and written if it matches.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Sequence
from pathlib import Path

from dlcore.errors import IntegrityError
from dlcore.long_path import long_path
from dlcore.model import BlockExtent, Manifest
from dlcore.store.checking import block_extents, buffer_bytes, in_parallel
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
    take_over(partial, [path_of(long_path(folder), f.path) for f in partial.manifest.files])


def take_over(
    partial: Partial, paths: Sequence[Path | None], *, has_whole_objects: bool = True
) -> None:
    """Fill an unfinished package from files that lie anywhere; otherwise as `seed`.

    Args:
        partial: The package. Blocks that it has are not read again.
        paths: For each file of its manifest, where its content may lie; None for nowhere.
        has_whole_objects: Whether objects that have only one digest are taken over, too. Not while
            others write blocks of them: if the object does not match, all of its blocks are lost.

    Raises:
        StorageError: The disk of the package failed.
    """
    _Seeding(partial, paths).run(has_whole_objects=has_whole_objects)


class _Seeding:
    """One takeover."""

    def __init__(self, partial: Partial, paths: Sequence[Path | None]) -> None:
        self._partial = partial
        self._manifest: Manifest = partial.manifest
        self._paths = paths
        self._files = Files()
        self._reader = BlockReader(self._files, self._manifest, self._path_at, self._open)

    def _path_at(self, index: int) -> Path:
        path = self._paths[index]
        if path is None:
            raise FileNotFoundError(
                errno.ENOENT, "it lies nowhere", self._manifest.files[index].path
            )
        return path

    def _open(self, index: int) -> int:
        return self._files.open_to_read(self._path_at(index))

    def run(self, *, has_whole_objects: bool) -> None:
        wanted = bytearray(0 if held else 1 for held in self._partial.have)
        whole = [i for i, item in enumerate(self._manifest.objects) if not item.digests]
        for index in whole:  # its blocks cannot be compared one by one
            first, end = self._manifest.first_blocks[index : index + 2]
            wanted[first:end] = bytes(end - first)
        self._leave_out(wanted)
        size = buffer_bytes(self._manifest)
        try:
            in_parallel(block_extents(self._manifest, wanted), self._take, size)
            if has_whole_objects:
                in_parallel(whole, self._take_whole, size)
        finally:
            self._reader.open_files.close()

    def _leave_out(self, wanted: bytearray) -> None:
        """Leave out the blocks of files that lie nowhere."""
        manifest = self._manifest
        for path, file in zip(self._paths, manifest.files, strict=True):
            if path is None and not file.is_empty:
                base = manifest.first_blocks[file.object]
                first = base + file.offset_bytes // manifest.block_bytes
                last = base + (file.offset_bytes + file.length_bytes - 1) // manifest.block_bytes
                wanted[first : last + 1] = bytes(last + 1 - first)

    def _take(self, blocks: BlockExtent, buffer: memoryview) -> None:
        """Take over those of these blocks that match."""
        data = self._read(blocks, buffer)
        if data is not None:
            self._partial.write_extent(blocks.object, blocks.first, data)
        elif blocks.end - blocks.first > 1:  # one file that is missing costs its own blocks only
            for block in range(blocks.first, blocks.end):
                self._take(BlockExtent.of(blocks.object, block, block + 1), buffer)

    def _take_whole(self, index: int, buffer: memoryview) -> None:
        """Take over an object that has only one digest, if all of it matches."""
        wanted = self._manifest.objects[index].whole
        digest = wanted.hash()
        count = self._manifest.block_count(index)
        blocks = [BlockExtent.of(index, block, block + 1) for block in range(count)]
        for block in blocks:
            data = self._read(block, buffer)
            if data is None:
                return
            digest.update(data)
        if digest.digest() == wanted.value:
            with contextlib.suppress(IntegrityError):  # it changed meanwhile: nothing is kept
                for block in blocks:
                    self._take(block, buffer)

    def _read(self, blocks: BlockExtent, buffer: memoryview) -> memoryview | None:
        """The bytes of blocks; None if they cannot be read."""
        try:
            return self._reader.read(blocks, buffer)
        except OSError:
            return None
