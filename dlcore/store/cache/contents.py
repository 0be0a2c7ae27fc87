"""What a manifest says of files and blocks, as the index keeps it. PURE.

A digest is kept by its first eight bytes: the index only says where to look, and a false find costs
one look. So a million blocks take some twenty megabytes in place of fifty.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from dlcore.model import DIGEST_BYTES, File, Manifest

SHORT_BYTES = 8


class FileEntry(NamedTuple):
    """A file of a package.

    Attributes:
        path: As in the manifest.
        length_bytes: Its length.
        name: Short name of its content: equal content has the same, as far as manifests tell.
    """

    path: str
    length_bytes: int
    name: int


class BlockEntry(NamedTuple):
    """A block that lies in one file.

    Attributes:
        digest: Its SHA-256, shortened.
        file: Number of the file among the entries of its package.
        offset_bytes: Where it begins in the file.
    """

    digest: int
    file: int
    offset_bytes: int


class Contents(NamedTuple):
    """What the index keeps of a package: its files that are not empty, and their blocks."""

    files: list[FileEntry]
    blocks: list[BlockEntry]

    @classmethod
    def of(cls, manifest: Manifest) -> Contents:
        """What a manifest says."""
        found = cls([], [])
        for file in manifest.files:
            if file.is_empty:
                continue
            found.files.append(
                FileEntry(file.path, file.length_bytes, content_name(manifest, file))
            )
            if owns_object(manifest, file):
                number = len(found.files) - 1
                found.blocks.extend(
                    BlockEntry(digest, number, offset_bytes)
                    for digest, offset_bytes in _blocks(manifest, file)
                )
        return found


def short(digest: bytes) -> int:
    """The first bytes of a digest as a number that SQLite can keep."""
    return int.from_bytes(digest[:SHORT_BYTES], "big", signed=True)


def owns_object(manifest: Manifest, file: File) -> bool:
    """Whether a file is all of its object, so that each block of the object lies in it alone."""
    return not file.is_empty and manifest.objects[file.object].length_bytes == file.length_bytes


def content_name(manifest: Manifest, file: File) -> int:
    """A number that files of equal content share; files that the manifest tells nothing of share 0.

    It is of the SHA-256 where the manifest has one of the file, else of the digests of its blocks.
    """
    known = _sha256_of(manifest, file)
    if known is not None:
        return known
    if owns_object(manifest, file):
        return short(bytes.fromhex(manifest.objects[file.object].name))
    return 0


def _sha256_of(manifest: Manifest, file: File) -> int | None:
    """The SHA-256 of a file, shortened, if the manifest has it."""
    if file.sha256:
        return short(file.sha256)
    if not owns_object(manifest, file):
        return None
    item = manifest.objects[file.object]
    if item.sha256:
        return short(item.sha256)
    return short(item.digests) if len(item.digests) == DIGEST_BYTES else None


def _blocks(manifest: Manifest, file: File) -> Iterator[tuple[int, int]]:
    """Digest, shortened, and offset of each block of a file that has more than one."""
    digests = manifest.objects[file.object].digests
    count = len(digests) // DIGEST_BYTES
    if count > 1:
        for block in range(count):
            yield short(digests[block * DIGEST_BYTES :]), block * manifest.block_bytes
