"""The files of one package on disk: made, opened, read, written and synced by block.

Folders, empty files and files of a block or more are made at the beginning, the latter with the
disk space they need. Smaller files, of which there may be many, are made when their first byte
arrives, while the next bytes are on their way. A file of an object that has only one digest grows
as its bytes arrive: its length may be no more than a server's word.

Guarantees: nothing outside the given folder is touched. Paths are joined from checked parts, and
no folder or file on the way may be a link. It is assumed that no other program changes the folder
(the state directory is private, mode 0700). Thread-safe, except `prepare`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from dlcore.disk.links import is_folder
from dlcore.errors import ManifestError
from dlcore.model import BlockExtent, File, FileExtent, Manifest
from dlcore.printable import quoted
from dlcore.store.descriptors import MAX_OPEN, Descriptors
from dlcore.store.direct_writes import in_pages, is_paged, prefers_direct
from dlcore.store.files import Files
from dlcore.store.reading import BlockReader

_LEADS_OUT = re.compile(r"(?:^|/)\.{0,2}(?:/|\Z)|[\\:\0]")


def check_inside(path: str) -> None:
    """Refuse a path that leads out of the folder that it is joined to.

    Raises:
        ManifestError: It does. The manifest reader refuses such paths too; this is a second check
            of the same rule.
    """
    if _LEADS_OUT.search(path):
        raise ManifestError(f"a path leads out of the package: {quoted(path)}")


def path_of(folder: Path, path: str) -> Path:
    """Join a manifest's path to ``folder``; raises as `check_inside`."""
    check_inside(path)
    return folder / path


def folders_of(manifest: Manifest) -> list[str]:
    """Paths of all folders of a package, parents first."""
    paths = set(manifest.folders)
    for path in [*manifest.folders, *(file.path for file in manifest.files)]:
        while "/" in path:
            path = path.rpartition("/")[0]
            if path in paths:
                break
            paths.add(path)
    return sorted(paths)


class _Unsynced(NamedTuple):
    """What a power loss may undo, all by number; folder 0 holds the content folder.

    Attributes:
        fresh: Files that this process opened for the first time: their length may be new.
        written: Files written to.
        folders: Folders that may have a new entry.
    """

    fresh: set[int]
    written: set[int]
    folders: set[int]


class Tree:
    """A package's ``content`` folder.

    Args:
        files: The disk.
        folder: The content folder; its parent exists.
        manifest: The package.

    Attributes:
        is_new: Whether `prepare` made the folder, so that nothing was written to it before.
    """

    def __init__(self, files: Files, folder: Path, manifest: Manifest) -> None:
        self.is_new = False
        self._files = files
        self._folder = folder
        self._manifest = manifest
        for file in manifest.files:
            check_inside(file.path)
        inner = folders_of(manifest)
        self._folders = [folder.parent, folder, *(path_of(folder, path) for path in inner)]
        numbers = {path: number for number, path in enumerate(["", *inner], 1)}
        self._parents = [numbers[file.path.rpartition("/")[0]] for file in manifest.files]
        self._reader = BlockReader(files, manifest, self._path_at, self._open_file)
        self._open = self._reader.open_files
        self._lock = threading.Lock()  # guards the next two
        self._unsynced = _Unsynced(set(), set(), set(range(len(self._folders))))
        self._met = bytearray(len(manifest.files))
        self._watch: int | None = None
        self._direct: Descriptors | None = None

    def prepare(self) -> None:
        """Make what is made at the beginning, and check what exists.

        Raises:
            OSError: The disk refused, or there is something at a path that does not belong there.
        """
        self.is_new = ensure_folder(self._files, self._folder)
        for folder in self._folders[2:]:
            ensure_folder(self._files, folder)
        self._watch = self._files.watch(self._folder)
        if prefers_direct(self._files, self._folder.parent, self._manifest.content_bytes):
            self._direct = Descriptors(self._open_file_direct, self._files.close)
        for index, file in enumerate(self._manifest.files):
            small = 0 < file.length_bytes < self._manifest.block_bytes
            if not small or not (self.is_new or self._files.status(self._path_at(index)) is None):
                with self._open.use(index):
                    pass

    def _open_file_direct(self, index: int) -> int:
        fd = self._files.open_direct(self._path_at(index))
        if fd is None:
            reason = "the file system refuses direct writes that it allowed before"
            raise OSError(errno.EINVAL, reason, str(self._path_at(index)))
        return fd

    def _path_at(self, index: int) -> Path:
        return path_of(self._folder, self._manifest.files[index].path)

    def _open_file(self, index: int) -> int:
        """Open a file; the first time make it if it is missing, and set its length."""
        fd = self._files.open(self._path_at(index), create=True)
        if self._met[index]:
            return fd
        try:
            self._give_length(fd, self._manifest.files[index])
        except BaseException:
            self._files.close(fd)
            raise
        with self._lock:
            self._met[index] = 1
            self._unsynced.fresh.add(index)
            self._unsynced.folders.add(self._parents[index])
        return fd

    def _give_length(self, fd: int, file: File) -> None:
        found_bytes = self._files.size(fd)
        if found_bytes == file.length_bytes:
            return
        if not file.is_empty and not self._manifest.objects[file.object].digests:
            # Its length may be a server's word, which only the last block proves: let it grow.
            if found_bytes > file.length_bytes:
                self._files.truncate(fd, file.length_bytes)
        elif self._is_large(file):
            self._files.allocate(fd, file.length_bytes)
        else:
            self._files.truncate(fd, file.length_bytes)

    def make_ordinary(self) -> None:
        """Make the files what any other program would have made, after all blocks were synced.

        Raises:
            OSError: The disk failed; every byte is as it was.
        """
        if self._files.is_sparse:
            for index, file in enumerate(self._manifest.files):
                if self._is_large(file):
                    with self._open.use(index) as fd:
                        self._files.make_ordinary(fd)

    def stretches(self, extent: FileExtent) -> Iterator[FileExtent]:
        """Split an extent into what may go past the page cache and what may not."""
        return in_pages(extent) if self._is_direct(extent.file) else iter((extent,))

    @contextlib.contextmanager
    def writers_of(self, stretches: Iterable[tuple[FileExtent, memoryview]]) -> Iterator[list[int]]:
        """Open files to write stretches with; the caller reports the write (`wrote`).

        Args:
            stretches: Where bytes go, and the bytes. Whole pages at page boundaries may be written
                past the page cache.
        """
        taken: list[tuple[Descriptors, int]] = []
        fds = []
        try:
            for stretch, data in stretches:
                goes_direct = self._is_direct(stretch.file) and is_paged(stretch, data)
                files = self._direct if self._direct and goes_direct else self._open
                fds.append(files.take(stretch.file))
                taken.append((files, stretch.file))
            yield fds
        finally:
            for files, file in taken:
                files.give_back(file)

    def wrote(self, files: Iterable[int]) -> None:
        """Report that bytes of these files were written: the next `sync` makes them durable.

        Called after the write, because a `sync` in between does not cover it, and before the bytes
        are claimed or the descriptor is given back.
        """
        with self._lock:
            self._unsynced.written.update(files)

    def _is_direct(self, file: int) -> bool:
        """Small files are not: they are made when their bytes arrive; few hold whole pages."""
        return self._direct is not None and self._is_large(self._manifest.files[file])

    def _is_large(self, file: File) -> bool:
        return file.length_bytes >= self._manifest.block_bytes

    def write_at(self, file: int, data: memoryview, offset_bytes: int) -> int:
        """Write to a file of the package, given its number; may write less than all.

        Returns:
            The number of bytes written. They are dirty from then on, until `sync`.
        """
        with self._open.use(file) as fd:
            count = self._files.write_at(fd, data, offset_bytes)
            self.wrote([file])
        return count

    def read(self, blocks: BlockExtent, buffer: memoryview, *, again: bool = False) -> memoryview:
        """Read the bytes of blocks into the front of ``buffer``: `BlockReader.read`."""
        return self._reader.read(blocks, buffer, again=again)

    def has_data(self, block: BlockExtent) -> bool:
        """Whether every extent of a block was ever written to, at least in part."""
        return all(self._extent_has_data(extent) for extent, _ in self._reader.extents(block))

    def _extent_has_data(self, extent: FileExtent) -> bool:
        if not self._met[extent.file]:
            return False
        with self._open.use(extent.file) as fd:
            return self._files.has_data(fd, extent.offset_bytes, extent.length_bytes)

    def sync(self) -> None:
        """Make durable what was written before this call, and the names that lead to it.

        One ``syncfs`` replaces many ``fdatasync``. It is also needed when an unsynced file was
        closed in favor of others: a descriptor that is opened later may not see a write-back
        error, but the one that watches the file system does.

        Raises:
            OSError: What was written since the last `sync` must be considered lost.
        """
        with self._lock:
            unsynced, self._unsynced = self._unsynced, _Unsynced(set(), set(), set())
        files = unsynced.fresh | unsynced.written
        closed = self._open.take_closed()
        at_once = len(files) + len(unsynced.folders) > MAX_OPEN or bool(files & closed)
        watch = self._watch
        if at_once and watch is not None and self._files.sync_filesystem(watch):
            return
        for index in sorted(files):
            with self._open.use(index) as fd:
                sync = self._files.sync if index in unsynced.fresh else self._files.sync_data
                sync(fd)
        for number in sorted(unsynced.folders, reverse=True):  # inner folders first
            self._files.sync_folder(self._folders[number])

    def close(self) -> None:
        """Wait for writes that have begun and close all files. Idempotent."""
        if self._direct:
            self._direct.close()
        self._open.close()
        watch, self._watch = self._watch, None
        if watch is not None:
            self._files.close(watch)


def ensure_folder(files: Files, path: Path) -> bool:
    """Make a folder unless it exists.

    Returns:
        Whether it is new, and therefore empty.

    Raises:
        OwnershipError: The folder belongs to another user, who could alter it.
        OSError: The parent is missing, or there is something at the path that is not a folder.
    """
    status = files.status(path)
    if status is None:
        files.make_folder(path)
    elif not is_folder(status):
        raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    else:
        files.check_owner(path, status)
    return status is None
