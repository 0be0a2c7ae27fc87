"""Delivery Optimization's piece hash file: one object, described block by block.

Guarantees: the digests match the file's own *HashOfHashes*. Unknown members are ignored, since a
later minor version may add some.

Source: samples served at ``/filestreamingservice/files/<guid>/pieceshash``. The formula is checked
    against two of them in the tests.
"""

from __future__ import annotations

import base64

import msgspec

from dlcore.errors import ManifestError
from dlcore.manifest.geometry import MAX_NUMBER, check, is_block_length
from dlcore.manifest.identity import object_name
from dlcore.manifest.refusal import refusing
from dlcore.manifest.strictjson import parse
from dlcore.model import File, Manifest, Object

MAX_PHF_BYTES = 64 << 20


class _PieceHashes(msgspec.Struct, frozen=True, rename="pascal"):
    major_version: int
    hash_of_hashes: bytes
    content_length: int
    piece_size: int
    pieces: tuple[bytes, ...]


class _Members(msgspec.Struct, frozen=True, rename="pascal"):
    hash_of_hashes: msgspec.Raw


def is_phf(data: bytes) -> bool:
    """Whether a document has the member that every piece hash file has."""
    if b'"HashOfHashes"' not in data:  # which spares most documents a reading of their own
        return False
    try:
        msgspec.json.decode(data, type=_Members)
    except (ValueError, RecursionError):
        return False
    return True


def decode_phf(data: bytes, *, source: str, package_id: str, path: str) -> Manifest:
    """Read a piece hash file as the manifest of a package with one file.

    Args:
        data: The document.
        source: Where it came from, for messages; without secrets.
        package_id: The package's id; the document has none.
        path: The file's path; the document has none.

    Raises:
        ManifestError: The document is malformed or hostile; its author's fault.
    """
    with refusing(source, "piece hash file"):
        described = parse(data, _PieceHashes, max_bytes=MAX_PHF_BYTES)
        digests = _verified_digests(described)
        length = described.content_length
        name = described.hash_of_hashes.hex()
        objects = (Object(name, length, digests),) if length else ()
        files = (File(path, length, 0) if length else File(path, 0),)
        manifest = Manifest(1, package_id, 1, described.piece_size, objects, files)
        check(manifest)
        return manifest


def _verified_digests(described: _PieceHashes) -> bytes:
    if described.major_version != 1:
        raise ManifestError(f"MajorVersion {described.major_version} is not supported")
    if not 0 <= described.content_length <= MAX_NUMBER:
        raise ManifestError(f"ContentLength {described.content_length} is out of range")
    if not is_block_length(described.piece_size):
        raise ManifestError(
            f"PieceSize {described.piece_size} is not a power of two from 4 KiB to 16 MiB"
        )
    digests = b"".join(described.pieces)
    name = object_name(described.content_length, described.piece_size, digests)
    if described.hash_of_hashes.hex() != name:
        expected = base64.b64encode(bytes.fromhex(name)).decode()
        raise ManifestError(f"HashOfHashes does not match Pieces, which give {expected}")
    return digests
