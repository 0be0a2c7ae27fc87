"""Hashing of blocks, per block size and backend, against hashlib and blake3.

Every case also measures pairs of itself and hashlib in turn, so that load on the machine affects
both alike. The median of the pairs' ratios is ``hashlib_x`` in the JSON (above 1: faster).
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.util
import random
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import xxhash
from pytest_benchmark.fixture import BenchmarkFixture

from dlcore.native import block_digests

_blocks = pytest.importorskip("dlcore_ext._blocks", reason="the extension is not built")

Hash = Callable[[memoryview, int], bytes]

DATA = memoryview(random.Random(3).randbytes(32 << 20))
BLOCK_BYTES = [64, 1 << 10, 4 << 10, 64 << 10, 1 << 20]
BLOCK_COUNTS = [2, 3, 8, 16, 24]
PAIRS = 21
LONG = 16  # calls in a row of each thread, so that it does not show how they wait for each other


def one_by_one(digest: Callable[[memoryview], bytes], data: memoryview, block_bytes: int) -> bytes:
    """What a user of a hash library writes."""
    return b"".join(digest(data[at : at + block_bytes]) for at in range(0, len(data), block_bytes))


def by_hashlib(data: memoryview, block_bytes: int) -> bytes:
    if len(data) <= block_bytes:
        return hashlib.sha256(data).digest()
    return one_by_one(lambda block: hashlib.sha256(block).digest(), data, block_bytes)


def ways() -> dict[str, Hash]:
    found: dict[str, Hash] = {"hashlib": by_hashlib}
    found |= dict.fromkeys(_blocks.backends(), block_digests)
    found["xxh3_128"] = functools.partial(one_by_one, xxhash.xxh3_128_digest)
    if importlib.util.find_spec("blake3"):
        blake3 = importlib.import_module("blake3").blake3
        found["blake3"] = functools.partial(one_by_one, lambda block: blake3(block).digest())
    return found


WAYS = ways()
each_way = pytest.mark.parametrize("way", WAYS)


def seconds(hash_blocks: Hash, data: memoryview, block_bytes: int, calls: int) -> float:
    start_s = time.perf_counter()
    for _ in range(calls):
        hash_blocks(data, block_bytes)
    return time.perf_counter() - start_s


def compare(benchmark: BenchmarkFixture, way: str, data: memoryview, block_bytes: int) -> None:
    before = _blocks.backend()
    if way in _blocks.backends():
        _blocks.use_backend(way)
    calls = max(1, (256 << 10) // max(len(data), 1 << 10))
    try:
        ratios = [
            seconds(by_hashlib, data, block_bytes, calls)
            / seconds(WAYS[way], data, block_bytes, calls)
            for _ in range(PAIRS)
        ]
        benchmark(WAYS[way], data, block_bytes)
    finally:
        _blocks.use_backend(before)
    assert benchmark.stats is not None
    benchmark.extra_info |= {
        "hashlib_x": round(statistics.median(ratios), 3),
        "gb_per_s": round(len(data) / benchmark.stats.stats.median / 1e9, 3),
    }


@pytest.mark.parametrize("block_bytes", BLOCK_BYTES)
@each_way
def test_many_blocks(benchmark: BenchmarkFixture, way: str, block_bytes: int) -> None:
    benchmark.group = f"{32 if block_bytes > 4096 else 1} MiB in blocks of {block_bytes} bytes"
    data = DATA if block_bytes > 4096 else DATA[: 1 << 20]
    compare(benchmark, way, data, block_bytes)


@pytest.mark.parametrize("count", BLOCK_COUNTS)
@each_way
def test_few_blocks(benchmark: BenchmarkFixture, way: str, count: int) -> None:
    benchmark.group = f"{count} blocks of 1 MiB"
    compare(benchmark, way, DATA[: count << 20], 1 << 20)


@pytest.mark.parametrize("length", [1, *BLOCK_BYTES])
@each_way
def test_one_block(benchmark: BenchmarkFixture, way: str, length: int) -> None:
    benchmark.group = f"one block of {length} bytes"
    compare(benchmark, way, DATA[:length], length)


def test_two_threads(benchmark: BenchmarkFixture) -> None:
    benchmark.group = "two threads, 16 MiB each, in blocks of 1048576 bytes"
    halves = [DATA[: 16 << 20], DATA[16 << 20 :]]

    def long(data: memoryview, block_bytes: int) -> bytes:
        return b"".join(block_digests(data, block_bytes) for _ in range(LONG))

    with ThreadPoolExecutor(2) as threads:

        def in_parallel(data: memoryview, block_bytes: int) -> bytes:
            return b"".join(threads.map(long, halves, [block_bytes] * 2))

        ratios = [
            seconds(long, DATA, 1 << 20, 1) / seconds(in_parallel, DATA, 1 << 20, 1)
            for _ in range(PAIRS)
        ]
        benchmark(in_parallel, DATA, 1 << 20)
    benchmark.extra_info["one_thread_x"] = round(statistics.median(ratios), 3)
