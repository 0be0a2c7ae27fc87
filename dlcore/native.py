"""Hashing of blocks at the speed the CPU allows; the sole importer of ``dlcore_ext``.

Guarantees: the digests do not depend on the backend; nothing is slower than hashlib but for the
cost of one call on CPUs without SHA instructions. Assumes that nobody writes to a buffer while it
is hashed. Not for a message that arrives bit by bit: hashlib is.

The backend is chosen once, here at import. Where AVX-512 and SHA-NI are both at hand it takes a
measurement (well under a millisecond): on Intel sixteen AVX-512 lanes are 1.8 times as fast as
SHA-NI interleaved, on AMD Zen they are slower, and no flag of the CPU tells.
"""

from __future__ import annotations

import os
import time

from dlcore.errors import ConfigError
from dlcore_ext import _blocks
from dlcore_ext._blocks import backend, backends, block_digests  # direct: a wrapper would cost

__all__ = ["BACKEND_VARIABLE", "Buffer", "backend", "backends", "block_digests", "verify_blocks"]

Buffer = bytes | bytearray | memoryview
BACKEND_VARIABLE = "DLCORE_SHA256_BACKEND"
_DIGEST_BYTES = 32


def verify_blocks(data: Buffer, block_bytes: int, digests: bytes | memoryview) -> tuple[int, ...]:
    """Find the blocks of ``data`` that are not what they should be.

    Args:
        data: Any contiguous buffer.
        block_bytes: Length of a block, at least 1; the last block may be shorter.
        digests: The expected SHA-256 of each block in order, concatenated.

    Returns:
        Indices of the blocks whose SHA-256 differs, in order; empty if all is well.

    Raises:
        ValueError: ``digests`` is not 32 bytes for each block of ``data``: the caller's fault.
    """
    found = block_digests(data, block_bytes)
    if len(found) != len(digests):
        raise ValueError(f"{len(digests)} bytes of digests given, {len(found)} needed")
    if found == digests:
        return ()
    starts = range(0, len(found), _DIGEST_BYTES)
    return tuple(
        index
        for index, start in enumerate(starts)
        if found[start : start + _DIGEST_BYTES] != digests[start : start + _DIGEST_BYTES]
    )


def _choose_backend() -> str:
    forced = os.environ.get(BACKEND_VARIABLE)
    if not forced:
        rivals = tuple(name for name in backends() if name in {"avx512_sha_ni", "sha_ni"})
        return _fastest(rivals) if len(rivals) > 1 else backends()[0]
    if forced not in backends():
        raise ConfigError(
            f"{BACKEND_VARIABLE}={forced}: this CPU has no such SHA-256 backend",
            remedy=f"Unset it, or use one of: {', '.join(backends())}.",
        )
    return forced


def _fastest(names: tuple[str, ...]) -> str:
    """The backend with the best of five timings; interleaved, so that load hits all alike."""
    sample, block_bytes = bytes(64 << 10), 4 << 10
    timings: list[tuple[int, str]] = []
    for name in names * 5:
        _blocks.use_backend(name)
        start_ns = time.perf_counter_ns()
        block_digests(sample, block_bytes)
        timings.append((time.perf_counter_ns() - start_ns, name))
    return min(timings)[1]


_blocks.use_backend(_choose_backend())
