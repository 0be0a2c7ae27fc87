"""The folders of a site on disk, where files are written and deleted: never reached through a link.

Another user may have put a link in the place of ``objects``, and what it leads to is not the
site's. So each folder is opened from the handle of its parent, and files are looked at, written and
deleted from the handle of their folder. Where the system has no handles (Windows), paths are used
instead, and each folder is looked at first.

Root could delete everything of everyone. So it deletes nothing in a site that another user can
alter.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from dlcore.disk import system
from dlcore.disk.links import is_file, is_folder
from dlcore.disk.ownership import check_no_link, check_private, check_unalterable, followed
from dlcore.disk.private_folder import FOLDER_FLAGS, HAS_HANDLES
from dlcore.errors import StorageError

if sys.platform != "win32":
    from dlcore.disk.modes import ADMINISTRATOR

CONTENT_FOLDERS = ("manifests", "objects", "patches")
TEMPORARY = ".tmp"

_NEW_FILE = (
    os.O_CREAT
    | os.O_EXCL
    | os.O_WRONLY
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
)
_ON_THE_WAY = getattr(os, "O_PATH", 0)  # opens a folder that may be passed, and not be read


class SiteFolder:
    """An open folder of a site.

    Args:
        path: The folder.
        fd: Its descriptor; None where the system has no handles.
    """

    def __init__(self, path: Path, fd: int | None) -> None:
        self._path = path
        self._fd = fd

    def entries(self) -> Iterator[tuple[str, os.stat_result]]:
        """Names in order, and what they are; links are not followed.

        Raises:
            OSError: The disk failed.
        """
        names = os.listdir(self._path if self._fd is None else self._fd)  # noqa: PTH208  # also by fd
        for name in sorted(names):
            with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
                yield name, self._status(name)

    def remove(self, name: str) -> None:
        """Delete a file; nothing happens if it is not there.

        Raises:
            OwnershipError: It is a link. It was not deleted.
            OSError: It is something else than a file, or the disk failed.
        """
        with contextlib.suppress(FileNotFoundError):
            status = self._status(name)
            check_no_link(self._path / name, status)
            if not is_file(status):
                raise OSError(errno.EINVAL, "not a plain file", str(self._path / name))
            system.remove(self._place(name), parent=self._fd)

    def write(self, name: str, content: Iterable[memoryview]) -> None:
        """Write a temporary file beside the final one, sync it, and rename it.

        Raises:
            StorageError: There is a folder in the place of the file. Nothing was written.
            OSError: The disk failed. A temporary file may be left.
        """
        self._refuse_folder(name)
        temporary = f".{name}.{secrets.token_hex(4)}{TEMPORARY}"
        try:
            # `tempfile` would make files that only their owner may read; servers must read these.
            fd = os.open(self._place(temporary), _NEW_FILE, 0o666, dir_fd=self._fd)
            with os.fdopen(fd, "wb", buffering=0) as file:
                for data in content:
                    while data:
                        data = data[file.write(data) :]
                os.fsync(file.fileno())
            system.move(
                self._place(temporary),
                self._place(name),
                source_parent=self._fd,
                target_parent=self._fd,
            )
        except BaseException:
            with contextlib.suppress(OSError):  # a later publisher removes it
                system.remove(self._place(temporary), parent=self._fd)
            raise

    def make_folder(self, name: str) -> None:
        """Make a folder in it; nothing happens if the name is taken, also by a link."""
        with contextlib.suppress(FileExistsError):
            os.mkdir(self._place(name), dir_fd=self._fd)

    def _refuse_folder(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            if is_folder(self._status(name)):
                path = self._path / name
                raise StorageError(
                    f"{path} is a folder, and a file of the site belongs there",
                    path=path,
                    remedy="Look at what is in it, move it away, and run again.",
                )

    def _status(self, name: str) -> os.stat_result:
        return os.stat(self._place(name), dir_fd=self._fd, follow_symlinks=False)

    def _place(self, name: str) -> Path | str:
        return self._path / name if self._fd is None else name


@contextlib.contextmanager
def open_folder(root: Path, name: str = "") -> Iterator[SiteFolder | None]:
    """Open the folder of a site, or a folder in it; None if it is not there.

    Args:
        root: The site. Links that lead to it are followed, unless another user has planted them.
        name: The folder in it; empty for the site itself.

    Raises:
        OwnershipError: The folder is a link, or another user has planted a link that leads to the
            site.
        OSError: It is not a folder, or cannot be opened.
    """
    site = path = followed(root)
    parent: int | None = None
    with contextlib.ExitStack() as opened:
        try:
            if HAS_HANDLES and _ON_THE_WAY:
                parent = _open_way(site, opened)
            for path in (site, site / name) if name else (site,):
                check_no_link(path, _status_of_folder(path, parent))
                if HAS_HANDLES:
                    parent = os.open(_place(path, parent), FOLDER_FLAGS, dir_fd=parent)
                    opened.callback(os.close, parent)
        except FileNotFoundError:
            yield None
            return
        yield SiteFolder(path, parent)


def _open_way(site: Path, opened: contextlib.ExitStack) -> int | None:
    """Open the folder that has a site, by its own name: nothing can lead elsewhere meanwhile."""
    parent: int | None = None
    for name in site.parent.parts if site.name else ():
        flags = FOLDER_FLAGS | _ON_THE_WAY
        parent = os.open(name, flags, dir_fd=parent)
        opened.callback(os.close, parent)
    return parent


def _status_of_folder(path: Path, parent: int | None) -> os.stat_result:
    status = os.stat(_place(path, parent), dir_fd=parent, follow_symlinks=False)
    if not stat.S_ISDIR(status.st_mode) and not stat.S_ISLNK(status.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    return status


def _place(path: Path, parent: int | None) -> Path | str:
    return path if parent is None else path.name


def check_removable(root: Path) -> None:
    """Refuse a site in which what is deleted may not be the site's.

    Raises:
        OwnershipError: A folder of the site is a link; or root is asked to delete where another
            user could alter something. Nothing was changed.
        OSError: The disk failed.
    """
    if _is_root():
        check_unalterable(root.absolute())
        for path in (root.resolve(), *(root.resolve() / name for name in CONTENT_FOLDERS)):
            with contextlib.suppress(FileNotFoundError):
                check_private(path, path.lstat())
    for name in CONTENT_FOLDERS:
        with open_folder(root, name):
            pass


if sys.platform == "win32":

    def _is_root() -> bool:
        """Windows has no such user: a site lies on a share, among files of several accounts."""
        return False

else:

    def _is_root() -> bool:
        """Whether this user may delete everything of everyone."""
        return os.geteuid() == ADMINISTRATOR
