"""Where patches, and the files that are made with them, wait until their blocks are taken over.

Layout, below ``patches/`` of the state directory: a store of its own (``packages``, ``partial``,
``removed``) that holds patches as if they were packages, and ``made/``, the files. The latter is
emptied when it is opened. Nothing in it is believed: the blocks of what was made are compared with
the manifest when they are taken over, as those that come over a network.

Guarantees: a patch that was fetched is not fetched again until it was applied, even if other
patches of the package are wanted meanwhile. What is in use for one version of a package stays,
whatever is forgotten for another: an agent may fill several versions at the same time.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dlcore.disk.faults import translated
from dlcore.errors import OwnershipError
from dlcore.model import Manifest
from dlcore.store.files import Files, delete, write_fully
from dlcore.store.finished import finished_versions
from dlcore.store.package import Package
from dlcore.store.partial import CONTENT
from dlcore.store.seeding import seed
from dlcore.store.tree import ensure_folder

if TYPE_CHECKING:
    from dlcore.store.store import Store

PATCHES = "patches"  # its folder in the state directory
_log = logging.getLogger(__name__)


class PatchesInUse:
    """The patches of one state directory that are being fetched or applied. Thread-safe."""

    def __init__(self) -> None:
        self._uses = Counter[str]()
        self._lock = threading.Lock()

    @contextmanager
    def using(self, manifest: Manifest, document: bytes) -> Iterator[None]:
        """Have patches stay while the body runs.

        Args:
            manifest: The patches.
            document: The manifest's bytes.
        """
        key = Package(manifest, document).key
        with self._lock:
            self._uses[key] += 1
        try:
            yield
        finally:
            with self._lock:
                self._uses[key] -= 1
                if not self._uses[key]:
                    del self._uses[key]

    def delete_unused(self, files: Files, folder: Path) -> None:
        """Delete the folder of patches that are not in use; nobody begins to use them meanwhile.

        Raises:
            OSError: The disk failed.
        """
        with self._lock:
            if not self._uses[folder.name]:
                delete(files, folder)


class PatchSpace:
    """The folder of one state directory. Made by `Store.patch_space`.

    Threads: calls for different packages, and for different versions of one, may overlap.

    Args:
        files: The disk.
        folder: The folder.
        store: The store in it.
        in_use: Says which patches stay.

    Attributes:
        store: Holds patches, as packages of their own.
        using: `PatchesInUse.using`.
    """

    def __init__(self, files: Files, folder: Path, store: Store, in_use: PatchesInUse) -> None:
        self.store = store
        self.using = in_use.using
        self._files = files
        self._folder = folder
        self._made = folder / "made"
        self._in_use = in_use

    def prepare(self) -> None:
        """Make the folders, and delete what an earlier process had made.

        Raises:
            OSError: The disk failed.
        """
        ensure_folder(self._files, self._folder)
        self.store.prepare()
        delete(self._files, self._made)
        ensure_folder(self._files, self._made)

    def take_over(self, manifest: Manifest, document: bytes) -> None:
        """Keep what was fetched earlier of a package's patches, if others are wanted now.

        Args:
            manifest: The patches that are wanted now, not finished.
            document: The manifest's bytes.

        Raises:
            StorageError: The disk failed.
        """
        earlier = self._earlier(manifest.package_id)
        partial = self.store.begin(manifest, document)
        try:
            for folder in earlier:
                if folder != partial.folder:
                    seed(partial, folder / CONTENT)
            partial.sync()
        finally:
            partial.close()
        for folder in earlier:
            if folder != partial.folder:
                self._delete_unused(folder)

    def write(self, key: str, file: int, data: bytes) -> Path:
        """Write a file that was made.

        Args:
            key: Key of the package that it is of.
            file: Number of the file in the package's manifest.
            data: Its bytes.

        Raises:
            StorageError: The disk failed, or is full.
        """
        folder = self._made / key
        path = folder / str(file)
        with translated("write a patched file", path, lambda: self.free_bytes, lambda: len(data)):
            ensure_folder(self._files, folder)
            fd = self._files.open(path, create=True)
            try:
                self._files.truncate(fd, 0)
                write_fully(self._files, fd, memoryview(data), 0)
            finally:
                self._files.close(fd)
        return path

    @property
    def free_bytes(self) -> int:
        """Free space on its disk."""
        return self._files.free_bytes(self._folder)

    @property
    def disk_bytes(self) -> int:
        """Size of that disk."""
        return self._files.disk_bytes(self._folder)

    def forget_made(self, key: str) -> None:
        """Delete the files that were made of the package with this key: they were taken over."""
        folder = self._made / key
        with translated("delete", folder, lambda: self.free_bytes, lambda: 0):
            delete(self._files, folder)

    def forget_patches(self, package_id: str) -> None:
        """Delete the patches of a package that are not in use: nothing is to be made with them."""
        for folder in self._earlier(package_id):
            self._delete_unused(folder)

    def _earlier(self, package_id: str) -> list[Path]:
        return _patches_of(self._files, self._folder, package_id)

    def _delete_unused(self, folder: Path) -> None:
        with translated("delete", folder, lambda: self.free_bytes, lambda: 0):
            self._in_use.delete_unused(self._files, folder)


def forget_left_patches(files: Files, folder: Path, package_id: str, in_use: PatchesInUse) -> None:
    """Delete the patches of a package that was finished without them; they only take space.

    Args:
        files: The disk.
        folder: Of the patch space, which need not exist.
        package_id: The package.
        in_use: Says which patches stay: those of another version of it.
    """
    try:
        if files.status(folder) is not None:
            for path in _patches_of(files, folder, package_id):
                in_use.delete_unused(files, path)
    except (OSError, OwnershipError) as error:
        _log.warning("patches of package %s are left: %s", package_id, error)


def _patches_of(files: Files, folder: Path, package_id: str) -> list[Path]:
    return [
        parent / key
        for parent in (folder / "packages", folder / "partial")
        for key in finished_versions(files, parent, package_id)
    ]
