"""A lock between processes that the operating system holds.

It ends with its process, however that ends. ``filelock`` was looked at: importing it takes 75 ms,
and where a file system has no locks it falls back to marker files, which outlive their process.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from pathlib import Path

from dlcore.errors import LockedError

_HELD_ELSEWHERE = {errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK}  # depends on the system
POLL_S = 0.05  # a wait is for another process to end, which takes seconds at least


class FileLock:
    """A lock on a path, held from construction to `release`. Usable by any thread.

    Args:
        path: The lock file; made with mode 0600 if it is not there. It stays when the lock ends.
        wait_s: How long to wait while another process holds the lock.

    Raises:
        LockedError: Another process still holds it.
        OSError: The lock file cannot be made.
    """

    def __init__(self, path: Path, wait_s: float) -> None:
        until_s = time.monotonic() + wait_s
        fd = _take(path)
        while fd is None:
            if time.monotonic() >= until_s:
                raise LockedError(
                    f"another process holds the lock: {path}",
                    path=path,
                    remedy="Wait for it to end, then run again.",
                )
            time.sleep(POLL_S)
            fd = _take(path)
        self._fd: int | None = fd

    def release(self) -> None:
        """End the lock. Idempotent."""
        fd, self._fd = self._fd, None
        if fd is not None:
            with contextlib.suppress(OSError):  # nothing was written: the lock has ended anyway
                os.close(fd)

    def __enter__(self) -> FileLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def _take(path: Path) -> int | None:
    """A descriptor that holds the lock; None if another process holds it.

    None also if the holder deleted the file in between, as a fetch does with its state: a lock on
    a deleted file keeps out no process that opens the path anew.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # may be deleted together with it
    fd = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    try:
        if _try_lock(fd) and os.fstat(fd).st_nlink:
            return fd
    except BaseException:
        os.close(fd)
        raise
    os.close(fd)
    return None


def _try_lock(fd: int) -> bool:
    """Lock a file against all other descriptors until this one is closed; False if one has it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _HELD_ELSEWHERE:
            return False
        raise
    return True
