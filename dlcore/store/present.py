"""Which blocks of a package lie in folders, finished or not. Changes nothing.

Guarantees: no block counts as present that was not read and did not match. A block of an object
that has only one digest has none of its own: it counts if all of the object matches, or if a
journal claims it and it matches the checksum of the claim, as when a download goes on.
"""

from __future__ import annotations

from pathlib import Path

from dlcore.long_path import long_path
from dlcore.model import DIGEST_BYTES, BlockExtent, Manifest
from dlcore.native import CHECKSUM_BYTES, block_checksums, block_digests
from dlcore.plain_files import read_plain
from dlcore.store import journal
from dlcore.store.checking import block_extents, buffer_bytes, in_parallel
from dlcore.store.files import MAX_DOCUMENT_BYTES, Files
from dlcore.store.keys import package_key
from dlcore.store.partial import CONTENT, JOURNAL
from dlcore.store.reading import BlockReader
from dlcore.store.tree import path_of


def present_blocks(
    manifest: Manifest, folder: Path, claims: journal.Claims | None = None
) -> bytearray:
    """One byte for each block of a package: 1 if a folder has it. With all cores.

    Args:
        manifest: The package.
        folder: Holds files of this package, of another version of it, or others. It need not
            exist. What cannot be read is not present.
        claims: What a journal says of the folder.
    """
    return _Looking(manifest, long_path(folder), claims).run()


def present_in_state(manifest: Manifest, digest: str, state: Path) -> bytearray:
    """The blocks that a state directory has of a package, finished or not.

    Args:
        manifest: The package.
        digest: SHA-256 of its document, hex.
        state: The state directory; it need not exist.
    """
    key = package_key(manifest.package_id, manifest.version, digest)
    partial = long_path(state) / "partial" / key
    claims = journal.decode(
        _journal(partial / JOURNAL), bytes.fromhex(digest), manifest.first_blocks[-1]
    )
    finished = present_blocks(manifest, state / "packages" / key / CONTENT)
    return united(finished, present_blocks(manifest, partial / CONTENT, claims))


def united(first: bytearray, second: bytearray) -> bytearray:
    """The blocks that one or the other has."""
    return bytearray(one | other for one, other in zip(first, second, strict=True))


def missing_bytes(manifest: Manifest, present: bytearray) -> int:
    """Length of the blocks that are not present."""
    wanted = bytearray(0 if held else 1 for held in present)
    spans = (manifest.extent_span(blocks) for blocks in block_extents(manifest, wanted))
    return sum(end - start for start, end in spans)


def missing_objects(manifest: Manifest, present: bytearray) -> list[int]:
    """Numbers of the objects that lack a block."""
    bounds = zip(manifest.first_blocks, manifest.first_blocks[1:], strict=False)
    return [index for index, (first, end) in enumerate(bounds) if 0 in present[first:end]]


def _journal(path: Path) -> bytes:
    try:
        data = read_plain(path, MAX_DOCUMENT_BYTES + 1)
    except OSError:
        return b""
    return data if len(data) <= MAX_DOCUMENT_BYTES else b""


class _Looking:
    """One look at a folder."""

    def __init__(self, manifest: Manifest, folder: Path, claims: journal.Claims | None) -> None:
        self._manifest = manifest
        self._folder = folder
        self._claims = claims
        files = Files()
        paths = [path_of(folder, file.path) for file in manifest.files]
        self._present = bytearray(manifest.first_blocks[-1])
        self._reader = BlockReader(
            files, manifest, paths.__getitem__, lambda index: files.open_to_read(paths[index])
        )

    def run(self) -> bytearray:
        if not self._folder.is_dir():
            return self._present
        manifest = self._manifest
        whole = [index for index, item in enumerate(manifest.objects) if not item.digests]
        wanted = bytearray(b"\x01" * len(self._present))
        for index in whole:
            first, end = manifest.first_blocks[index : index + 2]
            wanted[first:end] = bytes(end - first)
        size = buffer_bytes(manifest)
        try:
            in_parallel(block_extents(manifest, wanted), self._look, size)
            in_parallel(whole, self._look_at_whole, size)
        finally:
            self._reader.open_files.close()
        return self._present

    def _look(self, blocks: BlockExtent, buffer: memoryview) -> None:
        data = self._read(blocks, buffer)
        if data is not None:
            found = block_digests(data, self._manifest.block_bytes)
            self._mark(blocks, found, self._manifest.block_digests(blocks), DIGEST_BYTES)
        elif blocks.end - blocks.first > 1:  # one file that is missing costs its own blocks only
            for block in range(blocks.first, blocks.end):
                self._look(BlockExtent.of(blocks.object, block, block + 1), buffer)

    def _look_at_whole(self, index: int, buffer: memoryview) -> None:
        manifest = self._manifest
        first, end = manifest.first_blocks[index : index + 2]
        wanted = manifest.objects[index].whole
        digest, is_complete = wanted.hash(), True
        for number in range(first, end):
            block = BlockExtent.of(index, number - first, number - first + 1)
            data = self._read(block, buffer)
            if data is None:
                is_complete = False
                continue
            digest.update(data)
            if self._claims and self._claims.held[number]:
                found = block_checksums(data, manifest.block_bytes)
                self._mark(block, found, self._claims.checksum(number), CHECKSUM_BYTES)
        if is_complete and digest.digest() == wanted.value:
            self._present[first:end] = b"\x01" * (end - first)

    def _mark(self, blocks: BlockExtent, found: bytes, expected: bytes, size: int) -> None:
        first = self._manifest.block_number(blocks.object, blocks.first)
        for number in range(blocks.end - blocks.first):
            row = slice(number * size, (number + 1) * size)
            self._present[first + number] = found[row] == expected[row]

    def _read(self, blocks: BlockExtent, buffer: memoryview) -> memoryview | None:
        try:
            return self._reader.read(blocks, buffer)
        except OSError:
            return None
