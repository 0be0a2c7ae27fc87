"""Which files have the content that a manifest says, found out by reading all of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from dlcore.model import DIGEST_BYTES, Manifest
from dlcore.native import block_digests
from dlcore.store.cache.contents import owns_object
from dlcore.store.checking import in_parallel
from dlcore.store.files import Files, read_fully


def equal_files(files: Files, manifest: Manifest, places: Mapping[int, Path]) -> list[int]:
    """The files that a place has, with all cores.

    Args:
        files: The disk.
        manifest: A package.
        places: By number of its file: what to compare with it. What cannot be read is not equal.

    Returns:
        Numbers of the files, in order.
    """
    found: list[int] = []

    def compare(item: tuple[int, Path], buffer: memoryview) -> None:
        number, path = item
        try:
            fd = files.open_to_read(path)
            try:
                is_equal = _is_equal(files, fd, manifest, number, buffer)
            finally:
                files.close(fd)
        except OSError:
            return
        if is_equal:
            found.append(number)

    in_parallel(places.items(), compare, manifest.block_bytes)
    return sorted(found)


def _is_equal(files: Files, fd: int, manifest: Manifest, number: int, buffer: memoryview) -> bool:
    file = manifest.files[number]
    if files.size(fd) != file.length_bytes:
        return False
    if file.sha256:
        return _sha256(files, fd, file.length_bytes, buffer) == file.sha256
    if not owns_object(manifest, file):
        return False
    item = manifest.objects[file.object]
    if not item.digests:
        digest = item.whole.hash()
        for data in _pieces(files, fd, file.length_bytes, buffer):
            digest.update(data)
        return digest.digest() == item.whole.value
    pieces = _pieces(files, fd, file.length_bytes, buffer)
    return all(
        block_digests(data, manifest.block_bytes)
        == item.digests[block * DIGEST_BYTES : (block + 1) * DIGEST_BYTES]
        for block, data in enumerate(pieces)
    )


def _sha256(files: Files, fd: int, length_bytes: int, buffer: memoryview) -> bytes:
    digest = hashlib.sha256()
    for data in _pieces(files, fd, length_bytes, buffer):
        digest.update(data)
    return digest.digest()


def _pieces(files: Files, fd: int, length_bytes: int, buffer: memoryview) -> Iterator[memoryview]:
    """The bytes of a file, as many at a time as a buffer has; fewer if the file ends early."""
    for at in range(0, length_bytes, len(buffer)):
        view = buffer[: min(len(buffer), length_bytes - at)]
        yield view[: read_fully(files, fd, view, at)]
