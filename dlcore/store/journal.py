"""The journal's bytes: which blocks are on disk, with a checksum of each.

Guarantees: `decode` accepts any bytes and never raises; a record that was torn, changed or
written for another manifest is not a claim. A claim is only a hint: the reader compares the block
on disk with its XXH3-128 before believing it.

PURE: bytes in, bytes out. The layout is in ``docs/formats.md``, section "State directory".
Rejected: a text line for each record (a torn line can still parse), a checksum over the whole
journal (one flipped bit would cost every claim), SQLite (a journal below this one).
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

from dlcore.model import DIGEST_BYTES
from dlcore.native import CHECKSUM_BYTES

MAGIC = b"dlcorejl"
VERSION = 1
WITHDRAWN = bytes(CHECKSUM_BYTES)

_HEADER = struct.Struct(f"<8sHHI{DIGEST_BYTES}s")
_RECORD = struct.Struct(f"<I{CHECKSUM_BYTES}s")
_CRC = struct.Struct("<I")
HEADER_BYTES = _HEADER.size + _CRC.size
RECORD_BYTES = _RECORD.size + _CRC.size


class Claims(NamedTuple):
    """What a journal says is on disk, by package-wide block number.

    Attributes:
        held: One byte for each block: 1 if claimed.
        digests: XXH3-128 of each block, concatenated; undefined where not claimed.
    """

    held: bytearray
    digests: bytearray

    @classmethod
    def none(cls, block_count: int) -> Claims:
        """No claims on a package of ``block_count`` blocks."""
        return cls(bytearray(block_count), bytearray(block_count * CHECKSUM_BYTES))

    def digest(self, number: int) -> bytes:
        """The XXH3-128 claimed for a block."""
        return bytes(self.digests[number * CHECKSUM_BYTES : (number + 1) * CHECKSUM_BYTES])

    def set(self, number: int, digest: bytes) -> None:
        """Claim a block."""
        self.held[number] = 1
        self.digests[number * CHECKSUM_BYTES : (number + 1) * CHECKSUM_BYTES] = digest


def encode(manifest_digest: bytes, claims: Claims) -> bytes:
    """A whole journal that makes exactly these claims."""
    header = _header(manifest_digest, len(claims.held))
    records = (
        _record(header, number, claims.digest(number))
        for number, held in enumerate(claims.held)
        if held
    )
    return b"".join((header, *records))


def encode_records(
    manifest_digest: bytes, block_count: int, claims: list[tuple[int, bytes]]
) -> bytes:
    """Records to append: ``(block number, XXH3-128)``, or `WITHDRAWN` to take a claim back."""
    header = _header(manifest_digest, block_count)
    return b"".join(_record(header, number, digest) for number, digest in claims)


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
        number, digest = _RECORD.unpack_from(data, at)
        if number >= block_count or data[at : at + RECORD_BYTES] != _record(header, number, digest):
            continue
        claims.set(number, digest)
        claims.held[number] = digest != WITHDRAWN
    return claims


def _header(manifest_digest: bytes, block_count: int) -> bytes:
    body = _HEADER.pack(MAGIC, VERSION, RECORD_BYTES, block_count, manifest_digest)
    return body + _CRC.pack(zlib.crc32(body))


def _record(header: bytes, number: int, digest: bytes) -> bytes:
    body = _RECORD.pack(number, digest)
    # Seeded with the header's CRC, so that a stale record of another package's journal is invalid.
    return body + _CRC.pack(zlib.crc32(body, *_CRC.unpack(header[-_CRC.size :])))
