"""Checksums are XXH3-128 as the format has it: the published digests, big-endian, per block."""

from __future__ import annotations

import random

import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcore.native import CHECKSUM_BYTES, block_checksums

NOISE = memoryview(random.Random(128).randbytes(5064))

# Source: xxHash, cli/xsum_sanity_check.c: length, low and high half of the digest without a seed.
REFERENCE = [
    (1, 0xC44BDFF4074EECDB, 0xA6CD5E9392000F6A),
    (6, 0x3E7039BDDA43CFC6, 0x082AFE0B8162D12A),
    (12, 0x061A192713F69AD9, 0x6E3EFD8FC7802B18),
    (24, 0x1E7044D28B1B901D, 0x0CE966E4678D3761),
    (48, 0xF942219AED80F67B, 0xA002AC4E5478227E),
    (81, 0x5E8BAFB9F95FB803, 0x4952F58181AB0042),
    (222, 0xF1AEBD597CEC6B3A, 0x337E09641B948717),
    (403, 0xCDEB804D65C6DEA4, 0x1B6DE21E332DD73D),
    (512, 0x617E49599013CB6B, 0x18D2D110DCC9BCA1),
    (2048, 0xDD59E2C3A5F038E0, 0xF736557FD47073A5),
    (2240, 0x6E73A90539CF2948, 0xCCB134FBFA7CE49D),
    (2367, 0xCB37AEB9E5D361ED, 0xE89C0F6FF369B427),
]


def reference_input(length: int) -> bytes:
    """The pseudo-random bytes that the reference hashes."""
    state, out = 2654435761, bytearray()
    for _ in range(length):
        out.append(state >> 56)
        state = state * 11400714785074694797 % 2**64
    return bytes(out)


@pytest.mark.parametrize(("length", "low", "high"), REFERENCE)
def test_a_block_has_the_published_checksum(length: int, low: int, high: int) -> None:
    checksum = high.to_bytes(8, "big") + low.to_bytes(8, "big")
    assert len(checksum) == CHECKSUM_BYTES
    assert block_checksums(reference_input(length) * 3, length) == checksum * 3


@settings(derandomize=True, deadline=None)
@given(block_bytes=st.integers(1, 700), length=st.integers(0, 5000), at=st.integers(0, 64))
def test_every_block_is_hashed_by_itself(block_bytes: int, length: int, at: int) -> None:
    data = NOISE[at : at + length]
    blocks = (data[at : at + block_bytes] for at in range(0, length, block_bytes))
    assert block_checksums(data, block_bytes) == b"".join(map(xxhash.xxh3_128_digest, blocks))


def test_a_block_of_no_bytes_is_refused() -> None:
    with pytest.raises(ValueError, match="block_bytes is 0"):
        block_checksums(NOISE, 0)


def test_a_buffer_with_gaps_is_refused() -> None:
    with pytest.raises(BufferError):
        block_checksums(NOISE[::2], 64)
