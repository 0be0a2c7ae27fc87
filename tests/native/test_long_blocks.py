"""A block may be longer than its length in bits fits 32 bits."""

from __future__ import annotations

import hashlib
import mmap
import sys

import pytest

from dlcore.native.interface import Core
from tests.native.cores import each_core


@each_core
@pytest.mark.skipif(sys.platform == "win32", reason="needs untouched memory that costs nothing")
def test_the_length_of_a_block_in_bits_may_exceed_32_bits(core: Core) -> None:
    block_bytes = (1 << 29) + 1
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    zeros = mmap.mmap(-1, 2 * block_bytes, flags=flags, prot=mmap.PROT_READ)
    with zeros, memoryview(zeros) as view:
        expected = hashlib.sha256(view[:block_bytes]).digest()
        assert core.block_digests(view, block_bytes) == expected * 2
