"""Compares a folder with a manifest: names every bad file and place, changes nothing.

Any folder can be verified, without a state directory. If a block that several small files share
does not match, the digest of each file tells which of them are wrong. Manifests of schema 1 have no
such digests: then each of these files is named.

Guarantees: a file is not called good unless all its bytes were read and hashed. An error of a
thread that reads is raised, after all threads have ended.
"""

from __future__ import annotations

import contextlib
import enum
import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from dlcore.disk.faults import translated
from dlcore.disk.links import is_file, is_folder
from dlcore.errors import NotFoundError
from dlcore.long_path import long_path
from dlcore.model import DIGEST_BYTES, BlockExtent, Manifest
from dlcore.native import block_digests
from dlcore.store.checking import block_extents, buffer_bytes, in_parallel
from dlcore.store.files import Files, read_fully
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
    UNCHECKED = "unchecked"  # shares its only digest with a file that is missing or too short


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
    folder: Path,
    manifest: Manifest,
    *,
    progress: Progress | None = None,
    strict: bool = True,
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
        StorageError: Something cannot be read, or became shorter meanwhile; the message names it.
    """
    return compare_tree(Files(), long_path(folder), manifest, progress, strict=strict)


def compare_tree(
    files: Files, folder: Path, manifest: Manifest, progress: Progress | None, *, strict: bool
) -> list[Bad]:
    """Compare a folder whose content is read through ``files``; otherwise like `verify_tree`."""
    if not folder.is_dir():
        raise NotFoundError(f"no such folder: {folder}", remedy="Check the path.")
    with translated("verify", folder, lambda: 0, lambda: 0):
        return sorted(_Verification(folder, manifest, progress, strict, files).run())


class _Verification:
    """One comparison."""

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        progress: Progress | None,
        strict: bool,
        files: Files,
    ) -> None:
        self._folder = folder
        self._manifest = manifest
        self._progress = progress
        self._strict = strict
        self._lock = threading.Lock()
        self._done_bytes = 0
        self._bad: set[Bad] = set()
        self._unreadable: set[int] = set()  # files that are missing, too short or not files
        self._doubtful: list[tuple[BlockExtent, Reason]] = []  # what did not match as a whole
        self._proven: set[int] = set()  # files that match a digest of their own
        self._files = files
        paths = [path_of(folder, file.path) for file in manifest.files]
        self._reader = BlockReader(
            files, manifest, paths.__getitem__, lambda index: files.open_to_read(paths[index])
        )

    def run(self) -> set[Bad]:
        """Compare everything. Returns the differences."""
        try:
            self._compare_names()
            blocks, objects = self._readable()
            size = buffer_bytes(self._manifest)
            in_parallel(block_extents(self._manifest, blocks), self._check_extent, size)
            in_parallel(objects, self._check_object, size)
            in_parallel(self._suspects(), self._check_file, size)
        finally:
            self._reader.open_files.close()
        for span, reason in self._doubtful:
            self._blame_files(span, reason)
        return self._bad

    def _compare_names(self) -> None:
        """Compare kinds and lengths; note the files that cannot be read to their end."""
        found = self._all() if self._strict else self._described()
        for path in folders_of(self._manifest):
            status = found.pop(path, None)
            if status is None:
                self._blame(path, 0, Reason.MISSING)
            elif not is_folder(status):
                self._blame(path, 0, Reason.NOT_A_FILE)
        for index, file in enumerate(self._manifest.files):
            reason = _wrong_with(found.pop(file.path, None), file.length_bytes)
            if reason is None:
                continue
            # The excess of a longer file begins where the manifest's file ends.
            self._blame(file.path, file.length_bytes if reason is Reason.LONGER else 0, reason)
            if reason is not Reason.LONGER:
                self._unreadable.add(index)
        for path in found:
            self._blame(path, 0, Reason.UNEXPECTED)

    def _all(self) -> dict[str, os.stat_result]:
        """The status of everything below the folder; links are not followed."""
        found: dict[str, os.stat_result] = {}
        waiting = [""]
        while waiting:
            parent = waiting.pop()
            for name, status in self._files.entries(self._folder / parent):
                path = f"{parent}/{name}" if parent else name
                found[path] = status
                if is_folder(status):
                    waiting.append(path)
        return found

    def _described(self) -> dict[str, os.stat_result]:
        """The status of those of the manifest's files and folders that exist."""
        found = {}
        for path in (*folders_of(self._manifest), *(f.path for f in self._manifest.files)):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                found[path] = path_of(self._folder, path).lstat()
        return found

    def _readable(self) -> tuple[bytearray, list[int]]:
        """Blocks with digests, and objects without, that can be read completely."""
        blocks = bytearray(self._manifest.first_blocks[-1])
        objects = []
        for index, item in enumerate(self._manifest.objects):
            base, end = self._manifest.first_blocks[index : index + 2]
            if not item.digests:
                if self._can_read(BlockExtent.of(index, 0, end - base)):
                    objects.append(index)
                continue
            for block in range(end - base):
                span = BlockExtent.of(index, block, block + 1)
                blocks[base + block] = self._can_read(span)
        return blocks, objects

    def _can_read(self, blocks: BlockExtent) -> bool:
        if self._unreadable.isdisjoint(extent.file for extent, _ in self._reader.extents(blocks)):
            return True
        self._doubtful.append((blocks, Reason.UNCHECKED))
        return False

    def _check_extent(self, blocks: BlockExtent, buffer: memoryview) -> None:
        data = self._reader.read(blocks, buffer)
        found = block_digests(data, self._manifest.block_bytes)
        wanted = self._manifest.objects[blocks.object].digests
        for at, block in enumerate(range(blocks.first, blocks.end)):
            digest = wanted[block * DIGEST_BYTES : (block + 1) * DIGEST_BYTES]
            if found[at * DIGEST_BYTES : (at + 1) * DIGEST_BYTES] != digest:
                self._doubt(BlockExtent.of(blocks.object, block, block + 1))
        self._advance(len(data))

    def _check_object(self, index: int, buffer: memoryview) -> None:
        wanted = self._manifest.objects[index].whole
        digest = wanted.hash()
        count = self._manifest.block_count(index)
        for block in range(count):
            data = self._reader.read(BlockExtent.of(index, block, block + 1), buffer)
            digest.update(data)
            self._advance(len(data))
        if digest.digest() != wanted.value:
            self._doubt(BlockExtent.of(index, 0, count))

    def _doubt(self, blocks: BlockExtent) -> None:
        with self._lock:
            self._doubtful.append((blocks, Reason.MISMATCH))

    def _suspects(self) -> set[int]:
        """The files in doubt that have a digest of their own."""
        return {
            extent.file
            for blocks, _ in self._doubtful
            for extent, _ in self._reader.extents(blocks)
            if self._manifest.files[extent.file].sha256 and extent.file not in self._unreadable
        }

    def _check_file(self, index: int, buffer: memoryview) -> None:
        file = self._manifest.files[index]
        digest = hashlib.sha256()
        with self._reader.open_files.use(index) as fd:
            for start in range(0, file.length_bytes, len(buffer)):
                view = buffer[: min(len(buffer), file.length_bytes - start)]
                digest.update(view[: read_fully(self._files, fd, view, start)])
        if digest.digest() == file.sha256:
            with self._lock:
                self._proven.add(index)

    def _blame_files(self, blocks: BlockExtent, reason: Reason) -> None:
        """Name the files of these blocks that no digest of their own proves."""
        extents = [e for e, _ in self._reader.extents(blocks) if e.file not in self._unreadable]
        wrong = [extent for extent in extents if extent.file not in self._proven]
        if reason is Reason.MISMATCH and not wrong:
            wrong = extents  # the manifest's digests contradict each other
        for extent in wrong:
            file = self._manifest.files[extent.file]
            known = Reason.MISMATCH if file.sha256 else reason
            self._blame(file.path, extent.offset_bytes, known)

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
    if not is_file(status):
        return Reason.NOT_A_FILE
    if status.st_size == length_bytes:
        return None
    return Reason.LONGER if status.st_size > length_bytes else Reason.SHORTER
