"""Proves that a finished package is as its manifest says: a process believes what it hashed itself.

A package that this process verified is compared by names, kinds, lengths and the identities of its
files (`inventory`), which takes under a second for 100,000 files. What differs is hashed with
SHA-256 on all cores; of a package that an earlier process finished, that is everything. Identities
are kept in memory only, so there is no file that could be forged. They are taken before the hashing
and compared after it, so a change in between is noticed.

A program that has mapped a file may store into a page that is already dirty: no time changes. So
each file's pages are written back after its identity was taken and before its bytes are read. From
then on every store shows (`dlcore.disk.system.write_back`).
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterable
from pathlib import Path

from dlcore.errors import StorageError, UnexpectedContentError
from dlcore.model import BlockExtent, Manifest
from dlcore.native import verify_blocks
from dlcore.store.checking import block_extents, buffer_bytes, in_parallel
from dlcore.store.descriptors import MAX_OPEN
from dlcore.store.files import Files
from dlcore.store.inventory import Inventory
from dlcore.store.reading import BlockReader
from dlcore.store.tree import path_of

# A file that cannot be read to its end, or that was taken away or replaced while it was hashed.
_NOT_THERE = {errno.EIO, errno.ENOENT, errno.ENOTDIR, errno.ELOOP}

MAX_LOOKS = 3  # arbitrary: other packages that share its files come and go seldom


class Proofs:
    """The packages that this process has verified. Thread-safe for different packages.

    Args:
        files: The disk.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        self._identities: dict[str, list[bytes | None]] = {}

    def note_finished(self, key: str, folder: Path, manifest: Manifest, found: Inventory) -> None:
        """Believe a package whose blocks this process verified, as long as its identities stay.

        Args:
            key: Its name in the store.
            folder: Its content, complete and synced. What the store wrote itself is written back;
                pages that another program has mapped and made dirty since then are, by this call.
            manifest: What it is.
            found: What was found there since the last write.
        """
        try:
            self._write_back(folder, manifest)
        except OSError:  # nothing is believed then: the next proof hashes all of it, or reports
            self.forget(key)
        else:
            self._identities[key] = found.identities

    def forget(self, key: str) -> None:
        """Believe nothing of a package."""
        self._identities.pop(key, None)

    def prove(self, key: str, folder: Path, manifest: Manifest, found: Inventory) -> bool:
        """Find out whether a package is as its manifest says; it is believed from then on.

        Args:
            key: Its name in the store.
            folder: Its content.
            manifest: What it should be.
            found: What is there, apart from what was unexpected or misplaced.

        Returns:
            Whether it is.

        Raises:
            OSError: The disk failed in another way than by not returning a file's bytes.
        """
        if not found.is_complete:
            return False
        found.wait_for_clock_step(self._files, folder)
        suspects = self._suspects(key, folder, manifest, found)
        for _ in range(MAX_LOOKS):
            if suspects and not self._match(folder, manifest, suspects):
                return False
            suspects = [
                number for number in suspects if not found.is_as_before(self._files, folder, number)
            ]
            if not suspects:
                self._identities[key] = found.identities
                return True
            if not all(found.renew(self._files, folder, number) for number in suspects):
                return False
        return False

    def _suspects(self, key: str, folder: Path, manifest: Manifest, found: Inventory) -> list[int]:
        """The files whose identity does not tell that they are as this process verified them."""
        known = self._identities.get(key) or [None] * len(found.identities)
        if self._files.is_in_memory(folder):  # a mapped page stays dirty, and no store shows
            return [*range(len(known))]
        rows = zip(manifest.files, found.identities, known, strict=True)
        return [
            number
            for number, (file, now, before) in enumerate(rows)
            if now is None or now != before or self._files.hides_writes(path_of(folder, file.path))
        ]

    def _write_back(self, folder: Path, manifest: Manifest) -> None:
        """Write all pages of a package back: of many files by one call, if the system has it."""
        if not self._files.needs_write_back:
            return
        if len(manifest.files) > MAX_OPEN and (watch := self._files.watch(folder)) is not None:
            try:
                if self._files.sync_filesystem(watch):
                    return
            finally:
                self._files.close(watch)
        for file in manifest.files:
            if not file.is_empty:
                self._files.close(open_written_back(self._files, path_of(folder, file.path)))

    def _match(self, folder: Path, manifest: Manifest, suspects: Iterable[int]) -> bool:
        """Whether all blocks that these files have a part in match their SHA-256."""
        hashing = _Hashing(self._files, folder, manifest)
        try:
            return hashing.run(suspects)
        finally:
            hashing.reader.open_files.close()


class _Hashing:
    """Hashes blocks and objects until one does not match."""

    def __init__(self, files: Files, folder: Path, manifest: Manifest) -> None:
        self._manifest = manifest
        self._wrong = threading.Event()
        paths = [path_of(folder, file.path) for file in manifest.files]
        self.reader = BlockReader(
            files,
            manifest,
            paths.__getitem__,
            lambda number: open_written_back(files, paths[number]),
        )

    def run(self, suspects: Iterable[int]) -> bool:
        blocks, objects = self._parts_of(suspects)
        size = buffer_bytes(self._manifest)
        in_parallel(block_extents(self._manifest, blocks), self._check_extent, size)
        in_parallel(sorted(objects), self._check_object, size)
        return not self._wrong.is_set()

    def _parts_of(self, suspects: Iterable[int]) -> tuple[bytearray, set[int]]:
        """The blocks with digests, and the objects without, that files have a part in."""
        manifest = self._manifest
        blocks = bytearray(manifest.first_blocks[-1])
        objects = set()
        for file in (manifest.files[number] for number in suspects):
            if file.is_empty:
                continue
            if not manifest.objects[file.object].digests:
                objects.add(file.object)
                continue
            base = manifest.first_blocks[file.object]
            first = file.offset_bytes // manifest.block_bytes
            end = (file.offset_bytes + file.length_bytes - 1) // manifest.block_bytes + 1
            blocks[base + first : base + end] = b"\1" * (end - first)
        return blocks, objects

    def _check_extent(self, blocks: BlockExtent, buffer: memoryview) -> None:
        data = self._read(blocks, buffer)
        if data is None:
            return
        digests = self._manifest.block_digests(blocks)
        if verify_blocks(data, self._manifest.block_bytes, digests):
            self._wrong.set()

    def _check_object(self, index: int, buffer: memoryview) -> None:
        wanted = self._manifest.objects[index].whole
        digest = wanted.hash()
        for block in range(self._manifest.block_count(index)):
            data = self._read(BlockExtent.of(index, block, block + 1), buffer)
            if data is None:
                return
            digest.update(data)
        if digest.digest() != wanted.value:
            self._wrong.set()

    def _read(self, blocks: BlockExtent, buffer: memoryview) -> memoryview | None:
        """Read blocks; None if they are not there, or if there is nothing more to find out."""
        if self._wrong.is_set():
            return None
        try:
            return self.reader.read(blocks, buffer)
        except OSError as error:
            if error.errno not in _NOT_THERE:
                raise
            self._wrong.set()
            return None


def open_written_back(files: Files, path: Path) -> int:
    """Open a file to read; a store into it from now on shows in its identity.

    Raises:
        OSError: It is not there, or its pages cannot be written.
    """
    fd = files.open_to_read(path)
    try:
        files.write_back(fd)
    except BaseException:
        files.close(fd)
        raise
    return fd


def refuse_foreign(found: Inventory, folder: Path, package_id: str) -> None:
    """Refuse a folder that holds anything but what the manifest knows.

    Raises:
        UnexpectedContentError: It does; the message names the first path.
    """
    for what, paths in (
        ("is not in the manifest", found.unexpected),
        ("is not a plain file or folder with one name", found.misplaced),
    ):
        if paths:
            raise unexpected(package_id, folder / min(paths), what, len(paths) - 1)


def refuse_shared_names(files: Files, found: Inventory, folder: Path, manifest: Manifest) -> None:
    """Refuse a package with a name that the file system takes for another one of it.

    So it is with a name that Windows has given to another file as its short one (8.3).

    Raises:
        StorageError: There is such a name; the message tells it.
    """
    for file, identity in zip(manifest.files, found.identities, strict=True):
        path = path_of(folder, file.path)
        if identity or files.status(path) is None or path.name in files.names(path.parent):
            continue
        raise StorageError(
            f"package {manifest.package_id} cannot be on this file system, which takes the name of"
            f" its file {file.path} for that of another file",
            path=path,
            remedy="Choose a folder on another file system, or have the file renamed.",
        )


def unexpected(package_id: str, path: Path, what: str, more: int = 0) -> UnexpectedContentError:
    """The error that names something that does not belong where it is."""
    others = f" (and {more} more)" if more else ""
    return UnexpectedContentError(
        f"package {package_id} is refused: {path} {what}{others}",
        path=str(path),
        remedy="Find out who put it there, remove it, and run again.",
    )
