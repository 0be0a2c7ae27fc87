"""A block may be longer than its length in bits fits 32 bits."""

from __future__ import annotations

import hashlib
import mmap
import sys

import pytest

from dlcore.native import block_digests


@pytest.mark.skipif(sys.platform == "win32", reason="needs untouched memory that costs nothing")
def test_the_length_of_a_block_in_bits_may_exceed_32_bits() -> None:
    block_bytes = (1 << 29) + 1
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    with mmap.mmap(-1, 2 * block_bytes, flags=flags, prot=mmap.PROT_READ) as zeros:
        with memoryview(zeros) as view, view[:block_bytes] as block:
            expected = hashlib.sha256(block).digest()
        assert block_digests(zeros, block_bytes) == expected * 2
