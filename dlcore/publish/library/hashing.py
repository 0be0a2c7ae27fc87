"""Hashes a content of a content library. One read of a file gives all digests that need it.

Guarantees: what was read matches the SHA-256 digest in its name. What was read before, for this or
another package, is not read again (`known_digests`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from dlcore.manifest import object_name
from dlcore.model import Manifest, Object
from dlcore.native import block_digests
from dlcore.publish.library.known_digests import KnownDigests, key_of
from dlcore.publish.reading import map_ahead, read_span, spans, wrong_digest_error
from dlcore.publish.source import Source, SourceFile


def hash_files(
    source: Source, layout: Manifest, known: KnownDigests, span_bytes: int, workers: int
) -> Manifest:
    """The manifest of a content, with digests and names.

    Args:
        source: The files, each with the digest that it must have.
        layout: As `lay_out` made it of them.
        known: What was hashed before.
        span_bytes: Number of bytes to read at a time.
        workers: Number of objects to read at the same time.

    Raises:
        IntegrityError: A file does not match its digest; the content library's fault.
        StorageError: A file cannot be read, or changed meanwhile.
    """

    def digest(index: int) -> bytes:
        key = key_of(files_of(source, layout, index), layout.block_bytes)
        return known.of(key, lambda: _read(source, layout, index, span_bytes))

    digests = map_ahead(digest, range(len(layout.objects)), workers)
    objects = tuple(
        Object(object_name(item.length_bytes, layout.block_bytes, own), item.length_bytes, own)
        for item, own in zip(layout.objects, digests, strict=True)
    )
    files = tuple(
        msgspec.structs.replace(file, sha256=own.sha256) if layout.is_packed(file) else file
        for file, own in zip(layout.files, source.files, strict=True)
    )
    return msgspec.structs.replace(layout, objects=objects, files=files)


def files_of(source: Source, layout: Manifest, index: int) -> Sequence[SourceFile]:
    """The files that an object consists of, in order."""
    extents = layout.file_extents(index, 0, layout.objects[index].length_bytes)
    return [source.files[extent.file] for extent in extents]


def keys_of(source: Source, layout: Manifest) -> list[bytes]:
    """The keys of a content's objects among the known digests."""
    return [
        key_of(files_of(source, layout, index), layout.block_bytes)
        for index in range(len(layout.objects))
    ]


def _read(source: Source, layout: Manifest, index: int, span_bytes: int) -> bytes:
    """The digests of an object's blocks; compares its files with their own."""
    blocks = bytearray()
    digest = hashlib.sha256()
    for span in spans(layout, index, span_bytes):
        data = read_span(source, layout, span)
        blocks += block_digests(data, layout.block_bytes)
        at = 0
        for extent in layout.file_extents(index, span.start, span.end):
            file = source.files[extent.file]
            digest = digest if extent.offset_bytes else hashlib.sha256()
            digest.update(data[at : at + extent.length_bytes])
            at += extent.length_bytes
            is_whole = extent.offset_bytes + extent.length_bytes == file.length_bytes
            if is_whole and digest.digest() != file.sha256:
                raise wrong_digest_error(file)
    return bytes(blocks)
