"""Verifies blocks and writes the good ones: many runs of a package in one native call.

Guarantees: nothing of a block that does not match is written; what is reported as written is on
its files, not yet synced, and its buffer not looked at any more, though others are still to be
written. A disk fault of one run leaves the others alone: they are recorded before it is raised.
Thread-safe, as far as different blocks are concerned.

Whole pages of large files go past the page cache where that is faster (`Tree.writers_of`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from dlcore.model import DIGEST_BYTES, BlockRange, Extent, Manifest
from dlcore.native import Run, Written
from dlcore.store.files import Files
from dlcore.store.job import verify_and_write_each
from dlcore.store.tally import Settled
from dlcore.store.tree import Tree

MAX_EXTENTS = 64  # of one native call: each is an open file at worst
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

    def write(self, arrivals: Sequence[Arrival], settled: Settled) -> None:
        """Verify and write.

        Args:
            arrivals: What.
            settled: Told of each that was written, in their order, while others are still to be.

        Raises:
            OSError: An arrival could not be written as a whole; the others were.
        """
        faults: list[OSError] = []
        place = 0
        for batch in self._batches(arrivals):
            with self._outcomes(batch) as outcomes:
                for blocks, written in zip([each.blocks for each in batch], outcomes, strict=True):
                    self._note(blocks, written)
                    if written.error:
                        faults.append(written.error)
                    else:
                        settled(place, tuple(blocks.first + block for block in written.bad))
                    place += 1
        if faults:
            raise faults[0]

    def _note(self, blocks: BlockRange, written: Written) -> None:
        span = self._manifest.range_span(blocks)
        self._tree.wrote(extent.file for extent in self._manifest.extents(blocks.object, *span))
        first = self._manifest.block_number(blocks.object, blocks.first)
        self._record([(first + block, xxh3) for block, xxh3 in written.claims()])

    def _batches(self, arrivals: Sequence[Arrival]) -> Iterator[list[Arrival]]:
        """As many arrivals together as have few enough extents."""
        batch: list[Arrival] = []
        count = 0
        for arrival in arrivals:
            extents = self._extent_count(arrival)
            if batch and count + extents > MAX_EXTENTS:
                yield batch
                batch, count = [], 0
            batch.append(arrival)
            count += extents
        if batch:
            yield batch

    def _extent_count(self, arrival: Arrival) -> int:
        span = self._manifest.range_span(arrival.blocks)
        return sum(1 for _ in self._manifest.extents(arrival.blocks.object, *span))

    @contextlib.contextmanager
    def _outcomes(self, batch: list[Arrival]) -> Iterator[Iterator[Written]]:
        """What becomes of each arrival, in order; they are written as it is asked for."""
        if len(batch) == 1 and self._extent_count(batch[0]) > MAX_EXTENTS:
            yield iter([self._write_scattered(batch[0])])
            return
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
            yield self._files.verify_and_write(runs)

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
