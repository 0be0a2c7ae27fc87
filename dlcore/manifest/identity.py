"""What content is called: names that follow from the digests."""

from __future__ import annotations

import hashlib
import struct


def digest_of(data: bytes) -> str:
    """SHA-256 of a document, lower-case hex."""
    return hashlib.sha256(data).hexdigest()


def object_name(length_bytes: int, block_bytes: int, digests: bytes) -> str:
    """Content address of an object, lower-case hex.

    Args:
        length_bytes: Length of the object, below 2**64.
        block_bytes: Length of every block but the last, below 2**32.
        digests: SHA-256 of each block, concatenated.

    Source: the *HashOfHashes* of Delivery Optimization's piece hash files, checked against two
        published ones.
    """
    name = hashlib.sha256(struct.pack("<IQI", 1, length_bytes, block_bytes))
    name.update(digests)
    return name.hexdigest()
