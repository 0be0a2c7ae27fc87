"""The journal's checksum: XXH3-128 in its canonical (big-endian) form, from the xxhash package.

It tells whether the disk still holds what was written. It never proves authenticity.
"""

from __future__ import annotations

import xxhash

from dlcore.native.interface import Buffer, check_block_bytes, flat_view


def block_checksums(data: Buffer, block_bytes: int) -> bytes:
    """XXH3-128 of every block of ``data``. Releases the GIL while a block is hashed.

    Args:
        data: Any contiguous buffer.
        block_bytes: Length of a block, at least 1; the last block may be shorter.

    Returns:
        The checksums (16 bytes each) in order, concatenated; empty if there is no data.

    Raises:
        ValueError: ``block_bytes`` is less than 1: the caller's fault.
        BufferError: ``data`` is not contiguous: the caller's fault.
    """
    check_block_bytes(block_bytes)
    view = flat_view(data)
    starts = range(0, len(view), block_bytes)
    return b"".join(xxhash.xxh3_128_digest(view[at : at + block_bytes]) for at in starts)


def written_checksums(
    data: Buffer, block_bytes: int, bad: tuple[int, ...], written_bytes: int
) -> bytes:
    """XXH3-128 of the blocks of a run that are on disk.

    Args:
        data: The run's blocks.
        block_bytes: Length of a block; the last one may be shorter.
        bad: Numbers of the blocks that do not match.
        written_bytes: How far the run was written: all good blocks that end there or before.
    """
    view, not_written = flat_view(data), set(bad)
    found = []
    for block, start in enumerate(range(0, written_bytes, block_bytes)):
        end = min(start + block_bytes, len(view))
        if end <= written_bytes and block not in not_written:
            found.append(xxhash.xxh3_128_digest(view[start:end]))
    return b"".join(found)
