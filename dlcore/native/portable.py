"""The core in Python: hashlib and positioned writes. Needs no compiler.

Block by block and write by write it does what ``compiled`` does, and it is the plainest statement
of what that should do.
"""

from __future__ import annotations

import errno
import hashlib
import operator
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from dlcore.disk import system
from dlcore.native.interface import (
    DIGEST_BYTES,
    Buffer,
    Run,
    Written,
    blocks_on_disk,
    check_block_bytes,
    flat_view,
)

NAME = "portable"
_BACKEND = "openssl"  # hashlib, which is usually OpenSSL
_DESCRIPTORS = range(-(1 << 31), 1 << 31)  # a C int; a negative one is the system's to refuse
_OFFSETS = range(1 << 64)
_MAX_FILE_OFFSET = (1 << 63) - 1  # of any file, on any system

WriteAt = Callable[[int, memoryview, int], int]
"""Writes to an open file at an offset; may write less than all. Returns the bytes written."""
HashBlocks = Callable[[Buffer, int], bytes]
"""`Core.block_digests`."""


def backends() -> tuple[str, ...]:
    """`Core.backends`: hashlib only."""
    return (_BACKEND,)


def backend() -> str:
    """`Core.backend`."""
    return _BACKEND


def use_backend(name: str) -> None:
    """`Core.use_backend`."""
    if name != _BACKEND:
        raise ValueError(f"backend is {name!r}, must be one of {backends()}")


def fastest_backend() -> str:
    """`Core.fastest_backend`."""
    return _BACKEND


def block_digests(data: Buffer, block_bytes: int) -> bytes:
    """`Core.block_digests`: one block after the other."""
    check_block_bytes(block_bytes)
    view = flat_view(data)
    starts = range(0, len(view), block_bytes)
    return b"".join(hashlib.sha256(view[at : at + block_bytes]).digest() for at in starts)


def differing_blocks(found: Buffer, expected: Buffer) -> tuple[int, ...]:
    """Numbers of the blocks whose digests differ, in order. Both are equally long."""
    if found == expected:
        return ()
    return tuple(
        start // DIGEST_BYTES
        for start in range(0, len(found), DIGEST_BYTES)
        if found[start : start + DIGEST_BYTES] != expected[start : start + DIGEST_BYTES]
    )


def verify_and_write(
    runs: Iterable[Run],
    write_at: WriteAt = system.write_at,
    hash_blocks: HashBlocks = block_digests,
) -> Iterator[Written]:
    """`Core.verify_and_write`: each good stretch of each extent is written by itself.

    Args:
        runs: As in `Core.verify_and_write`.
        write_at: How to write. The store also writes to files that it opens one at a time, and
            its tests to a simulated disk: the "open file" of an extent is what ``write_at`` takes.
        hash_blocks: How to hash.
    """
    checked = [_checked(run) for run in runs]
    return _write(deque(_judged(run, hash_blocks) for run in checked), write_at)


class _Checked(NamedTuple):
    """A consistent run; ``bad`` is known only after `_judged`."""

    data: memoryview
    block_bytes: int
    digests: memoryview
    extents: list[tuple[int, int, int]]
    bad: tuple[int, ...] = ()


def _checked(run: Run) -> _Checked:
    check_block_bytes(run.block_bytes)
    data, digests = flat_view(run.data), flat_view(run.digests)
    needed = -(-len(data) // run.block_bytes) * DIGEST_BYTES
    if digests and len(digests) != needed:
        raise ValueError(f"{len(digests)} bytes of digests given, {needed} needed")
    extents = [_checked_extent(*extent) for extent in run.extents]
    missing_bytes = len(data) - sum(length for _, _, length in extents)
    if missing_bytes < 0:
        raise ValueError(f"extents are longer than the run of {len(data)} bytes")
    if missing_bytes:
        raise ValueError(f"extents are {missing_bytes} bytes short of the run")
    return _Checked(data, run.block_bytes, digests, extents)


def _checked_extent(fd: int, offset: int, length: int) -> tuple[int, int, int]:
    extent = operator.index(fd), operator.index(offset), operator.index(length)
    for value, allowed in zip(extent, (_DESCRIPTORS, _OFFSETS, _OFFSETS), strict=True):
        if value not in allowed:
            raise OverflowError(f"{value} is {'negative' if value < 0 else 'too large'}")
    return extent


def _judged(run: _Checked, hash_blocks: HashBlocks) -> _Checked:
    if not run.digests:
        return run
    found = hash_blocks(run.data, run.block_bytes)
    return run._replace(bad=differing_blocks(found, run.digests))


def _write(runs: deque[_Checked], write_at: WriteAt) -> Iterator[Written]:
    while runs:  # and no other reference to a run is left when its outcome is returned
        yield _write_run(runs.popleft(), write_at)


def _write_run(run: _Checked, write_at: WriteAt) -> Written:
    written_bytes, error = 0, None
    try:
        for end in _write_parts(run, write_at):
            written_bytes = end
    except OSError as fault:
        error = fault.with_traceback(None)  # whose frames would hold on to the buffer
    on_disk = blocks_on_disk(len(run.data), run.block_bytes, run.bad, written_bytes)
    return Written(run.bad, on_disk, error)


def _write_parts(run: _Checked, write_at: WriteAt) -> Iterator[int]:
    """Write the good blocks; after each call says how far in the run it came."""
    for fd, offset, start, end in _parts(run):
        done = start
        while done < end:
            at = offset + done - start
            if at > _MAX_FILE_OFFSET:
                raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
            count = write_at(fd, run.data[done:end], at)
            if not count:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            done += count
            yield done


def _parts(run: _Checked) -> Iterator[tuple[int, int, int, int]]:
    """Where to write what: file, offset in it, start and end of the bytes in the run."""
    spans = [*_good_spans(run)]
    at = 0
    for fd, offset, length in run.extents:
        for start, end in spans:
            first, stop = max(start, at), min(end, at + length)
            if first < stop:
                yield fd, offset + first - at, first, stop
        at += length


def _good_spans(run: _Checked) -> Iterator[tuple[int, int]]:
    """Start and end, in the run, of each stretch of good blocks."""
    start = 0
    for block in run.bad:
        end = block * run.block_bytes
        if start < end:
            yield start, end
        start = end + run.block_bytes
    if start < len(run.data):
        yield start, len(run.data)
