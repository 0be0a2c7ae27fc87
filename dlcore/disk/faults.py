"""What a disk's ``OSError`` means to the user: the only place where it is translated."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from dlcore.disk import system
from dlcore.disk.windows_errors import INVALID_NAME, SHARING_VIOLATION
from dlcore.errors import DiskFullError, StorageError
from dlcore.long_path import shown
from dlcore.plain_files import NotPlainError

_RUN_AGAIN = "What was verified is kept: run again."
_MAKE_ROOM = "What was verified is kept: make room and run again."
_NOT_PLAIN = "Name a file, or remove what is in its place."
_FULL = {errno.ENOSPC, errno.EDQUOT}
_REMEDIES = {
    errno.ENOENT: "Check the path; choose another one if it cannot be created.",
    errno.EEXIST: "Choose another path, or remove what is there and run again.",
    errno.EROFS: "Mount it writable, or choose another folder.",
    errno.EACCES: "Give this user the right to write there, or choose another folder.",
    errno.EPERM: "Let this user change it and its folder: another user may own them, or they are"
    " immutable (lsattr shows that, chattr -i takes it away). Or choose another folder.",
    errno.ENAMETOOLONG: "Choose a folder with a shorter path.",
    errno.EMFILE: "Use fewer connections; Linux can also raise its limit (ulimit -n).",
    errno.ENFILE: "Close other programs: the system has run out of open files.",
    errno.EFBIG: "Choose a folder on a file system that allows files of this length.",
    errno.EIO: "Check the disk. The next run fetches again what it cannot read back.",
    errno.ELOOP: "Remove the symbolic link and run again.",
    errno.ENOTDIR: "Check the path: a file is where a folder should be.",
    errno.EISDIR: "Check the path: a folder is where a file should be.",
}
_REMEDIES_OF_WINDOWS = {
    SHARING_VIOLATION: "Close the program that has it open, and run again. "
    "What was verified is kept.",
    INVALID_NAME: 'Correct the path: a name on Windows contains none of < > : " | ? *.',
}


@contextlib.contextmanager
def translated(
    doing: str, folder: Path, free_bytes: Callable[[], int], needed_bytes: Callable[[], int]
) -> Iterator[None]:
    """Raise `StorageError` or `DiskFullError` in place of any ``OSError``.

    Args:
        doing: What is being done, as in "cannot <doing>".
        folder: Where, if the error does not say.
        free_bytes: Returns the free space of the disk; called only if the disk is full.
        needed_bytes: Returns how much is still to be written; called only if the disk is full.
    """
    try:
        yield
    except OSError as error:
        path = Path(error.filename) if isinstance(error.filename, str) else folder
        space = _space(free_bytes, needed_bytes()) if error.errno in _FULL else ""
        raise storage_error(error, doing, path, space=space) from error


def guarded(doing: str, folder: Path, needed_bytes: int = 0) -> AbstractContextManager[None]:
    """As `translated`, with the free space that the system reports for the folder.

    Args:
        doing: What is being done, as in "cannot <doing>".
        folder: Where.
        needed_bytes: How much is to be written.
    """
    return translated(doing, folder, lambda: system.free_bytes(folder), lambda: needed_bytes)


def storage_error(
    error: OSError, doing: str, path: Path, *, space: str = "", remedy: str = ""
) -> StorageError:
    """The error that a user sees in place of an ``OSError``.

    Args:
        error: What the system said.
        doing: What was being done, as in "cannot <doing>".
        path: Where.
        space: What to add if the disk is full.
        remedy: What to do; if empty, it depends on the error.
    """
    where = shown(path)
    if isinstance(error.filename2, str):
        where = f"{where} to {shown(Path(error.filename2))}"
    message = f"cannot {doing}: {error.strerror or error}: {where}"
    if error.errno in _FULL:
        return DiskFullError(message + space, path=path, remedy=remedy or _MAKE_ROOM)
    return StorageError(message, path=path, remedy=remedy or _remedy(error))


def _remedy(error: OSError) -> str:
    if isinstance(error, NotPlainError):
        return _NOT_PLAIN
    windows = _REMEDIES_OF_WINDOWS.get(getattr(error, "winerror", None) or 0)
    return windows or _REMEDIES.get(error.errno or 0, _RUN_AGAIN)


def _space(free_bytes: Callable[[], int], needed_bytes: int) -> str:
    try:
        free = f"{free_bytes()} bytes are free"
    except OSError:
        free = "the free space is unknown"
    return f": {needed_bytes} bytes are still to come, {free}"
