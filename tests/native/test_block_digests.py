"""The digests of blocks are those of hashlib, however the data is cut."""

from __future__ import annotations

import array
import hashlib
import mmap
import random
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcore.native.interface import Core
from tests.depth import cases
from tests.native.cores import each_backend, each_core, using
from tests.native.threads import others_run_during

NOISE = random.Random(20240229).randbytes(1 << 17)
EDGES = [1, 2, 54, 55, 56, 57, 63, 64, 65, 118, 119, 120, 127, 128, 129, 191, 192, 4096]
block_lengths = st.sampled_from(EDGES) | st.integers(1, 700)


def one_by_one(data: memoryview, block_bytes: int) -> bytes:
    blocks = (data[at : at + block_bytes] for at in range(0, len(data), block_bytes))
    return b"".join(hashlib.sha256(block).digest() for block in blocks)


@each_backend
@settings(derandomize=True, deadline=None, max_examples=cases(80, 300))
@given(
    block_bytes=block_lengths,
    blocks=st.integers(0, 35),
    short=st.floats(0, 1),
    at=st.integers(0, 64),
)
def test_sha256_is_hashlibs_for_every_length_alignment_and_number_of_blocks(
    core: Core, backend: str, block_bytes: int, blocks: int, short: float, at: int
) -> None:
    length = min(max(0, block_bytes * blocks - int(block_bytes * short)), len(NOISE) - 64)
    data = memoryview(NOISE)[at : at + length]
    with using(core, backend):
        assert core.block_digests(data, block_bytes) == one_by_one(data, block_bytes)


@each_backend
def test_every_number_of_blocks_around_the_lanes_is_hashed(core: Core, backend: str) -> None:
    with using(core, backend):
        for length in range(1, 50 * 100):
            data = memoryview(NOISE)[:length]
            if length % 100 in {0, 1, 99}:
                assert core.block_digests(data, 100) == one_by_one(data, 100), length


@each_backend
def test_a_single_block_of_every_short_length_is_hashed(core: Core, backend: str) -> None:
    with using(core, backend):
        for length in range(1, 300):
            expected = hashlib.sha256(NOISE[:length]).digest()
            assert core.block_digests(NOISE[:length], length) == expected
            assert core.block_digests(NOISE[:length], sys.maxsize) == expected


@each_backend
def test_no_data_has_no_digests(core: Core, backend: str) -> None:
    with using(core, backend):
        assert core.block_digests(b"", 64) == b""


@each_core
def test_any_contiguous_buffer_will_do(core: Core, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(NOISE)
    with (tmp_path / "file").open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    buffers: list[Any] = [bytearray(NOISE), memoryview(NOISE), array.array("Q", NOISE), mapped]
    expected = core.block_digests(NOISE, 1000)
    for buffer in buffers:
        assert core.block_digests(buffer, 1000) == expected
    mapped.close()


@each_core
def test_a_buffer_with_gaps_is_refused(core: Core) -> None:
    with pytest.raises(BufferError):
        core.block_digests(memoryview(NOISE)[::2], 64)


@each_core
def test_a_block_of_no_bytes_is_refused(core: Core) -> None:
    with pytest.raises(ValueError, match="block_bytes is 0"):
        core.block_digests(NOISE, 0)


@each_backend
def test_a_resizable_buffer_is_released_afterwards(core: Core, backend: str) -> None:
    data = bytearray(NOISE)
    with using(core, backend):
        core.block_digests(data, 64)
    data.append(0)  # BufferError if a view of it still existed


@each_backend
def test_other_threads_run_while_blocks_are_hashed(core: Core, backend: str) -> None:
    data = bytes(16 << 20)
    with using(core, backend):
        assert others_run_during(lambda: core.block_digests(data, 1 << 20), 50)
