"""Hashing of blocks; the sole importer of ``dlcore_ext``."""

from __future__ import annotations

import hashlib

import xxhash

Buffer = bytes | bytearray | memoryview


def block_digests(data: Buffer, block_bytes: int, algorithm: str = "sha256") -> bytes:
    """Hash every block of ``data``.

    Args:
        data: Any contiguous buffer.
        block_bytes: Length of a block; the last one may be shorter.
        algorithm: ``sha256`` (32 bytes a digest) or ``xxh3_128`` (16 bytes).

    Returns:
        The digests in order, concatenated.
    """
    view = memoryview(data).cast("B")
    digest = (
        xxhash.xxh3_128_digest
        if algorithm == "xxh3_128"
        else lambda block: hashlib.sha256(block).digest()
    )
    return b"".join(
        digest(view[start : start + block_bytes]) for start in range(0, len(view), block_bytes)
    )
