"""The journal as bytes: however they are damaged, they yield neither a wrong claim nor a crash."""

from __future__ import annotations

import zlib

from hypothesis import given, settings
from hypothesis import strategies as st

from dlcore.native import CHECKSUM_BYTES
from dlcore.store import journal
from dlcore.store.journal import HEADER_BYTES, RECORD_BYTES, Claim, Claims

DIGEST = bytes(range(32))
BLOCKS = 20
NUMBERS = st.integers(0, BLOCKS - 1)
CHECKSUMS = st.binary(min_size=CHECKSUM_BYTES, max_size=CHECKSUM_BYTES)
BLOCK_CLAIMS = st.dictionaries(NUMBERS, CHECKSUMS)
RECORDS = st.lists(st.builds(Claim, NUMBERS, CHECKSUMS, st.booleans()))


def claims_of(rows: dict[int, bytes]) -> Claims:
    claims = Claims.none(BLOCKS)
    for number, checksum in rows.items():
        claims.set(Claim(number, checksum))
    return claims


def rows_of(claims: Claims | None) -> dict[int, bytes]:
    assert claims is not None
    return {claim.block: claim.checksum for claim in claims.all()}


SAMPLE = {0: b"\x01" * 16, 7: b"\x02" * 16, 19: bytes(16)}
ENCODED = journal.encode(DIGEST, claims_of(SAMPLE))


@settings(derandomize=True)
@given(BLOCK_CLAIMS)
def test_what_was_encoded_is_decoded(rows: dict[int, bytes]) -> None:
    assert rows_of(journal.decode(journal.encode(DIGEST, claims_of(rows)), DIGEST, BLOCKS)) == rows


@settings(derandomize=True)
@given(BLOCK_CLAIMS, RECORDS)
def test_the_last_record_for_a_block_decides(rows: dict[int, bytes], appended: list[Claim]) -> None:
    data = journal.encode(DIGEST, claims_of(rows))
    data += journal.encode_records(DIGEST, BLOCKS, appended)
    last = {number: Claim(number, checksum) for number, checksum in rows.items()}
    last |= {claim.block: claim for claim in appended}
    expected = {number: claim.checksum for number, claim in last.items() if claim.is_synced}
    assert rows_of(journal.decode(data, DIGEST, BLOCKS)) == expected


def test_the_journal_of_an_older_version_is_no_journal() -> None:
    for older in range(journal.VERSION):
        body = ENCODED[:8] + older.to_bytes(2, "little") + ENCODED[10 : HEADER_BYTES - 4]
        data = body + zlib.crc32(body).to_bytes(4, "little") + ENCODED[HEADER_BYTES:]
        assert journal.decode(data, DIGEST, BLOCKS) is None


def test_a_journal_cut_at_any_byte_keeps_its_whole_records_and_no_other() -> None:
    order = sorted(SAMPLE)
    for length in range(len(ENCODED)):
        claims = journal.decode(ENCODED[:length], DIGEST, BLOCKS)
        if length < HEADER_BYTES:
            assert claims is None
        else:
            whole = order[: (length - HEADER_BYTES) // RECORD_BYTES]
            assert rows_of(claims) == {n: SAMPLE[n] for n in whole}


def test_one_flipped_bit_anywhere_costs_its_record_and_changes_no_other() -> None:
    """Fault D7: a bit of the journal flips. dlcore ignores that record alone."""
    for bit in range(8 * len(ENCODED)):
        flipped = bytearray(ENCODED)
        flipped[bit // 8] ^= 1 << bit % 8
        claims = journal.decode(bytes(flipped), DIGEST, BLOCKS)
        if bit // 8 < HEADER_BYTES:
            assert claims is None
        else:
            lost = sorted(SAMPLE)[(bit // 8 - HEADER_BYTES) // RECORD_BYTES]
            assert rows_of(claims) == {n: d for n, d in SAMPLE.items() if n != lost}


@settings(derandomize=True)
@given(st.binary(max_size=300))
def test_any_bytes_after_the_header_are_read_without_a_crash(tail: bytes) -> None:
    data = ENCODED[:HEADER_BYTES] + tail
    assert len(rows_of(journal.decode(data, DIGEST, BLOCKS))) <= len(tail) // RECORD_BYTES


@settings(derandomize=True)
@given(st.binary(max_size=200))
def test_any_bytes_at_all_are_refused_without_a_crash(data: bytes) -> None:
    """Fault D7: the journal holds any bytes. dlcore ignores it and does not crash."""
    assert journal.decode(data, DIGEST, BLOCKS) is None


def test_zeros_after_a_loss_of_power_are_no_claims() -> None:
    data = ENCODED + bytes(10 * RECORD_BYTES)
    assert rows_of(journal.decode(data, DIGEST, BLOCKS)) == SAMPLE


def test_the_journal_of_another_manifest_is_refused() -> None:
    assert journal.decode(ENCODED, bytes(32), BLOCKS) is None
    assert journal.decode(ENCODED, DIGEST, BLOCKS + 1) is None


def test_a_record_of_another_journal_is_no_claim() -> None:
    stale = journal.encode_records(bytes(32), BLOCKS, [Claim(3, b"\x05" * 16)])
    assert rows_of(journal.decode(ENCODED + stale, DIGEST, BLOCKS)) == SAMPLE


def test_a_record_beyond_the_package_is_no_claim() -> None:
    far = journal.encode_records(DIGEST, BLOCKS, [Claim(BLOCKS, b"\x05" * 16)])
    assert rows_of(journal.decode(ENCODED + far, DIGEST, BLOCKS)) == SAMPLE
