"""A folder that belongs to this user: what lies below is reached by handles, never through a link.

The folder is opened once, and each folder below it from the handle of its parent. So nothing that
happens to a path in the meantime can lead elsewhere. Files are opened only if they are plain files
of this user with one name. Modes are 0700 and 0600 whatever the umask is. On Windows access lists
admit nobody else, whatever the folder above passes on.

Where the system cannot open a name relative to a folder (Windows), paths are used instead, and
each folder on the way is checked first.

Source: man 2 openat; "Portably Solving File TOCTTOU Races", Tsafrir et al., FAST 2008.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import threading
from collections.abc import Callable
from itertools import takewhile
from pathlib import Path
from types import TracebackType

from dlcore.disk import held_files, system
from dlcore.disk.links import is_link, refuse_link
from dlcore.disk.ownership import check_owner, check_private, check_way, is_open_to_others
from dlcore.errors import InternalError

if sys.platform == "win32":
    from dlcore.disk import windows_security

PRIVATE_FOLDER_MODE = 0o700
PRIVATE_FILE_MODE = 0o600
MAX_FOLDERS = 64  # below a private one, open at once: as many as files of a package
HAS_HANDLES = os.open in os.supports_dir_fd and hasattr(os, "O_DIRECTORY")

_CLOEXEC = getattr(os, "O_CLOEXEC", 0)  # Windows: Python makes handles that are not inherited
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_BINARY = getattr(os, "O_BINARY", 0)
_WRITING = os.O_WRONLY | os.O_RDWR
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)  # for a pipe in the place of a file
FILE_FLAGS = _NO_FOLLOW | _CLOEXEC | _BINARY | _NO_WAIT
FOLDER_FLAGS = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _NO_FOLLOW | _CLOEXEC


class _Folder:
    """A folder that was checked, and is open where the system has handles (else ``fd`` is None).

    It is closed when nothing refers to it any more, so never while a `Place` in it is in use.
    """

    __slots__ = ("fd",)

    def __init__(self, fd: int | None) -> None:
        self.fd = fd

    def __del__(self, close: Callable[[int], None] = os.close) -> None:
        if self.fd is not None:
            close(self.fd)


class Place:
    """Where something is: inside its ``with``, the arguments of calls such as ``os.open``.

    Yields the name, and the descriptor of the folder that it is relative to (None: to nothing).
    An ``OSError`` about the name is given the whole path.
    """

    __slots__ = ("_folder", "_name", "_path")

    def __init__(self, path: str, name: str, folder: _Folder) -> None:
        self._path = path
        self._name = path if folder.fd is None else name
        self._folder = folder

    def __enter__(self) -> tuple[str, int | None]:
        return self._name, self._folder.fd

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, OSError) and error.filename == self._name:
            error.filename = self._path


_ANYWHERE = _Folder(None)


def place_anywhere(path: Path) -> Place:
    """The place of a path that is used as it is, without a handle."""
    return Place(str(path), "", _ANYWHERE)


class PrivateFolder:
    """A folder of this user. It is opened when it is first needed. Thread-safe.

    Args:
        path: The folder, absolute.
        has_handles: Whether names can be opened relative to a folder.
    """

    def __init__(self, path: Path, *, has_handles: bool = HAS_HANDLES) -> None:
        self._path = path
        self._root = str(path)
        self._has_handles = has_handles
        self._folders: dict[str, _Folder] = {}  # by path, oldest first
        self._lock = threading.Lock()  # guards changes of _folders

    def place(self, path: Path) -> Place:
        """Where a path below the folder, or the folder itself, is.

        Raises:
            OwnershipError: The folder, or one on the way, is a link or can be altered by others.
            OSError: A folder on the way is missing or cannot be opened.
            InternalError: The path does not lie below the folder.
        """
        text = str(path)
        parent, _, name = text.rpartition(os.sep)
        if (folder := self._folders.get(parent)) and name != os.pardir:
            return Place(text, name, folder)
        if text == self._root:
            return Place(text, os.curdir, self._open(self._root))
        if not text.startswith(self._root + os.sep) or os.pardir in path.parts:
            raise InternalError(f"{path} is not below {self._root}")
        return Place(text, name, self._open(parent))

    def forget(self) -> None:
        """Close all folders; they are opened again when needed."""
        with self._lock:
            self._folders.clear()

    def forget_below(self) -> None:
        """Close the folders below; they are opened again when needed. The folder itself stays.

        Called after one of them was moved or deleted: a handle goes with it.
        """
        with self._lock:
            for path in self._folders.keys() - {self._root}:
                del self._folders[path]

    def _open(self, path: str) -> _Folder:
        """Open the folder or one below it, and those on the way that are not open yet."""
        missing = list[str]()
        while (folder := self._folders.get(path)) is None and path != self._root:
            path, _, name = path.rpartition(os.sep)
            missing.append(name)
        folder = folder or self._open_root()
        while missing:
            name = missing.pop()
            path = f"{path}{os.sep}{name}"
            folder, status = self._open_folder(path, Place(path, name, folder))
            check_owner(path, status)
            self._keep(path, folder)
        return folder

    def _open_root(self) -> _Folder:
        check_way(self._path)
        folder, status = self._open_folder(self._root, place_anywhere(self._path))
        check_private(self._path, status)
        self._keep(self._root, folder)
        return folder

    def _open_folder(self, path: str, place: Place) -> tuple[_Folder, os.stat_result]:
        with place as (name, parent):
            if self._has_handles:
                fd = os.open(name, FOLDER_FLAGS, dir_fd=parent)
                folder = _Folder(fd)
                return folder, os.fstat(fd)
            status = os.lstat(name)
        if not is_link(status) and not stat.S_ISDIR(status.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
        return _Folder(None), status  # the caller sees a link by its status, and refuses it

    def _keep(self, path: str, folder: _Folder) -> None:
        with self._lock:
            if len(self._folders) > MAX_FOLDERS:
                del self._folders[next(each for each in self._folders if each != self._root)]
            self._folders[path] = folder


def open_file(path: Path, place: Place, flags: int = os.O_RDWR, *, create: bool = False) -> int:
    """Open a plain file of this user that has one name.

    Of a file that is to be written, Windows' mark "read-only" is taken off.

    Args:
        path: For messages.
        place: Where it is.
        flags: How to open it; links are never followed.
        create: Make it if it is not there, and make it private in any case.

    Raises:
        OwnershipError: It belongs to another user.
        OSError: It cannot be opened, or it is something else: ``EEXIST``.
    """
    open_here = _open_or_make if create else _open
    with place as (name, folder):
        refuse_link(path)
        try:
            fd = open_here(name, flags, folder)
        except PermissionError:
            if not flags & _WRITING or not held_files.take_mark(path):
                raise
            fd = open_here(name, flags, folder)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
            raise OSError(errno.EEXIST, "not a plain file with one name", str(path))
        check_owner(path, status, fd)
        if create:
            _make_private(path, fd, status)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _open(name: str, flags: int, folder: int | None) -> int:
    return os.open(name, flags | FILE_FLAGS, dir_fd=folder)


def _open_or_make(name: str, flags: int, folder: int | None) -> int:
    if sys.platform == "win32":
        return windows_security.open_private(name, flags)
    return os.open(name, flags | FILE_FLAGS | os.O_CREAT, PRIVATE_FILE_MODE, dir_fd=folder)


def _make_private(path: Path, fd: int, status: os.stat_result) -> None:
    """Make an open file private: it may have been there, or the umask may forbid its owner too."""
    if sys.platform == "win32":
        if is_open_to_others(path, fd):
            windows_security.close_to_others(path)
    elif stat.S_IMODE(status.st_mode) != PRIVATE_FILE_MODE:
        os.fchmod(fd, PRIVATE_FILE_MODE)


def make_folder(place: Place) -> None:
    """Make a private folder; its parent exists.

    Raises:
        OSError: The disk refused, or there is something already.
    """
    with place as (name, folder):
        if sys.platform == "win32":
            windows_security.make_private_folder(name)
            return
        os.mkdir(name, PRIVATE_FOLDER_MODE, dir_fd=folder)
        os.chmod(name, PRIVATE_FOLDER_MODE, dir_fd=folder)  # the umask may forbid this user too


def make_way(path: Path) -> None:
    """Make a private folder and its parents, as far as they are missing. Durable.

    Raises:
        OwnershipError: Another user could alter the folder or exchange it. Nothing was made.
        OSError: The disk refused.
    """
    check_way(path)
    make_missing(path)


def make_missing(path: Path) -> None:
    """What `make_way` does, wherever that is: another user may be able to exchange the folder.

    Raises:
        OSError: The disk refused.
    """
    missing = [*takewhile(lambda each: not each.exists(), (path, *path.parents))]
    for each in reversed(missing):
        with contextlib.suppress(FileExistsError):  # another process was faster
            make_folder(place_anywhere(each))
        with contextlib.suppress(PermissionError):  # this user may write there but not read
            system.sync_folder(each.parent)
