"""Hashing of blocks."""

from hashlib import sha256 as _sha256


def block_digests(data, Py_ssize_t block_bytes):
    """SHA-256 of every block of a contiguous buffer, concatenated."""
    view = memoryview(data).cast("B")
    cdef Py_ssize_t start
    return b"".join(
        [_sha256(view[start:start + block_bytes]).digest()
         for start in range(0, len(view), block_bytes)]
    )
