"""Verifies blocks and writes the good ones: many runs of a package in one native call.

Guarantees: nothing of a block that does not match is written; what is reported as written is on
its files, not yet synced. A disk fault of one run leaves the others alone: they are recorded
before it is raised. Thread-safe, as far as different blocks are concerned.

Whole pages of large files go past the page cache where that is faster (`Tree.writers_of`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from dlcore.model import DIGEST_BYTES, BlockRange, Extent, Manifest
from dlcore.native import Run, Written, block_digests, verify_blocks
from dlcore.store.files import Files
from dlcore.store.tree import Tree

MOST_EXTENTS = 64  # of one native call: each is an open file at worst
CLAIM_BYTES = 16  # XXH3-128
Claim = tuple[int, bytes]  # package-wide block number, XXH3-128 of its bytes


class Part(NamedTuple):
    """Whole contiguous blocks to be written.

    Attributes:
        blocks: Which.
        data: Their bytes.
        is_verifiable: Whether the manifest has their digests.
    """

    blocks: BlockRange
    data: memoryview
    is_verifiable: bool


class Writer:
    """Writes blocks of one package.

    Args:
        files: The disk.
        manifest: The package.
        tree: Its files.
        record: Told the claims of what was written.
    """

    def __init__(
        self,
        files: Files,
        manifest: Manifest,
        tree: Tree,
        record: Callable[[list[Claim]], None],
    ) -> None:
        self._files = files
        self._manifest = manifest
        self._tree = tree
        self._record = record

    def write(self, parts: Sequence[Part]) -> list[tuple[int, ...]]:
        """Verify and write.

        Returns:
            For each part the numbers, in its object, of the blocks that do not match.

        Raises:
            OSError: A part could not be written as a whole; the others were.
        """
        bad: list[tuple[int, ...]] = []
        faults: list[OSError] = []
        for batch in self._batches(parts):
            for part, written in zip(batch, self._write_batch(batch), strict=True):
                first = self._manifest.block_number(part.blocks.object, part.blocks.first)
                self._record([(first + block, xxh3) for block, xxh3 in written.claims()])
                bad.append(tuple(part.blocks.first + block for block in written.bad))
                if written.error:
                    faults.append(written.error)
        if faults:
            raise faults[0]
        return bad

    def _batches(self, parts: Sequence[Part]) -> Iterator[list[Part]]:
        """As many parts together as have few enough extents."""
        batch: list[Part] = []
        count = 0
        for part in parts:
            extents = self._extent_count(part)
            if batch and count + extents > MOST_EXTENTS:
                yield batch
                batch, count = [], 0
            batch.append(part)
            count += extents
        if batch:
            yield batch

    def _extent_count(self, part: Part) -> int:
        span = self._manifest.range_span(part.blocks)
        return sum(1 for _ in self._manifest.extents(part.blocks.object, *span))

    def _write_batch(self, batch: list[Part]) -> list[Written]:
        if len(batch) == 1 and self._extent_count(batch[0]) > MOST_EXTENTS:
            return [self._write_scattered(batch[0])]
        places = [list(self._stretches(part)) for part in batch]
        with self._tree.writers_of(chain.from_iterable(places)) as fds:
            fd = iter(fds)
            runs = [
                Run(
                    part.data,
                    self._manifest.block_bytes,
                    self._digests(part),
                    [(next(fd), e.offset_bytes, e.length_bytes) for e, _ in stretches],
                )
                for part, stretches in zip(batch, places, strict=True)
            ]
            return self._files.verify_and_write(runs)

    def _stretches(self, part: Part) -> Iterator[tuple[Extent, memoryview]]:
        """Where a part's bytes go, each stretch with them."""
        span = self._manifest.range_span(part.blocks)
        whole = self._manifest.extents(part.blocks.object, *span)
        at = 0
        for stretch in chain.from_iterable(map(self._tree.stretches, whole)):
            yield stretch, part.data[at : at + stretch.length_bytes]
            at += stretch.length_bytes

    def _digests(self, part: Part) -> memoryview | bytes:
        if not part.is_verifiable:
            return b""
        digests = memoryview(self._manifest.objects[part.blocks.object].digests)
        return digests[part.blocks.first * DIGEST_BYTES : part.blocks.last * DIGEST_BYTES]

    def _write_scattered(self, part: Part) -> Written:
        """Blocks of hundreds of tiny files: opening those costs more than any hash."""
        block_bytes = self._manifest.block_bytes
        digests = self._digests(part)
        bad = verify_blocks(part.data, block_bytes, digests) if digests else ()
        xxh3 = b""
        for block in range(part.blocks.last - part.blocks.first):
            if block in bad:
                continue
            data = part.data[block * block_bytes : (block + 1) * block_bytes]
            first = part.blocks.first + block
            try:
                self._tree.write(BlockRange(part.blocks.object, first, first + 1), data)
            except OSError as error:
                return Written(bad, xxh3, error)
            xxh3 += block_digests(data, block_bytes, "xxh3_128")
        return Written(bad, xxh3, None)
