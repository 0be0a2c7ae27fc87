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
