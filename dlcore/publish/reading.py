"""Reads objects from the source folder, hashes them, and detects files that change meanwhile.

Guarantees: content is read in spans of whole blocks; each worker holds one span in memory. What
`verified_spans` yields matches the digests that `digest_objects` computed before.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from dlcore.errors import IntegrityError, StorageError
from dlcore.manifest import object_name
from dlcore.model import (
    DIGEST_BYTES,
    BlockInObject,
    FileExtent,
    Manifest,
    Object,
    ObjectIndex,
)
from dlcore.native import block_digests, verify_blocks
from dlcore.publish.disk import disk_faults, open_plain
from dlcore.publish.progress import Advance
from dlcore.publish.source import Source, SourceFile
from dlcore.work_threads import WorkThreads

_I = TypeVar("_I")
_T = TypeVar("_T")


class ObjectSpan(msgspec.Struct, frozen=True):
    """Bytes ``[start, end)`` of an object; a block begins at ``start``."""

    object: int
    start: int
    end: int


def spans(manifest: Manifest, object_index: int, span_bytes: int) -> Iterator[ObjectSpan]:
    """Cut an object into spans of whole blocks, each of ``span_bytes`` or one longer block."""
    step = max(span_bytes, manifest.block_bytes)
    length = manifest.objects[object_index].length_bytes
    for start in range(0, length, step):
        yield ObjectSpan(object_index, start, min(start + step, length))


def check_files(source: Source, workers: int, span_bytes: int, advance: Advance) -> None:
    """Compare each file with the digest that was stated for it, if any.

    Args:
        source: The files.
        workers: Number of threads that read and hash.
        span_bytes: Number of bytes that each of them reads at a time.
        advance: Called as bytes are hashed.

    Raises:
        IntegrityError: A file does not match its digest; the content library's fault.
        StorageError: A file cannot be read, or changed meanwhile.
    """
    stated = {file.location: file for file in source.files if file.sha256}
    with WorkThreads(workers) as pool:
        for _ in pool.map(lambda file: _check_file(file, span_bytes, advance), stated.values()):
            pass


def _check_file(file: SourceFile, span_bytes: int, advance: Advance) -> None:
    digest = hashlib.sha256()
    for start in range(0, file.length_bytes, span_bytes):
        data = memoryview(bytearray(min(span_bytes, file.length_bytes - start)))
        _read_extent(file, FileExtent(0, start, len(data)), data)
        digest.update(data)
        advance(len(data))
    if digest.digest() != file.sha256:
        raise wrong_digest_error(file)


def wrong_digest_error(file: SourceFile) -> IntegrityError:
    """The error if a file of a content library is not what its name says."""
    return IntegrityError(
        f"{file.location} does not match the SHA-256 digest in its name",
        path=file.path,
        remedy="Validate the content on the distribution point, or distribute it again.",
    )


def digest_objects(
    source: Source, manifest: Manifest, workers: int, span_bytes: int, advance: Advance
) -> Manifest:
    """Hash every block of every object, and every packed file.

    Args:
        source: The files.
        manifest: The layout, as `lay_out` made it.
        workers: Number of threads that read and hash.
        span_bytes: Number of bytes that each of them reads at a time.
        advance: Called as bytes are hashed.

    Returns:
        The manifest with digests and names.

    Raises:
        StorageError: A file cannot be read, or changed meanwhile.
    """
    digests: list[list[bytes]] = [[] for _ in manifest.objects]
    files = list(manifest.files)

    def digest(span: ObjectSpan) -> _Digests:
        data = read_span(source, manifest, span)
        blocks = block_digests(data, manifest.block_bytes)
        return _Digests(span, blocks, dict(_packed_digests(source, manifest, span, data)))

    todo = (span for index in range(len(digests)) for span in spans(manifest, index, span_bytes))
    for found in map_ahead(digest, todo, workers):
        digests[found.span.object].append(found.blocks)
        for index, sha256 in found.packed_files.items():
            files[index] = msgspec.structs.replace(files[index], sha256=sha256)
        advance(found.span.end - found.span.start)
    named = zip(manifest.objects, map(b"".join, digests), strict=True)
    objects = tuple(
        Object(object_name(o.length_bytes, manifest.block_bytes, d), o.length_bytes, d)
        for o, d in named
    )
    return msgspec.structs.replace(manifest, objects=objects, files=tuple(files))


class _Digests(NamedTuple):
    """The SHA-256 digests of a span's blocks, concatenated, and of packed files, by index."""

    span: ObjectSpan
    blocks: bytes
    packed_files: dict[int, bytes]


def _packed_digests(
    source: Source, manifest: Manifest, span: ObjectSpan, data: memoryview
) -> Iterator[tuple[int, bytes]]:
    """The digests of the packed files that begin in a span, by their index."""
    at = 0
    for extent in manifest.file_extents(span.object, span.start, span.end):
        file = manifest.files[extent.file]
        if extent.offset_bytes == 0 and manifest.is_packed(file):
            content = data[at : at + extent.length_bytes]
            if extent.length_bytes < file.length_bytes:  # it ends in the next span
                content = memoryview(bytearray(file.length_bytes))
                _read_extent(
                    source.files[extent.file], FileExtent(extent.file, 0, len(content)), content
                )
            yield extent.file, hashlib.sha256(content).digest()
        at += extent.length_bytes


def verified_spans(
    source: Source, manifest: Manifest, object_index: int, span_bytes: int
) -> Iterator[memoryview]:
    """Read an object a second time, span by span.

    Raises:
        StorageError: A file cannot be read, or no longer matches the digests.
    """
    size = manifest.block_bytes
    digests = manifest.objects[object_index].digests
    for span in spans(manifest, object_index, span_bytes):
        data = read_span(source, manifest, span)
        first, last = span.start // size, -(-span.end // size)
        expected = digests[first * DIGEST_BYTES : last * DIGEST_BYTES]
        if bad := verify_blocks(data, size, expected):
            start, end = manifest.block_span(
                ObjectIndex(object_index), BlockInObject(first + bad[0])
            )
            raise _changed_error(
                *(source.files[e.file] for e in manifest.file_extents(object_index, start, end))
            )
        yield data


def read_file(file: SourceFile) -> bytes:
    """All of a file.

    Raises:
        StorageError: It cannot be read, or changed since the folder was listed.
    """
    data = memoryview(bytearray(file.length_bytes))
    _read_extent(file, FileExtent(0, 0, len(data)), data)
    return bytes(data)


def sha256_of(file: SourceFile, span_bytes: int) -> bytes:
    """The SHA-256 of a file, read in spans; raises as `read_file`."""
    digest = hashlib.sha256()
    for start in range(0, file.length_bytes, span_bytes):
        data = memoryview(bytearray(min(span_bytes, file.length_bytes - start)))
        _read_extent(file, FileExtent(0, start, len(data)), data)
        digest.update(data)
    return digest.digest()


def read_span(source: Source, manifest: Manifest, span: ObjectSpan) -> memoryview:
    """The bytes of a span; raises as `read_file`."""
    data = memoryview(bytearray(span.end - span.start))
    at = 0
    for extent in manifest.file_extents(span.object, span.start, span.end):
        _read_extent(source.files[extent.file], extent, data[at : at + extent.length_bytes])
        at += extent.length_bytes
    return data


def _read_extent(file: SourceFile, extent: FileExtent, into: memoryview) -> None:
    may_be_link = bool(file.sha256)  # in a content library, where its digest is checked
    with disk_faults(file.location), open_plain(file.location, follow=may_be_link) as content:
        status = os.fstat(content.fileno())
        if (status.st_size, status.st_mtime_ns) != (file.length_bytes, file.modified_ns):
            raise _changed_error(file)
        content.seek(extent.offset_bytes)
        while into:
            count = content.readinto(into)
            if not count:
                raise _changed_error(file)
            into = into[count:]


def check_unchanged(source: Source) -> None:
    """Compare all files with the list, once all of them are hashed.

    What is at the destination already is not read again, so nothing else would show that it was
    changed after it was hashed, and before the others were.

    Raises:
        StorageError: A file is another one now, or was written to.
    """
    for file in source.files:
        if not (file.length_bytes or file.modified_ns):  # an empty one of a content library
            continue
        with disk_faults(file.location):
            status = file.location.stat(follow_symlinks=bool(file.sha256))
        if (status.st_size, status.st_mtime_ns) != (file.length_bytes, file.modified_ns):
            raise _changed_error(file)


def _changed_error(*suspects: SourceFile) -> StorageError:
    path: Path = suspects[0].location
    others = f" (or one of the {len(suspects) - 1} files after it)" if len(suspects) > 1 else ""
    return StorageError(
        f"{path}{others} changed while it was being published",
        path=path,
        remedy="Publish again when nothing writes to the folder; the catalog is unchanged.",
    )


def map_ahead(work: Callable[[_I], _T], items: Iterable[_I], workers: int) -> Iterator[_T]:
    """Yield the results in the order of the items; a bounded number of them is in flight."""
    with WorkThreads(workers) as pool:
        in_flight: deque[Future[_T]] = deque()
        for item in items:
            in_flight.append(pool.submit(work, item))
            if len(in_flight) > 2 * workers:
                yield in_flight.popleft().result()
        while in_flight:
            yield in_flight.popleft().result()
