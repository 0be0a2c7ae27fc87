"""Equal files of finished packages, stored once: one file on disk that has a name in each of them.

Whoever writes into such a file writes into every package that shares it. So a package that is
handed out to be written into gets files of its own first, and shares none from then on. Packages
that are handed out to be read, or not at all, share.

Guarantees: a name always leads to a whole file, whenever the process dies: it is replaced by one
rename. A name outside of the store does not belong to a package, and is never treated as if it did.
"""

from __future__ import annotations

import contextlib
import errno
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from os import stat_result
from pathlib import Path

from dlcore.disk.links import is_file
from dlcore.errors import OwnershipError
from dlcore.store.cache.packages_on_disk import walk
from dlcore.store.files import Files, delete, read_fully, write_document, write_fully
from dlcore.store.tree import ensure_folder

OWN = "own"  # an empty file: the package was handed out to be written into, and shares no file
_COPY_BYTES = 4 << 20  # at a time: few calls, little memory
_NO_LINKS = {errno.EPERM, errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}  # of any file


class Sharing:
    """The names of all files below a state directory that have several.

    Args:
        files: The disk.
        packages: Where finished packages are.
        removed: Where removed folders are until they are deleted.

    Attributes:
        lock: To be held while names are given, taken away or counted.
    """

    def __init__(self, files: Files, packages: Path, removed: Path) -> None:
        self.lock = threading.RLock()
        self._files = files
        self._packages = packages
        self._removed = removed

    def names(self) -> Counter[int]:
        """How many names each shared file has in the store, by inode. The caller holds the lock."""
        found = Counter[int]()
        for folder in (self._packages, self._removed):
            for _, status in walk(self._files, folder):
                if is_shared(status):
                    found[status.st_ino] += 1
        return found

    def owns_its_files(self, folder: Path) -> bool:
        """Whether a package's folder shares no file with others, now and later."""
        return self._files.status(folder / OWN) is not None

    def share(self, pairs: Iterable[tuple[Path, Path]]) -> int:
        """Make names of finished packages lead to files of others, of equal and verified content.

        Args:
            pairs: The file that stays, and the name that is to lead to it.

        Returns:
            The bytes of the files that were given up. Where the system makes no link, or the disk
            fails, a name leads to its own file as before.
        """
        shared_bytes = 0
        link = self._removed / "link"
        for kept, name in pairs:
            with self.lock:
                try:
                    shared_bytes += self._share(kept, name, link)
                except (OSError, OwnershipError) as error:
                    if isinstance(error, OSError) and error.errno in _NO_LINKS:
                        break
                finally:
                    with contextlib.suppress(OSError, OwnershipError):
                        delete(self._files, link)
        return shared_bytes

    def _share(self, kept: Path, name: Path, link: Path) -> int:
        if any(self.owns_its_files(self._package_of(path)) for path in (kept, name)):
            return 0  # it was handed out since the caller looked
        status, other = self._files.status(name), self._files.status(kept)
        if status is None or other is None or status.st_ino == other.st_ino:
            return 0
        delete(self._files, link)  # left by a process that was killed
        self._files.link(kept, link)
        self._files.move(link, name)
        return status.st_size

    def _package_of(self, path: Path) -> Path:
        return self._packages / path.relative_to(self._packages).parts[0]

    def own(self, folder: Path) -> bool:
        """Give a package files of its own, for good: it is handed out to be written into.

        Args:
            folder: The package's folder.

        Returns:
            Whether any of its files was shared.

        Raises:
            OSError: The disk failed, or is full. Every name leads to a whole file, as before.
        """
        if not self.owns_its_files(folder):
            write_document(self._files, folder / OWN, b"")
            self._files.sync_folder(folder)
        return self.separate(folder)

    def separate(self, folder: Path) -> bool:
        """Give a package files of its own; otherwise as `own`, but it may share again."""
        with self.lock:
            shared = [path for path, status in walk(self._files, folder) if is_shared(status)]
            if shared:
                self._separate(shared, self._removed / f"{folder.name}.copies")
        return bool(shared)

    def leave(self, folder: Path) -> None:
        """Take away a package's names of shared files; the files stay with the other packages.

        Raises:
            OSError: The disk failed.
        """
        with self.lock:
            for path, status in walk(self._files, folder):
                if is_shared(status):
                    self._files.remove(path)

    def _separate(self, shared: list[Path], copies: Path) -> None:
        delete(self._files, copies)  # left by a process that was killed
        ensure_folder(self._files, copies)
        try:
            for number, path in enumerate(shared):
                self._copy(path, copies / str(number))
            self._files.sync_folder(copies)
            for number, path in enumerate(shared):
                self._files.move(copies / str(number), path)
            for parent in {path.parent for path in shared}:
                self._files.sync_folder(parent)
        finally:
            with contextlib.suppress(OSError):
                delete(self._files, copies)

    def _copy(self, source: Path, target: Path) -> None:
        """Copy a file, durably. What cannot be read is missing in the copy: its proof finds out."""
        buffer = memoryview(bytearray(_COPY_BYTES))
        with (
            _opened(self._files, self._files.open_to_read(source)) as fd,
            _opened(self._files, self._files.open(target, create=True)) as copy,
        ):
            at = 0
            while count := self._read(fd, buffer, at):
                write_fully(self._files, copy, buffer[:count], at)
                at += count
            self._files.sync(copy)

    def _read(self, fd: int, buffer: memoryview, at: int) -> int:
        try:
            return read_fully(self._files, fd, buffer, at)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return 0


def is_shared(status: stat_result) -> bool:
    """Whether it is a file that has several names."""
    return is_file(status) and status.st_nlink > 1


@contextlib.contextmanager
def _opened(files: Files, fd: int) -> Iterator[int]:
    try:
        yield fd
    finally:
        files.close(fd)
