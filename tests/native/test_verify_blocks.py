"""Verification names exactly the blocks that differ."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcore.native import block_digests, verify_blocks

NOISE = random.Random(7).randbytes(64 * 40 - 5)
DIGESTS = block_digests(NOISE, 64)


def test_sound_blocks_yield_nothing() -> None:
    assert verify_blocks(NOISE, 64, DIGESTS) == ()
    assert verify_blocks(b"", 64, b"") == ()


@settings(derandomize=True)
@given(bad=st.sets(st.integers(0, 39)), bit=st.integers(0, 59 * 8 - 1))
def test_a_flipped_bit_anywhere_marks_its_block_and_no_other(bad: set[int], bit: int) -> None:
    data = bytearray(NOISE)
    for block in bad:
        data[64 * block + bit // 8] ^= 1 << bit % 8
    assert verify_blocks(data, 64, DIGESTS) == tuple(sorted(bad))


def test_digests_may_be_a_view_of_a_manifest() -> None:
    assert verify_blocks(NOISE[64:192], 64, memoryview(DIGESTS)[32:96]) == ()
    assert verify_blocks(NOISE[64:192], 64, memoryview(DIGESTS)[:64]) == (0, 1)


@pytest.mark.parametrize("digests", [b"", DIGESTS[:-1], DIGESTS[:-32], DIGESTS + bytes(32)])
def test_too_few_or_too_many_digests_are_refused(digests: bytes) -> None:
    with pytest.raises(ValueError, match="1280 needed"):
        verify_blocks(NOISE, 64, digests)
