"""A job against what Python offers: hashlib, xxhash and ``os.pwrite``, block by block.

Every case measures pairs of both in turn, so that load on the machine affects both alike. The
median of the pairs' ratios is ``python_x`` in the JSON (above 1: faster). The file is in
``/dev/shm`` if that exists and has all its pages, so that neither disk nor allocation is measured.
"""

from __future__ import annotations

import hashlib
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import xxhash
from pytest_benchmark.fixture import BenchmarkFixture

from dlcore.native import (
    Run,
    aligned_buffer,
    block_checksums,
    block_digests,
    verify_and_write,
)

_blocks = pytest.importorskip("dlcore_ext._blocks", reason="the extension is not built")

BLOCK_BYTES = 1 << 20
MAX_BLOCKS = 32
PAIRS = 21
SHM = Path("/dev/shm")

Job = Callable[[list[Run]], object]


def in_python(runs: list[Run]) -> None:
    for run in runs:
        ((fd, offset, _),) = run.extents
        for block in range(len(run.data) // BLOCK_BYTES):
            start = block * BLOCK_BYTES
            data = run.data[start : start + BLOCK_BYTES]
            assert hashlib.sha256(data).digest() == run.digests[32 * block : 32 * block + 32]
            xxhash.xxh3_128_digest(data)
            assert os.pwrite(fd, data, offset + start) == len(data)


def natively(runs: list[Run]) -> None:
    for written in verify_and_write(runs):
        assert not written.bad
        assert not written.error


@pytest.fixture(scope="module")
def blocks() -> list[memoryview]:
    """Buffers of their own, as those of several connections are."""
    noise = random.Random(9).randbytes(MAX_BLOCKS * BLOCK_BYTES)
    buffers = [aligned_buffer(BLOCK_BYTES) for _ in range(MAX_BLOCKS)]
    for at, buffer in enumerate(buffers):
        buffer[:] = noise[at * BLOCK_BYTES : (at + 1) * BLOCK_BYTES]
    return buffers


@pytest.fixture(scope="module")
def fd(blocks: list[memoryview]) -> Iterator[int]:
    with tempfile.TemporaryFile(dir=SHM if SHM.is_dir() else None, buffering=0) as file:
        for block in blocks:
            file.write(block)
        yield file.fileno()


def runs_of(blocks: list[memoryview], fd: int, *, verified: bool = True) -> list[Run]:
    return [
        Run(
            block,
            BLOCK_BYTES,
            hashlib.sha256(block).digest() if verified else b"",
            [(fd, at * BLOCK_BYTES, BLOCK_BYTES)],
        )
        for at, block in enumerate(blocks)
    ]


def seconds(job: Job, runs: list[Run]) -> float:
    start_s = time.perf_counter()
    job(runs)
    return time.perf_counter() - start_s


def compare(benchmark: BenchmarkFixture, job: Job, other: Job, runs: list[Run], name: str) -> None:
    ratios = [seconds(other, runs) / seconds(job, runs) for _ in range(PAIRS)]
    benchmark(job, runs)
    assert benchmark.stats is not None
    length_bytes = sum(len(run.data) for run in runs)
    benchmark.extra_info |= {
        name: round(statistics.median(ratios), 3),
        "gb_per_s": round(length_bytes / benchmark.stats.stats.median / 1e9, 3),
    }


@pytest.mark.parametrize("count", [1, 2, 3, 4, 8, 12, 16, 24, 32])
@pytest.mark.parametrize("job", [natively, in_python])
def test_blocks_from_many_buffers(
    benchmark: BenchmarkFixture, job: Job, count: int, blocks: list[memoryview], fd: int
) -> None:
    benchmark.group = f"{count} blocks of 1 MiB, verified and written"
    compare(benchmark, job, in_python, runs_of(blocks[:count], fd), "python_x")


@pytest.mark.parametrize("backend", _blocks.backends())
def test_backends(
    benchmark: BenchmarkFixture, backend: str, blocks: list[memoryview], fd: int
) -> None:
    benchmark.group = "16 blocks of 1 MiB, verified and written, per backend"
    before = _blocks.backend()
    _blocks.use_backend(backend)
    try:
        compare(benchmark, natively, in_python, runs_of(blocks[:16], fd), "python_x")
    finally:
        _blocks.use_backend(before)


def test_the_parts(benchmark: BenchmarkFixture, blocks: list[memoryview], fd: int) -> None:
    """Hashing alone and writing alone: the least that a job can cost."""
    benchmark.group = "16 blocks of 1 MiB: a job against the sum of its parts"
    whole = b"".join(blocks[:16])

    def parts(runs: list[Run]) -> None:
        block_digests(whole, BLOCK_BYTES)
        block_checksums(whole, BLOCK_BYTES)
        os.pwrite(fd, whole, 0)

    compare(benchmark, natively, parts, runs_of(blocks[:16], fd), "parts_x")


def test_two_threads(benchmark: BenchmarkFixture, blocks: list[memoryview], fd: int) -> None:
    benchmark.group = "two threads, 16 blocks of 1 MiB each"
    runs = runs_of(blocks, fd)
    with ThreadPoolExecutor(2) as threads:

        def in_parallel(runs: list[Run]) -> None:
            list(threads.map(natively, [runs[:16], runs[16:]]))

        compare(benchmark, in_parallel, natively, runs, "one_thread_x")
