"""What an unfinished package has on disk: found by reading, never by trust.

A block that the journal claims is compared with its XXH3-128, at memory speed. Any other block
that was ever written (the process died before it was synced, or the journal is lost) is compared
with the manifest's SHA-256. So a lost journal costs time, but nothing is fetched again.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from typing import NamedTuple

from dlcore.model import DIGEST_BYTES, BlockInObject, BlockRange, Manifest
from dlcore.native import CHECKSUM_BYTES, block_checksums, block_digests
from dlcore.store.checking import buffer_bytes, in_parallel, runs
from dlcore.store.journal import Claims
from dlcore.store.tree import Tree


class Found(NamedTuple):
    """What is on disk.

    Attributes:
        claims: The claims that are true. Their blocks were synced before.
        unclaimed: Blocks that match the manifest but that no record claims, with their XXH3-128.
            They may not be durable: the tree's first sync covers them.
        rechecked_bytes: Number of bytes read to find that out.
    """

    claims: Claims
    unclaimed: list[tuple[int, bytes]]
    rechecked_bytes: int


def find_blocks(manifest: Manifest, tree: Tree, claims: Claims) -> Found:
    """Read back what may be on disk.

    Args:
        manifest: The package.
        tree: Its files, prepared.
        claims: What the journal says; not changed.

    Raises:
        OSError: The disk failed in another way than by not returning a block.
    """
    found = Found(Claims(bytearray(len(claims.held)), claims.digests), [], 0)
    if tree.is_new:
        return found
    rechecked = _check(
        manifest,
        tree,
        claims.held,
        lambda blocks, buffer: _recheck(manifest, tree, found.claims, blocks, buffer),
    )
    candidates = _written_blocks(manifest, tree, found.claims.held)
    rechecked += _check(
        manifest,
        tree,
        candidates,
        lambda blocks, buffer: _rehash(manifest, tree, found.unclaimed, blocks, buffer),
    )
    return found._replace(rechecked_bytes=rechecked)


def _check(
    manifest: Manifest,
    tree: Tree,
    wanted: bytearray,
    check: Callable[[BlockRange, memoryview], None],
) -> int:
    """Check all wanted blocks in parallel. Returns their length in bytes."""

    def check_run(blocks: BlockRange, buffer: memoryview) -> None:
        try:
            check(blocks, buffer)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            if blocks.last - blocks.first > 1:  # one bad sector costs one block
                for block in range(blocks.first, blocks.last):
                    check_run(BlockRange.of(blocks.object, block, block + 1), buffer)

    in_parallel(runs(manifest, wanted), check_run, buffer_bytes(manifest))
    spans = (manifest.range_span(blocks) for blocks in runs(manifest, wanted))
    return sum(end - start for start, end in spans)


def _recheck(
    manifest: Manifest, tree: Tree, claims: Claims, blocks: BlockRange, buffer: memoryview
) -> None:
    data = tree.read(blocks, buffer)
    found = block_checksums(data, manifest.block_bytes)
    first = manifest.block_number(blocks.object, blocks.first)
    for number, digest in enumerate(_digests(found, CHECKSUM_BYTES), first):
        claims.held[number] = digest == claims.digest(number)


def _rehash(
    manifest: Manifest,
    tree: Tree,
    unclaimed: list[tuple[int, bytes]],
    blocks: BlockRange,
    buffer: memoryview,
) -> None:
    # `again`: an earlier failed sync may have left bytes in memory that are not on the disk.
    data = tree.read(blocks, buffer, again=True)
    found = block_digests(data, manifest.block_bytes)
    claims = block_checksums(data, manifest.block_bytes)
    wanted = manifest.objects[blocks.object].digests[
        blocks.first * DIGEST_BYTES : blocks.last * DIGEST_BYTES
    ]
    wanted = wanted or found  # the caller judges an object with one digest as a whole
    rows = zip(
        range(blocks.first, blocks.last),
        _digests(found, DIGEST_BYTES),
        _digests(wanted, DIGEST_BYTES),
        _digests(claims, CHECKSUM_BYTES),
        strict=True,
    )
    for block, digest, expected, claim in rows:
        if digest == expected:
            unclaimed.append((manifest.block_number(blocks.object, BlockInObject(block)), claim))


def _written_blocks(manifest: Manifest, tree: Tree, held: bytearray) -> bytearray:
    """Blocks that are not known to be on disk but were written to, and so may match."""
    written = bytearray(len(held))
    for index, item in enumerate(manifest.objects):
        base, end = manifest.first_blocks[index : index + 2]
        found = bytes(
            not held[number]
            and tree.has_data(BlockRange.of(index, number - base, number - base + 1))
            for number in range(base, end)
        )
        if item.digests or all(found):  # without digests of their own: all blocks or none
            written[base:end] = found
    return written


def _digests(joined: bytes, length: int) -> Iterator[bytes]:
    return (joined[at : at + length] for at in range(0, len(joined), length))
