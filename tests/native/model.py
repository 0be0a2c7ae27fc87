"""What `Core.verify_and_write` does to disks without faults, as plainly as possible."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator

from dlcore.native.interface import Run, Written


def blocks_of(run: Run) -> Iterator[tuple[int, int]]:
    """Start and end of each block."""
    length = len(run.data)
    for start in range(0, length, run.block_bytes):
        yield start, min(start + run.block_bytes, length)


def verify_and_write(runs: list[Run]) -> list[Written]:
    return [_verify_and_write(run) for run in runs]


def _verify_and_write(run: Run) -> Written:
    bad: list[int] = []
    on_disk: list[int] = []
    for block, (start, end) in enumerate(blocks_of(run)):
        data = bytes(run.data[start:end])
        expected = bytes(run.digests[32 * block : 32 * block + 32])
        if expected and hashlib.sha256(data).digest() != expected:
            bad.append(block)
            continue
        for fd, offset, part in _parts(run, start, end):
            _write_fully(fd, part, offset)
        on_disk.append(block)
    return Written(tuple(bad), tuple(on_disk), None)


def _parts(run: Run, start: int, end: int) -> Iterator[tuple[int, int, bytes]]:
    """What of the bytes ``[start, end)`` of a run goes where."""
    at = 0
    for fd, offset, length in run.extents:
        first, last = max(start, at), min(end, at + length)
        if first < last:
            yield fd, offset + first - at, bytes(run.data[first:last])
        at += length


def _write_fully(fd: int, data: bytes, offset: int) -> None:
    while data:
        count = _write_at(fd, data, offset)
        data, offset = data[count:], offset + count


def _write_at(fd: int, data: bytes, offset: int) -> int:
    os.lseek(fd, offset, os.SEEK_SET)  # Windows has no positioned writes
    return os.write(fd, data)
