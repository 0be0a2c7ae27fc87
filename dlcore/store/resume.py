"""What an unfinished package has on disk: found by reading, never by trust.

Every block that may be on disk is compared with the manifest's SHA-256, whether the journal claims
it or not. A block of an object that has only one digest has no SHA-256 of its own: if the journal
claims it, it is compared with the XXH3-128 of the claim, and the caller judges the object as a
whole. So a lost journal costs time but no bytes, and a forged one gains nothing.
"""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

from dlcore.model import DIGEST_BYTES, BlockExtent, BlockInPackage, Manifest
from dlcore.native import CHECKSUM_BYTES, block_checksums, block_digests
from dlcore.store.checking import block_extents, buffer_bytes, in_parallel
from dlcore.store.journal import Claim, Claims
from dlcore.store.tree import Tree


class FoundOnDisk(NamedTuple):
    """What is on disk.

    Attributes:
        claims: The claims that are true. Their blocks were synced before.
        unclaimed: Claims to be made: of blocks that match the manifest but that no record claims.
            They may not be durable: the tree's first sync covers them.
        rechecked_bytes: Number of bytes read to find that out.
    """

    claims: Claims
    unclaimed: list[Claim]
    rechecked_bytes: int


def find_blocks(manifest: Manifest, tree: Tree, claims: Claims) -> FoundOnDisk:
    """Read back what may be on disk.

    Args:
        manifest: The package.
        tree: Its files, prepared.
        claims: What the journal says; not changed.

    Raises:
        OSError: The disk failed in another way than by not returning a block.
    """
    found = FoundOnDisk(Claims(bytearray(len(claims.held)), bytearray(claims.checksums)), [], 0)
    if tree.is_new:
        return found

    def check_claimed(blocks: BlockExtent, buffer: memoryview) -> None:
        for block in _claimed_and_right(manifest, tree, claims, blocks, buffer):
            found.claims.held[block] = 1

    def check_unclaimed(blocks: BlockExtent, buffer: memoryview) -> None:
        found.unclaimed.extend(_unclaimed_and_right(manifest, tree, blocks, buffer))

    rechecked_bytes = _check(manifest, claims.held, check_claimed)
    candidates = _written_blocks(manifest, tree, claims.held, found.claims.held)
    rechecked_bytes += _check(manifest, candidates, check_unclaimed)
    unclaimed = _without_parts(manifest, found.unclaimed)
    return found._replace(unclaimed=unclaimed, rechecked_bytes=rechecked_bytes)


def _check(
    manifest: Manifest, wanted: bytearray, check: Callable[[BlockExtent, memoryview], None]
) -> int:
    """Check all wanted blocks in parallel. Returns their length in bytes."""

    def check_extent(blocks: BlockExtent, buffer: memoryview) -> None:
        try:
            check(blocks, buffer)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            if blocks.end - blocks.first > 1:  # one bad sector costs one block
                for block in range(blocks.first, blocks.end):
                    check_extent(BlockExtent.of(blocks.object, block, block + 1), buffer)

    in_parallel(block_extents(manifest, wanted), check_extent, buffer_bytes(manifest))
    spans = (manifest.extent_span(blocks) for blocks in block_extents(manifest, wanted))
    return sum(end - start for start, end in spans)


def _claimed_and_right(
    manifest: Manifest, tree: Tree, claims: Claims, blocks: BlockExtent, buffer: memoryview
) -> Iterator[int]:
    """Numbers, in the package, of the blocks that are as they should be."""
    data = tree.read(blocks, buffer)
    first = manifest.block_number(blocks.object, blocks.first)
    end = first + blocks.end - blocks.first
    expected = manifest.block_digests(blocks)
    if expected:
        found, size = block_digests(data, manifest.block_bytes), DIGEST_BYTES
    else:
        found, size = block_checksums(data, manifest.block_bytes), CHECKSUM_BYTES
        expected = bytes(claims.checksums[first * size : end * size])
    return _equal_rows(found, expected, size, first)


def _unclaimed_and_right(
    manifest: Manifest, tree: Tree, blocks: BlockExtent, buffer: memoryview
) -> Iterator[Claim]:
    """Claims on the blocks that are as they should be, or that only the whole object can judge."""
    # `again`: an earlier failed sync may have left bytes in memory that are not on the disk.
    data = tree.read(blocks, buffer, again=True)
    first = manifest.block_number(blocks.object, blocks.first)
    expected = manifest.block_digests(blocks)
    if expected:
        found = block_digests(data, manifest.block_bytes)
        return map(Claim, _equal_rows(found, expected, DIGEST_BYTES, first))
    checksums = _rows(block_checksums(data, manifest.block_bytes), CHECKSUM_BYTES)
    return (Claim(number, checksum) for number, checksum in enumerate(checksums, first))


def _without_parts(manifest: Manifest, unclaimed: list[Claim]) -> list[Claim]:
    """Leave out blocks of objects with one digest if another of their blocks could not be read.

    Nothing tells whether they are right. If they were believed, the object would not match when the
    rest has arrived, and the endpoint that delivered the rest would be blamed.
    """
    objects = [manifest.locate_block(BlockInPackage(claim.block))[0] for claim in unclaimed]
    counts = Counter(objects)
    return [
        claim
        for claim, index in zip(unclaimed, objects, strict=True)
        if manifest.objects[index].digests or counts[index] == manifest.block_count(index)
    ]


def _equal_rows(found: bytes, expected: bytes, size: int, first: int) -> Iterator[int]:
    """Numbers, counted from ``first``, of the rows that are equal."""
    rows = zip(_rows(found, size), _rows(expected, size), strict=True)
    return (number for number, (one, other) in enumerate(rows, first) if one == other)


def _rows(joined: bytes, size: int) -> Iterator[bytes]:
    return (joined[at : at + size] for at in range(0, len(joined), size))


def _written_blocks(
    manifest: Manifest, tree: Tree, claimed: bytearray, right: bytearray
) -> bytearray:
    """Blocks that are not known to be on disk but were written to, and so may match.

    A block that was claimed and does not match its SHA-256 is not among them. One that does not
    match the checksum of its claim is: the claim may be wrong.
    """
    written = bytearray(len(claimed))
    for index, item in enumerate(manifest.objects):
        base, end = manifest.first_blocks[index : index + 2]
        known = claimed if item.digests else right
        found = bytes(
            not known[number]
            and tree.has_data(BlockExtent.of(index, number - base, number - base + 1))
            for number in range(base, end)
        )
        if item.digests or all(found):  # without digests of their own: all blocks or none
            written[base:end] = found
    return written
