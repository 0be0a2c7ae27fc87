"""Hashing, verifying and writing of blocks as fast as the CPU allows; imports ``dlcore_ext`` alone.

Guarantees: the digests do not depend on the backend; nothing is slower than hashlib but for the
cost of one call on CPUs without SHA instructions. Assumes that nobody writes to a buffer while it
is hashed. Not for a message that arrives bit by bit: hashlib is.

The backend is chosen once, here at import. Where AVX-512 and SHA-NI are both at hand it takes a
measurement (well under a millisecond): on Intel sixteen AVX-512 lanes are 1.8 times as fast as
SHA-NI interleaved, on AMD Zen they are slower, and no flag of the CPU tells.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import time
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import xxhash

from dlcore.errors import ConfigError
from dlcore_ext import _blocks
from dlcore_ext._blocks import (  # direct: a wrapper would cost
    CAN_WRITE,
    backend,
    backends,
    block_digests,
)

__all__ = [
    "BACKEND_VARIABLE",
    "CAN_WRITE",
    "Buffer",
    "Run",
    "Written",
    "aligned_buffer",
    "backend",
    "backends",
    "block_checksums",
    "block_digests",
    "discard",
    "verify_and_write",
    "verify_blocks",
]

Buffer = bytes | bytearray | memoryview
BACKEND_VARIABLE = "DLCORE_SHA256_BACKEND"
_DIGEST_BYTES = 32
CHECKSUM_BYTES = 16  # XXH3-128
WRITE_BYTES = 4 << 20  # less at a time costs processor time, more keeps buffers from being filled


class Run(NamedTuple):
    """Whole blocks that adjoin in memory, and where they go.

    Attributes:
        data: The blocks; the last may be shorter.
        block_bytes: Length of a block, at least 1.
        digests: The expected SHA-256 of each block in order, concatenated; a view of a manifest's
            will do. Empty: the blocks are written unverified, for objects that have but one digest.
        extents: Open file, offset and length of each stretch of ``data`` in order, all of it. An
            extent may hold many blocks, and a block many extents. The files stay open meanwhile.
    """

    data: Buffer
    block_bytes: int
    digests: Buffer
    extents: Iterable[tuple[int, int, int]]


class Written(NamedTuple):
    """What became of a run.

    Attributes:
        bad: Numbers, in the run, of the blocks that do not match. Nothing of them was written.
        checksums: XXH3-128 of each block that is on disk (not yet synced), in order, concatenated:
            all that are not bad, if ``error`` is None.
        error: Why writing ended early; it did at the first block that is neither bad nor on disk,
            of which a part may be. The other runs are not concerned.
    """

    bad: tuple[int, ...]
    checksums: bytes
    error: OSError | None

    def claims(self) -> Iterator[tuple[int, bytes]]:
        """Number in the run and XXH3-128 of each block that is on disk, in order."""
        block, bad = 0, set(self.bad)
        for at in range(0, len(self.checksums), CHECKSUM_BYTES):
            while block in bad:
                block += 1
            yield block, self.checksums[at : at + CHECKSUM_BYTES]
            block += 1


def verify_and_write(runs: Iterable[Run]) -> Iterator[Written]:
    """Verify blocks of any number of runs now, and write the good ones as it is iterated.

    All are hashed in one call without the GIL. The more blocks a call gets, the better they fill
    the lanes: with AVX-512 sixteen are nearly twice as fast as two. Then a few runs are written at
    a time, again without the GIL; those that adjoin on disk and follow each other, together. Once a
    run's outcome is there, neither its data nor its digests are looked at any more: its buffer may
    be filled again while the other runs are written.

    It does for many runs what this does for each, and a disk fault of one leaves the others alone::

        bad = verify_blocks(run.data, run.block_bytes, run.digests) if run.digests else ()
        checksums = block_checksums(good_blocks, run.block_bytes)
        os.pwrite(...)  # each stretch of good blocks to its extents, until all is written

    Args:
        runs: What to verify and write. A package's object yields one for each stretch of blocks
            that adjoin in memory and are not on disk yet; its extents are those of
            ``Manifest.extents`` with the descriptor of the file in place of its index.

    Returns:
        What became of each run, in order. What is not asked for is not written. For one thread.

    Raises:
        ValueError: A run makes no sense: block_bytes is less than 1, digests are not 32 bytes a
            block, extents are not as long as the data. Nothing was written: the caller's fault.
        OverflowError: A descriptor, offset or length is no such thing; as before.
        BufferError: A buffer is not contiguous; as before.
    """
    all_runs = list(runs)
    return _write(_blocks.Job(list(all_runs)), all_runs)


def _write(job: _blocks.Job, runs: list[Run]) -> Iterator[Written]:
    each = iter(runs)
    while outcomes := job.write(WRITE_BYTES):
        for (bad, written_bytes, code), run in zip(outcomes, each, strict=False):
            yield Written(bad, _checksums(run, bad, written_bytes), _fault(code))


def _checksums(run: Run, bad: tuple[int, ...], written_bytes: int) -> bytes:
    """XXH3-128 of the good blocks that end within the first ``written_bytes`` of a run."""
    data, found = memoryview(run.data).cast("B"), []
    for block, start in enumerate(range(0, written_bytes, run.block_bytes)):
        end = min(start + run.block_bytes, len(data))
        if end <= written_bytes and block not in bad:
            found.append(xxhash.xxh3_128_digest(data[start:end]))
    return b"".join(found)


def block_checksums(data: Buffer, block_bytes: int) -> bytes:
    """XXH3-128 (16 bytes, canonical) of every block of ``data``, in order, concatenated.

    Args:
        data: Any contiguous buffer.
        block_bytes: Length of a block, at least 1; the last block may be shorter.

    Raises:
        ValueError: ``block_bytes`` is less than 1.
        BufferError: ``data`` is not contiguous.
    """
    if block_bytes < 1:
        raise ValueError(f"block_bytes is {block_bytes}, must be at least 1")
    view = memoryview(data)
    if not view.c_contiguous:
        raise BufferError("the buffer is not contiguous")
    view = view.cast("B")
    starts = range(0, len(view), block_bytes)
    return b"".join(xxhash.xxh3_128_digest(view[at : at + block_bytes]) for at in starts)


def _fault(code: int) -> OSError | None:
    return OSError(code, os.strerror(code)) if code else None


def aligned_buffer(length_bytes: int) -> memoryview:
    """Memory of its own pages, zeroed: what direct writes (``O_DIRECT``) want.

    Its first use costs a page fault for each page, so it is meant to be used again and again; on
    Linux pages are huge (2 MiB) where they fit. It goes back to the system with its last view.

    Args:
        length_bytes: At least 1.

    Raises:
        ValueError: ``length_bytes`` is less than 1.
        OSError: There is no room.
    """
    if length_bytes < 1:
        raise ValueError(f"length_bytes is {length_bytes}, must be at least 1")
    if os.name == "nt":
        return memoryview(mmap.mmap(-1, length_bytes))
    pages = mmap.mmap(-1, length_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):  # a kernel without huge pages
            pages.madvise(mmap.MADV_HUGEPAGE)
    return memoryview(pages)


def discard(buffer: memoryview) -> None:
    """Give the pages of an `aligned_buffer` back to the system, whoever still has a view of it.

    What was in it is lost. Where that is not possible they go back with the last view.
    """
    if isinstance(buffer.obj, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        buffer.obj.madvise(mmap.MADV_DONTNEED)


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
