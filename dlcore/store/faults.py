"""What a disk's ``OSError`` means to the user: the one place where they are translated."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable, Iterator
from pathlib import Path

from dlcore.errors import DiskFullError, StorageError

_FULL = {errno.ENOSPC, errno.EDQUOT}
_REMEDIES = {
    errno.ENOENT: "Check the path; choose another if it cannot be made.",
    errno.EEXIST: "Remove what is in the way and run again.",
    errno.EROFS: "Mount it writable, or choose another state directory.",
    errno.EACCES: "Give this user the right to write there, or choose another state directory.",
    errno.EPERM: "Give this user the right to write there, or choose another state directory.",
    errno.ENAMETOOLONG: "Choose a state directory with a shorter path.",
    errno.EMFILE: "Raise the limit of open files (ulimit -n) or use fewer connections.",
    errno.ENFILE: "Close other programs: the system is out of open files.",
    errno.EFBIG: "Choose a state directory on a file system that holds files this long.",
    errno.EIO: "Check the disk; what cannot be read back is fetched again by the next run.",
    errno.ELOOP: "Remove the symbolic link and run again.",
    errno.ENOTDIR: "Remove what is in the way and run again.",
    errno.EISDIR: "Remove what is in the way and run again.",
}


@contextlib.contextmanager
def translated(
    doing: str, folder: Path, free_bytes: Callable[[], int], needed_bytes: Callable[[], int]
) -> Iterator[None]:
    """Raise `StorageError` or `DiskFullError` in place of any ``OSError``.

    Args:
        doing: What is being done, as in "cannot <doing>".
        folder: Where, if the error does not say.
        free_bytes: Tells the room left; asked only if the disk is full.
        needed_bytes: Tells how much is still to be written; asked only if the disk is full.
    """
    try:
        yield
    except OSError as error:
        path = Path(error.filename) if isinstance(error.filename, str) else folder
        if error.errno in _FULL:
            raise _disk_full(error, doing, path, free_bytes, needed_bytes()) from error
        raise StorageError(
            f"cannot {doing}: {error.strerror or error}: {path}",
            path=path,
            remedy=_REMEDIES.get(error.errno or 0, "What was verified is kept: run again."),
        ) from error


def _disk_full(
    error: OSError, doing: str, path: Path, free_bytes: Callable[[], int], needed: int
) -> DiskFullError:
    try:
        free = f"{free_bytes()} bytes are free"
    except OSError:
        free = "how much is free is unknown"
    return DiskFullError(
        f"cannot {doing}: {error.strerror}: {path}: {needed} bytes are still to come, {free}",
        path=path,
        remedy="What was verified is kept: make room and run again.",
    )
