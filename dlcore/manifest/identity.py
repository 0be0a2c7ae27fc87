"""Content addresses: names that are computed from digests."""

from __future__ import annotations

import hashlib
import struct


def digest_of(data: bytes) -> str:
    """SHA-256 digest of a document, in lower-case hex."""
    return hashlib.sha256(data).hexdigest()


def object_name(length_bytes: int, block_bytes: int, digests: bytes) -> str:
    """Content address of an object, in lower-case hex.

    Args:
        length_bytes: Length of the object, below 2**64.
        block_bytes: Length of every block but the last, below 2**32.
        digests: SHA-256 digests of the blocks, concatenated in order.

    Source: the *HashOfHashes* of Delivery Optimization's piece hash files. The formula is checked
        against two published files in the tests.
    """
    name = hashlib.sha256(struct.pack("<IQI", 1, length_bytes, block_bytes))
    name.update(digests)
    return name.hexdigest()
