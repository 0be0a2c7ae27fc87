"""Compares a folder with a manifest: names every bad file and place, changes nothing.

Any folder can be verified, without a state directory. What shares a digest is judged together: if a
block that several small files share does not match, each of these files is named.
"""

from __future__ import annotations

import contextlib
import enum
import hashlib
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from dlcore.disk.faults import translated
from dlcore.errors import NotFoundError
from dlcore.model import DIGEST_BYTES, BlockRange, Manifest
from dlcore.native import block_digests
from dlcore.store.checking import buffer_bytes, in_parallel, runs
from dlcore.store.files import Files
from dlcore.store.reading import BlockReader
from dlcore.store.tree import folders_of, path_of

Progress = Callable[[int], None]


class Reason(enum.StrEnum):
    """What is wrong with a file."""

    MISSING = "missing"
    LONGER = "longer"
    SHORTER = "shorter"
    MISMATCH = "mismatch"
    UNEXPECTED = "unexpected"
    NOT_A_FILE = "not a file"  # a link, a device, or a folder; for a folder: anything else
    UNCHECKED = "unchecked"  # shares a block with a file that is missing or too short


class Bad(msgspec.Struct, frozen=True, order=True):
    """Something that differs from the manifest.

    Attributes:
        path: Relative to the folder, parts separated by ``/``.
        offset_bytes: Where in the file it begins.
        reason: What is wrong.
    """

    path: str
    offset_bytes: int
    reason: Reason


def verify_tree(
    folder: Path, manifest: Manifest, *, progress: Progress | None = None, strict: bool = True
) -> list[Bad]:
    """Compare a folder with a manifest, with all cores.

    Args:
        folder: The content folder.
        manifest: What the folder should hold.
        progress: Called with the bytes read so far, from any thread, one call at a time.
        strict: Whether files and folders that are not in the manifest are reported.

    Returns:
        All differences, by path and offset; empty if the folder matches.

    Raises:
        NotFoundError: The folder does not exist.
        StorageError: Something cannot be read.
    """
    if not folder.is_dir():
        raise NotFoundError(f"no such folder: {folder}", remedy="Check the path.")
    with translated("verify", folder, lambda: 0, lambda: 0):
        return sorted(_Verification(folder, manifest, progress, strict).run())


class _Verification:
    """One comparison."""

    def __init__(
        self, folder: Path, manifest: Manifest, progress: Progress | None, strict: bool
    ) -> None:
        self._folder = folder
        self._manifest = manifest
        self._progress = progress
        self._strict = strict
        self._lock = threading.Lock()
        self._done_bytes = 0
        self._bad: set[Bad] = set()
        files = Files()
        paths = [path_of(folder, file.path) for file in manifest.files]
        self._reader = BlockReader(
            files, manifest, paths.__getitem__, lambda index: files.open_to_read(paths[index])
        )

    def run(self) -> set[Bad]:
        """Compare everything. Returns the differences."""
        try:
            unreadable = self._compare_names()
            blocks, objects = self._readable(unreadable)
            size = buffer_bytes(self._manifest)
            in_parallel(runs(self._manifest, blocks), self._check_run, size)
            in_parallel(objects, self._check_object, size)
        finally:
            self._reader.open_files.close()
        return self._bad

    def _compare_names(self) -> set[int]:
        """Compare kinds and lengths. Returns the files that cannot be read to their end."""
        found = _entries(self._folder) if self._strict else self._described()
        for path in folders_of(self._manifest):
            status = found.pop(path, None)
            if status is None:
                self._blame(path, 0, Reason.MISSING)
            elif not stat.S_ISDIR(status.st_mode):
                self._blame(path, 0, Reason.NOT_A_FILE)
        unreadable = set()
        for index, file in enumerate(self._manifest.files):
            reason = _wrong_with(found.pop(file.path, None), file.length_bytes)
            if reason is None:
                continue
            # The excess of a longer file begins where the manifest's file ends.
            self._blame(file.path, file.length_bytes if reason is Reason.LONGER else 0, reason)
            if reason is not Reason.LONGER:
                unreadable.add(index)
        for path in found:
            self._blame(path, 0, Reason.UNEXPECTED)
        return unreadable

    def _described(self) -> dict[str, os.stat_result]:
        """The status of those of the manifest's files and folders that exist."""
        found = {}
        for path in (*folders_of(self._manifest), *(f.path for f in self._manifest.files)):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                found[path] = path_of(self._folder, path).lstat()
        return found

    def _readable(self, unreadable: set[int]) -> tuple[bytearray, list[int]]:
        """Blocks with digests, and objects without, that can be read completely."""
        blocks = bytearray(self._manifest.first_blocks[-1])
        objects = []
        for index, item in enumerate(self._manifest.objects):
            base, end = self._manifest.first_blocks[index : index + 2]
            if not item.digests:
                if self._can_read(BlockRange.of(index, 0, end - base), unreadable):
                    objects.append(index)
                continue
            for block in range(end - base):
                span = BlockRange.of(index, block, block + 1)
                blocks[base + block] = self._can_read(span, unreadable)
        return blocks, objects

    def _can_read(self, blocks: BlockRange, unreadable: set[int]) -> bool:
        extents = [extent for extent, _ in self._reader.extents(blocks)]
        if unreadable.isdisjoint(extent.file for extent in extents):
            return True
        for extent in extents:
            if extent.file not in unreadable:
                path = self._manifest.files[extent.file].path
                self._blame(path, extent.offset_bytes, Reason.UNCHECKED)
        return False

    def _check_run(self, blocks: BlockRange, buffer: memoryview) -> None:
        data = self._reader.read(blocks, buffer)
        found = block_digests(data, self._manifest.block_bytes)
        wanted = self._manifest.objects[blocks.object].digests
        for at, block in enumerate(range(blocks.first, blocks.last)):
            digest = wanted[block * DIGEST_BYTES : (block + 1) * DIGEST_BYTES]
            if found[at * DIGEST_BYTES : (at + 1) * DIGEST_BYTES] != digest:
                self._blame_range(BlockRange.of(blocks.object, block, block + 1))
        self._advance(len(data))

    def _check_object(self, index: int, buffer: memoryview) -> None:
        digest = hashlib.sha256()
        count = self._manifest.block_count(index)
        for block in range(count):
            data = self._reader.read(BlockRange.of(index, block, block + 1), buffer)
            digest.update(data)
            self._advance(len(data))
        if digest.digest() != self._manifest.objects[index].sha256:
            self._blame_range(BlockRange.of(index, 0, count))

    def _blame_range(self, blocks: BlockRange) -> None:
        for extent, _ in self._reader.extents(blocks):
            path = self._manifest.files[extent.file].path
            self._blame(path, extent.offset_bytes, Reason.MISMATCH)

    def _blame(self, path: str, offset_bytes: int, reason: Reason) -> None:
        with self._lock:
            self._bad.add(Bad(path, offset_bytes, reason))

    def _advance(self, count: int) -> None:
        if self._progress is None:
            return
        with self._lock:
            self._done_bytes += count
            self._progress(self._done_bytes)


def _wrong_with(status: os.stat_result | None, length_bytes: int) -> Reason | None:
    if status is None:
        return Reason.MISSING
    if not stat.S_ISREG(status.st_mode):
        return Reason.NOT_A_FILE
    if status.st_size == length_bytes:
        return None
    return Reason.LONGER if status.st_size > length_bytes else Reason.SHORTER


def _entries(folder: Path) -> dict[str, os.stat_result]:
    """Everything below a folder, by relative path; links are not followed."""
    found: dict[str, os.stat_result] = {}
    waiting = [""]
    while waiting:
        parent = waiting.pop()
        with os.scandir(folder / parent) as entries:
            for entry in entries:
                path = f"{parent}/{entry.name}" if parent else entry.name
                found[path] = entry.stat(follow_symlinks=False)
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(path)
    return found
