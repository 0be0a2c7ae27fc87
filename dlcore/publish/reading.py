"""Reads objects out of the source folder, hashes them, and notices when a file changes.

Guarantees: content is read in windows of whole blocks, one a worker in memory at once;
what `verified_windows` yields matches the digests that `digest_objects` found earlier.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import msgspec

from dlcore.errors import IntegrityError, StorageError
from dlcore.manifest import object_name
from dlcore.model import DIGEST_BYTES, Extent, Manifest, Object
from dlcore.native import block_digests, verify_blocks
from dlcore.publish.disk import disk_faults
from dlcore.publish.source import Source, SourceFile

WINDOW_BYTES = 8 << 20

Advance = Callable[[int], None]


class Window(msgspec.Struct, frozen=True):
    """Bytes ``[start, end)`` of an object; ``start`` is where a block begins."""

    object: int
    start: int
    end: int


def windows(manifest: Manifest, object_index: int) -> Iterator[Window]:
    """Cut an object into windows of whole blocks."""
    step = max(WINDOW_BYTES, manifest.block_bytes)
    length = manifest.objects[object_index].length_bytes
    for start in range(0, length, step):
        yield Window(object_index, start, min(start + step, length))


def check_files(source: Source, workers: int, advance: Advance) -> None:
    """Compare the files whose digests were stated beforehand with these.

    Args:
        source: Where the files are.
        workers: Number of threads to read and hash with.
        advance: Told the number of bytes hashed since it was last told.

    Raises:
        IntegrityError: A file does not match.
        StorageError: A file cannot be read or changes meanwhile.
    """
    stated = {file.location: file for file in source.files if file.sha256}
    with ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(lambda file: _check_file(file, advance), stated.values()):
            pass


def _check_file(file: SourceFile, advance: Advance) -> None:
    digest = hashlib.sha256()
    for start in range(0, file.length_bytes, WINDOW_BYTES):
        data = memoryview(bytearray(min(WINDOW_BYTES, file.length_bytes - start)))
        _read_extent(file, Extent(0, start, len(data)), data)
        digest.update(data)
        advance(len(data))
    if digest.digest() != file.sha256:
        raise IntegrityError(
            f"{file.location} does not have the SHA-256 that is its name",
            path=file.path,
            remedy="Validate the content on the distribution point, or distribute it again.",
        )


def digest_objects(source: Source, manifest: Manifest, workers: int, advance: Advance) -> Manifest:
    """Hash every block of every object.

    Args:
        source: Where the files are.
        manifest: The layout, as `lay_out` made it.
        workers: Number of threads to read and hash with.
        advance: Told the number of bytes hashed since it was last told.

    Returns:
        The manifest with digests and names.

    Raises:
        StorageError: A file cannot be read or changes meanwhile.
    """
    digests: list[list[bytes]] = [[] for _ in manifest.objects]

    def digest(window: Window) -> tuple[Window, bytes]:
        return window, block_digests(_read(source, manifest, window), manifest.block_bytes)

    todo = (window for index in range(len(digests)) for window in windows(manifest, index))
    for window, found in _map_ahead(digest, todo, workers):
        digests[window.object].append(found)
        advance(window.end - window.start)
    named = zip(manifest.objects, map(b"".join, digests), strict=True)
    objects = tuple(
        Object(object_name(o.length_bytes, manifest.block_bytes, d), o.length_bytes, d)
        for o, d in named
    )
    return msgspec.structs.replace(manifest, objects=objects)


def verified_windows(source: Source, manifest: Manifest, object_index: int) -> Iterator[memoryview]:
    """Read an object again, window by window.

    Raises:
        StorageError: A file cannot be read, or is no longer what was hashed.
    """
    size = manifest.block_bytes
    digests = manifest.objects[object_index].digests
    for window in windows(manifest, object_index):
        data = _read(source, manifest, window)
        first, last = window.start // size, -(-window.end // size)
        expected = digests[first * DIGEST_BYTES : last * DIGEST_BYTES]
        if bad := verify_blocks(data, size, expected):
            start, end = manifest.block_span(object_index, first + bad[0])
            raise _changed(
                *(source.files[e.file] for e in manifest.extents(object_index, start, end))
            )
        yield data


def _read(source: Source, manifest: Manifest, window: Window) -> memoryview:
    data = memoryview(bytearray(window.end - window.start))
    at = 0
    for extent in manifest.extents(window.object, window.start, window.end):
        _read_extent(source.files[extent.file], extent, data[at : at + extent.length_bytes])
        at += extent.length_bytes
    return data


def _read_extent(file: SourceFile, extent: Extent, into: memoryview) -> None:
    with disk_faults(file.location), file.location.open("rb", buffering=0) as content:
        status = os.fstat(content.fileno())
        if (status.st_size, status.st_mtime_ns) != (file.length_bytes, file.modified_ns):
            raise _changed(file)
        content.seek(extent.offset_bytes)
        while into:
            count = content.readinto(into)
            if not count:
                raise _changed(file)
            into = into[count:]


def _changed(*suspects: SourceFile) -> StorageError:
    path: Path = suspects[0].location
    others = f" (or one of the {len(suspects) - 1} files after it)" if len(suspects) > 1 else ""
    return StorageError(
        f"{path}{others} changed while it was being published",
        path=path,
        remedy="Publish again when nothing writes to the folder; the catalog is as it was.",
    )


def _map_ahead(
    work: Callable[[Window], tuple[Window, bytes]], items: Iterator[Window], workers: int
) -> Iterator[tuple[Window, bytes]]:
    """Results in the order of the items, with a bounded number of them under way."""
    with ThreadPoolExecutor(workers) as pool:
        under_way: deque[Future[tuple[Window, bytes]]] = deque()
        for item in items:
            under_way.append(pool.submit(work, item))
            if len(under_way) > 2 * workers:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
