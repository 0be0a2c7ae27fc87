"""Verifies blocks and writes the good ones: many extents of a package in one call of the core.

Guarantees: nothing of a block that does not match is written. What is reported as written is in
its files, not yet synced, and its buffer is not read any more, even while other extents are still
to be written. A disk fault of one does not affect the others: they are recorded before it is
raised. Thread-safe for different blocks.

Whole pages of large files go past the page cache where that is faster (`Tree.writers_of`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from dlcore.model import DIGEST_BYTES, BlockExtent, FileExtent, Manifest
from dlcore.native import Run, Written, block_checksums, block_digests, portable
from dlcore.store.files import Files
from dlcore.store.journal import Claim
from dlcore.store.pending_extents import OnWritten
from dlcore.store.tree import Tree

MAX_EXTENTS = 64  # of one call: in the worst case each is an open file


class Arrival(NamedTuple):
    """An extent of whole blocks that has arrived and is to be written.

    Attributes:
        blocks: Which blocks.
        data: Their bytes.
        is_verifiable: Whether the manifest has their digests.
    """

    blocks: BlockExtent
    data: memoryview
    is_verifiable: bool


class Writer:
    """Writes blocks of one package.

    Args:
        files: The disk.
        manifest: The package.
        tree: Its files.
        record: Called with the claims of what was written.
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

    def write(self, arrivals: Sequence[Arrival], on_written: OnWritten) -> None:
        """Verify and write.

        Args:
            arrivals: What to write.
            on_written: Called for each arrival as soon as it is written, in order.

        Raises:
            OSError: An arrival could not be written completely. The others were.
        """
        faults: list[OSError] = []
        index = 0
        for batch in self._batches(arrivals):
            with self._written(batch) as results:
                for arrival, written in zip(batch, results, strict=True):
                    self._note(arrival, written)
                    if written.error:
                        faults.append(written.error)
                    else:
                        first = arrival.blocks.first
                        on_written(index, tuple(first + block for block in written.bad))
                    index += 1
        if faults:
            raise faults[0]

    def _note(self, arrival: Arrival, written: Written) -> None:
        blocks = arrival.blocks
        span = self._manifest.extent_span(blocks)
        self._tree.wrote(
            extent.file for extent in self._manifest.file_extents(blocks.object, *span)
        )
        first = self._manifest.block_number(blocks.object, blocks.first)
        if arrival.is_verifiable:
            self._record([Claim(first + block) for block in written.on_disk])
        else:
            self._record([*self._checksummed(arrival, first, written.on_disk)])

    def _checksummed(
        self, arrival: Arrival, first: int, on_disk: tuple[int, ...]
    ) -> Iterator[Claim]:
        """Claims on blocks without a SHA-256 of their own; only they need a checksum."""
        size = self._manifest.block_bytes
        for block in on_disk:
            data = arrival.data[block * size : (block + 1) * size]
            yield Claim(first + block, block_checksums(data, size))

    def _batches(self, arrivals: Sequence[Arrival]) -> Iterator[list[Arrival]]:
        """Group arrivals so that each group has few enough extents."""
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
        span = self._manifest.extent_span(arrival.blocks)
        return sum(1 for _ in self._manifest.file_extents(arrival.blocks.object, *span))

    @contextlib.contextmanager
    def _written(self, batch: list[Arrival]) -> Iterator[Iterator[Written]]:
        """What became of each arrival, in order; arrivals are written as it is iterated."""
        if len(batch) == 1 and self._extent_count(batch[0]) > MAX_EXTENTS:
            yield self._write_scattered(batch[0])
            return
        stretches_of_each = [list(self._stretches(arrival)) for arrival in batch]
        with self._tree.writers_of(chain.from_iterable(stretches_of_each)) as fds:
            fd = iter(fds)
            runs = [
                Run(
                    arrival.data,
                    self._manifest.block_bytes,
                    self._digests(arrival),
                    [(next(fd), e.offset_bytes, e.length_bytes) for e, _ in stretches],
                )
                for arrival, stretches in zip(batch, stretches_of_each, strict=True)
            ]
            yield self._files.verify_and_write(runs)

    def _stretches(self, arrival: Arrival) -> Iterator[tuple[FileExtent, memoryview]]:
        """Where an arrival's bytes go: each stretch, and its bytes."""
        span = self._manifest.extent_span(arrival.blocks)
        whole = self._manifest.file_extents(arrival.blocks.object, *span)
        at = 0
        for stretch in chain.from_iterable(map(self._tree.stretches, whole)):
            yield stretch, arrival.data[at : at + stretch.length_bytes]
            at += stretch.length_bytes

    def _digests(self, arrival: Arrival) -> memoryview | bytes:
        if not arrival.is_verifiable:
            return b""
        digests = memoryview(self._manifest.objects[arrival.blocks.object].digests)
        return digests[arrival.blocks.first * DIGEST_BYTES : arrival.blocks.end * DIGEST_BYTES]

    def _write_scattered(self, arrival: Arrival) -> Iterator[Written]:
        """Write to hundreds of tiny files, one at a time: they cannot all be open together."""
        span = self._manifest.extent_span(arrival.blocks)
        extents = self._manifest.file_extents(arrival.blocks.object, *span)
        run = Run(arrival.data, self._manifest.block_bytes, self._digests(arrival), extents)
        return portable.verify_and_write([run], self._tree.write_at, block_digests)
