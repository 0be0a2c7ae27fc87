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
from dlcore.native import Run, Written
from dlcore.store.files import Files
from dlcore.store.job import verify_and_write_each
from dlcore.store.tree import Tree

MOST_EXTENTS = 64  # of one native call: each is an open file at worst
CLAIM_BYTES = 16  # XXH3-128
Claim = tuple[int, bytes]  # package-wide block number, XXH3-128 of its bytes


class Arrival(NamedTuple):
    """Whole contiguous blocks that have arrived, to be written.

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

    def write(self, arrivals: Sequence[Arrival]) -> list[tuple[int, ...]]:
        """Verify and write.

        Returns:
            For each arrival the numbers, in its object, of the blocks that do not match.

        Raises:
            OSError: An arrival could not be written as a whole; the others were.
        """
        bad: list[tuple[int, ...]] = []
        faults: list[OSError] = []
        for batch in self._batches(arrivals):
            for arrival, written in zip(batch, self._write_batch(batch), strict=True):
                first = self._manifest.block_number(arrival.blocks.object, arrival.blocks.first)
                self._record([(first + block, xxh3) for block, xxh3 in written.claims()])
                bad.append(tuple(arrival.blocks.first + block for block in written.bad))
                if written.error:
                    faults.append(written.error)
        if faults:
            raise faults[0]
        return bad

    def _batches(self, arrivals: Sequence[Arrival]) -> Iterator[list[Arrival]]:
        """As many arrivals together as have few enough extents."""
        batch: list[Arrival] = []
        count = 0
        for arrival in arrivals:
            extents = self._extent_count(arrival)
            if batch and count + extents > MOST_EXTENTS:
                yield batch
                batch, count = [], 0
            batch.append(arrival)
            count += extents
        if batch:
            yield batch

    def _extent_count(self, arrival: Arrival) -> int:
        span = self._manifest.range_span(arrival.blocks)
        return sum(1 for _ in self._manifest.extents(arrival.blocks.object, *span))

    def _write_batch(self, batch: list[Arrival]) -> list[Written]:
        if len(batch) == 1 and self._extent_count(batch[0]) > MOST_EXTENTS:
            return [self._write_scattered(batch[0])]
        places = [list(self._stretches(arrival)) for arrival in batch]
        with self._tree.writers_of(chain.from_iterable(places)) as fds:
            fd = iter(fds)
            runs = [
                Run(
                    arrival.data,
                    self._manifest.block_bytes,
                    self._digests(arrival),
                    [(next(fd), e.offset_bytes, e.length_bytes) for e, _ in stretches],
                )
                for arrival, stretches in zip(batch, places, strict=True)
            ]
            return self._files.verify_and_write(runs)

    def _stretches(self, arrival: Arrival) -> Iterator[tuple[Extent, memoryview]]:
        """Where an arrival's bytes go, each stretch with them."""
        span = self._manifest.range_span(arrival.blocks)
        whole = self._manifest.extents(arrival.blocks.object, *span)
        at = 0
        for stretch in chain.from_iterable(map(self._tree.stretches, whole)):
            yield stretch, arrival.data[at : at + stretch.length_bytes]
            at += stretch.length_bytes

    def _digests(self, arrival: Arrival) -> memoryview | bytes:
        if not arrival.is_verifiable:
            return b""
        digests = memoryview(self._manifest.objects[arrival.blocks.object].digests)
        return digests[arrival.blocks.first * DIGEST_BYTES : arrival.blocks.last * DIGEST_BYTES]

    def _write_scattered(self, arrival: Arrival) -> Written:
        """Blocks of hundreds of tiny files: opening those costs more than any hash."""

        def write(block: int, data: memoryview) -> None:
            first = arrival.blocks.first + block
            self._tree.write(BlockRange(arrival.blocks.object, first, first + 1), data)

        return verify_and_write_each(
            arrival.data, self._manifest.block_bytes, self._digests(arrival), write
        )
