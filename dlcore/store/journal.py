"""The journal's bytes: which blocks were synced.

Guarantees: `decode` accepts any bytes and never raises; a record that was torn, changed or
written for another manifest is not a claim. A claim is only a hint: it says what must be on disk,
never that it is right. The reader compares every block with the manifest's SHA-256. Of an object
that has only one digest it tells by XXH3-128 which blocks have changed; the object's SHA-256
decides.

PURE: bytes in, bytes out. The layout is in ``docs/formats.md``, section "State directory".
Rejected: a text line for each record (a torn line can still parse), a checksum over the whole
journal (one flipped bit would cost every claim), SQLite (a journal below this one).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from typing import NamedTuple

from dlcore.model import DIGEST_BYTES
from dlcore.native import CHECKSUM_BYTES

MAGIC = b"dlcorejl"
VERSION = 2
NO_CHECKSUM = bytes(CHECKSUM_BYTES)

_HEADER = struct.Struct(f"<8sHHI{DIGEST_BYTES}s")
_RECORD = struct.Struct(f"<II{CHECKSUM_BYTES}s")
_CRC = struct.Struct("<I")
_WITHDRAWN, _SYNCED = 0, 1
HEADER_BYTES = _HEADER.size + _CRC.size
RECORD_BYTES = _RECORD.size + _CRC.size


class Claim(NamedTuple):
    """What a record says about one block.

    Attributes:
        block: Its number in the package.
        checksum: XXH3-128 of its bytes if it has no SHA-256 of its own, else `NO_CHECKSUM`.
        is_synced: Whether it is on disk; False takes an earlier claim back.
    """

    block: int
    checksum: bytes = NO_CHECKSUM
    is_synced: bool = True


class Claims(NamedTuple):
    """What a journal says is on disk, by package-wide block number.

    Attributes:
        held: One byte for each block: 1 if claimed.
        checksums: The checksum of each block, concatenated; zeros where not claimed.
    """

    held: bytearray
    checksums: bytearray

    @classmethod
    def none(cls, block_count: int) -> Claims:
        """No claims on a package of ``block_count`` blocks."""
        return cls(bytearray(block_count), bytearray(block_count * CHECKSUM_BYTES))

    def checksum(self, number: int) -> bytes:
        """The checksum claimed for a block."""
        return bytes(self.checksums[number * CHECKSUM_BYTES : (number + 1) * CHECKSUM_BYTES])

    def set(self, claim: Claim) -> None:
        """Claim a block, or take its claim back."""
        self.held[claim.block] = _SYNCED if claim.is_synced else _WITHDRAWN
        start = claim.block * CHECKSUM_BYTES
        checksum = claim.checksum if claim.is_synced else NO_CHECKSUM
        self.checksums[start : start + CHECKSUM_BYTES] = checksum

    def all(self) -> Iterable[Claim]:
        """The claims, by block number."""
        return (Claim(at, self.checksum(at)) for at, held in enumerate(self.held) if held)


def encode(manifest_digest: bytes, claims: Claims) -> bytes:
    """A whole journal that makes exactly these claims."""
    count = len(claims.held)
    return _header(manifest_digest, count) + encode_records(manifest_digest, count, claims.all())


def encode_records(manifest_digest: bytes, block_count: int, claims: Iterable[Claim]) -> bytes:
    """Records to append to the journal of a package of ``block_count`` blocks."""
    header = _header(manifest_digest, block_count)
    return b"".join(_record(header, claim) for claim in claims)


def decode(data: bytes, manifest_digest: bytes, block_count: int) -> Claims | None:
    """Read a journal, however damaged.

    Args:
        data: The whole file.
        manifest_digest: SHA-256 of the manifest document that the journal must belong to.
        block_count: Number of blocks of the package.

    Returns:
        The claims of all sound records; of several records for one block the last one counts.
        None if the journal belongs to another manifest or has another version.
    """
    header = _header(manifest_digest, block_count)
    if data[:HEADER_BYTES] != header:
        return None
    claims = Claims.none(block_count)
    whole = (len(data) - HEADER_BYTES) // RECORD_BYTES * RECORD_BYTES
    for at in range(HEADER_BYTES, HEADER_BYTES + whole, RECORD_BYTES):
        number, state, checksum = _RECORD.unpack_from(data, at)
        claim = Claim(number, checksum, state == _SYNCED)
        if number < block_count and data[at : at + RECORD_BYTES] == _record(header, claim):
            claims.set(claim)
    return claims


def _header(manifest_digest: bytes, block_count: int) -> bytes:
    body = _HEADER.pack(MAGIC, VERSION, RECORD_BYTES, block_count, manifest_digest)
    return body + _CRC.pack(zlib.crc32(body))


def _record(header: bytes, claim: Claim) -> bytes:
    state = _SYNCED if claim.is_synced else _WITHDRAWN
    body = _RECORD.pack(claim.block, state, claim.checksum)
    # Seeded with the header's CRC, so that a stale record of another package's journal is invalid.
    return body + _CRC.pack(zlib.crc32(body, *_CRC.unpack(header[-_CRC.size :])))
