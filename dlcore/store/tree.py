"""The files of one package on disk: made, opened, read, written and synced by block.

Guarantees: nothing outside the given folder is touched: paths are joined from checked parts, and
neither a folder nor a file on the way may be a link. Assumes that nobody else changes the folder
(the state directory is private, mode 0700). Thread-safe, except `prepare`.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Iterable
from pathlib import Path

from dlcore.errors import ManifestError
from dlcore.model import BlockRange, Extent, Manifest
from dlcore.store.descriptors import MOST_OPEN
from dlcore.store.files import Files, write_fully
from dlcore.store.reading import BlockReader


def path_of(folder: Path, path: str) -> Path:
    """Join a manifest's path to ``folder``.

    Raises:
        ManifestError: The path leads elsewhere. The manifest reader refuses it before; this is
            the second lock on the same door.
    """
    parts = path.split("/")
    if any(p in ("", ".", "..") or "\\" in p or ":" in p or "\0" in p for p in parts):
        raise ManifestError(f"a path leads out of the package: {path!r}")
    return folder.joinpath(*parts)


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


class Tree:
    """A package's ``content`` folder.

    Args:
        files: The disk.
        folder: The content folder; its parent exists.
        manifest: What belongs into it.
    """

    def __init__(self, files: Files, folder: Path, manifest: Manifest) -> None:
        self._files = files
        self._folder = folder
        self._manifest = manifest
        self._paths = [path_of(folder, file.path) for file in manifest.files]
        self._folders = [folder, *(path_of(folder, path) for path in folders_of(manifest))]
        self._reader = BlockReader(files, manifest, self._paths, files.open)
        self._open = self._reader.open_files
        self._dirty: set[int] = set()
        self._dirty_lock = threading.Lock()
        self._all_synced = False
        self._watch = -1

    def prepare(self) -> None:
        """Make every folder and file, empty ones too, each file with its length.

        Raises:
            OSError: The disk refused, or something else is in the way.
        """
        for folder in self._folders:
            ensure_folder(self._files, folder)
        self._watch = self._files.watch(self._folder)
        for path, file in zip(self._paths, self._manifest.files, strict=True):
            fd = self._files.open(path, create=True)
            try:
                self._give_length(fd, file.length_bytes)
            finally:
                self._files.close(fd)

    def _give_length(self, fd: int, length_bytes: int) -> None:
        if self._files.size(fd) == length_bytes:
            return
        if length_bytes < self._manifest.block_bytes:
            self._files.truncate(fd, length_bytes)
        else:
            self._files.allocate(fd, length_bytes)

    def write(self, blocks: BlockRange, data: memoryview) -> None:
        """Write a range's bytes to its files. They are dirty from then on, until `sync`."""
        touched = []
        for extent, at in self._reader.extents(blocks):
            with self._open.use(extent.file) as fd:
                write_fully(
                    self._files, fd, data[at : at + extent.length_bytes], extent.offset_bytes
                )
            touched.append(extent.file)
        self._mark_dirty(touched)

    def read(self, blocks: BlockRange, buffer: memoryview, *, again: bool = False) -> memoryview:
        """Read a range's bytes into the front of ``buffer``: `BlockReader.read`."""
        return self._reader.read(blocks, buffer, again=again)

    def has_data(self, block: BlockRange) -> bool:
        """Whether every extent of a block was ever written to, at least in part."""
        return all(self._extent_has_data(extent) for extent, _ in self._reader.extents(block))

    def _extent_has_data(self, extent: Extent) -> bool:
        with self._open.use(extent.file) as fd:
            return self._files.has_data(fd, extent.offset_bytes, extent.length_bytes)

    def touch(self, blocks: BlockRange) -> None:
        """Have the next `sync` cover a range that an earlier process wrote."""
        self._mark_dirty(extent.file for extent, _ in self._reader.extents(blocks))

    def sync(self) -> None:
        """Make durable what was written before this call; the first time, the whole tree.

        One ``syncfs`` takes the place of many ``fdatasync``. It is also needed when a dirty file
        was closed to make room for others: a write-back error may not reach a descriptor opened
        later, but reaches the one that watches the file system.

        Raises:
            OSError: What was written since the last `sync` must be taken for lost.
        """
        with self._dirty_lock:
            dirty, self._dirty = self._dirty, set()
        closed = self._open.take_closed()
        targets = dirty if self._all_synced else set(range(len(self._paths)))
        many = len(targets) > MOST_OPEN or (not self._all_synced and len(self._folders) > MOST_OPEN)
        if not ((many or dirty & closed) and self._files.sync_filesystem(self._watch)):
            self._sync_each(targets)
        self._all_synced = True

    def _sync_each(self, targets: set[int]) -> None:
        sync_file = self._files.sync_data if self._all_synced else self._files.sync
        for file in sorted(targets):
            with self._open.use(file) as fd:
                sync_file(fd)
        if not self._all_synced:
            for folder in reversed([self._folder.parent, *self._folders]):
                self._files.sync_folder(folder)

    def close(self) -> None:
        """Wait for what is being written and close all files. Idempotent."""
        self._open.close()
        self._files.close(self._watch)
        self._watch = -1

    def _mark_dirty(self, touched: Iterable[int]) -> None:
        with self._dirty_lock:
            self._dirty.update(touched)


def ensure_folder(files: Files, path: Path) -> None:
    """Make a folder unless it is there.

    Raises:
        OSError: The parent is missing, or something else than a folder is in the way.
    """
    status = files.status(path)
    if status is None:
        files.make_folder(path)
    elif not stat.S_ISDIR(status.st_mode):
        raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
