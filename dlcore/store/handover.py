"""The last look at finished content before it gets its final name: names, kinds, lengths, rights.

The store makes files for its owner alone. Before a package leaves the state directory, each of its
files gets the rights of any new file, by a handle that was opened without following a link, and all
of it is synced: no right changes after that. On Windows there is nothing to sync: NTFS keeps the
order of such changes and of the rename behind them.
"""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

from dlcore.disk import system
from dlcore.disk.links import is_folder
from dlcore.disk.rights import Rights
from dlcore.errors import UnexpectedContentError
from dlcore.model import Manifest
from dlcore.store.inventory import is_plain
from dlcore.store.tree import folders_of

if sys.platform == "win32":
    from dlcore.disk.windows_security import give_access_list

MAX_SYNCED_ALONE = 64  # files; more are synced by one call where the system has it

_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


def hand_over(content: Path, manifest: Manifest, rights: Rights) -> None:
    """Give finished content its rights and sync it.

    Args:
        content: The content folder, whose bytes were verified.
        manifest: What it holds.
        rights: What to set.

    Raises:
        UnexpectedContentError: Something in the folder is not the package's, or not of its kind or
            length; the message names it. Somebody changed the state directory.
        OSError: The disk refused.
    """
    expected = _Expected(manifest)
    if sys.platform == "win32":
        _hand_over_by_paths(content, expected, rights)
    else:
        _hand_over_by_handles(content, expected, rights)
    expected.check_complete()


class _Expected:
    """What a manifest says of names, kinds and lengths; remembers what it has not met."""

    def __init__(self, manifest: Manifest) -> None:
        self._package_id = manifest.package_id
        self._lengths = {file.path: file.length_bytes for file in manifest.files}
        self._folders = set(folders_of(manifest))
        self.count = len(self._lengths) + len(self._folders)

    def check(self, folder: str, name: str, status: os.stat_result) -> None:
        """Check one entry of a folder, which is given by its path in the package or ``.``."""
        path = name if folder == "." else f"{folder}/{name}"
        if is_folder(status) and path in self._folders:
            self._folders.discard(path)
            return
        if not is_plain(status) or self._lengths.pop(path, None) != status.st_size:
            raise self._altered(path)

    def check_complete(self) -> None:
        """Check that everything was met."""
        missing = next(iter((*self._lengths, *self._folders)), None)
        if missing is not None:
            raise self._altered(missing)

    def _altered(self, path: str) -> UnexpectedContentError:
        return UnexpectedContentError(
            f"package {self._package_id} was altered before it was delivered: {path}",
            path=path,
            remedy="Something else writes to the state directory. Remove what it put there, and"
            " run again.",
        )


if sys.platform == "win32":

    def _hand_over_by_paths(content: Path, expected: _Expected, rights: Rights) -> None:
        for folder, folders, files in os.walk(content, onerror=system.stop_walk):
            inside = Path(folder).relative_to(content).as_posix()
            for names, right in ((folders, rights.folders), (files, rights.files)):
                for name in names:
                    path = Path(folder, name)
                    expected.check(inside, name, os.lstat(path))
                    give_access_list(path, right)
        give_access_list(content, rights.root)

else:

    def _hand_over_by_handles(content: Path, expected: _Expected, rights: Rights) -> None:
        at_once = sys.platform == "linux" and expected.count > MAX_SYNCED_ALONE
        sync = _leave if at_once else system.sync
        for folder, folders, files, handle in os.fwalk(
            content, topdown=False, onerror=system.stop_walk
        ):
            inside = os.path.relpath(folder, content)
            for name in folders:
                expected.check(inside, name, os.stat(name, dir_fd=handle, follow_symlinks=False))
            for name in files:
                fd = _open(name, handle)
                try:  # no context manager: for 100,000 files it takes a fifth of the time
                    expected.check(inside, name, os.fstat(fd))
                    os.fchmod(fd, rights.files)
                    sync(fd)
                finally:
                    os.close(fd)
            os.fchmod(handle, rights.root if inside == "." else rights.folders)
            sync(handle)
            if at_once and inside == ".":
                system.sync_filesystem(handle)

    def _leave(_: int) -> None:
        """Do not sync a file by itself."""

    def _open(name: str, folder: int) -> int:
        """Open a file of an open folder. A link is opened itself, a pipe without waiting."""
        try:
            return os.open(name, os.O_RDONLY | _NO_FOLLOW | os.O_NONBLOCK, dir_fd=folder)
        except OSError as error:
            if error.errno != errno.ELOOP or not hasattr(os, "O_PATH"):
                raise
            return os.open(name, os.O_PATH | _NO_FOLLOW, dir_fd=folder)
