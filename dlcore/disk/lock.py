"""A lock between processes that the operating system holds.

It ends with its process, however that ends. On POSIX a program that was started with the lock's
descriptor holds it as well, until it ends or the lock is released.

``filelock`` was looked at: importing it takes 75 ms, and where a file system has no locks it falls
back to marker files, which outlive their process.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import sys
import time
from pathlib import Path

from dlcore.disk.private_folder import PrivateFolder, make_way, open_file, place_anywhere
from dlcore.errors import LockedError

_HELD_ELSEWHERE = {errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK}  # depends on the system
POLL_S = 0.05  # a wait is for another process to end, which takes seconds at least


class FileLock:
    """A lock on a path, held from construction to `release`. Usable by any thread.

    Args:
        path: The lock file; made with mode 0600 if it is not there. It stays when the lock ends.
        wait_s: How long to wait while another process holds the lock.
        folder: The folder of the lock file, if it must be private: the file is reached by its
            handle. After a wait the folder may be a new one.
        to_look: Whether it is only looked whether the lock is free. Any number may look at once;
            meanwhile nobody gets the lock itself.

    Raises:
        LockedError: Another process still holds it.
        OwnershipError: The lock file belongs to another user, who could hold it for ever; or the
            private folder is refused.
        OSError: The lock file cannot be made, or something else is in its place, such as a link.
    """

    def __init__(
        self,
        path: Path,
        wait_s: float,
        folder: PrivateFolder | None = None,
        *,
        to_look: bool = False,
    ) -> None:
        until_s = time.monotonic() + wait_s
        fd = _take(path, folder, to_look=to_look)
        while fd is None:
            if time.monotonic() >= until_s:
                raise LockedError(
                    f"another process holds the lock: {path}",
                    path=path,
                    remedy="Wait for it to end, then run again.",
                )
            time.sleep(POLL_S)
            fd = _take(path, folder, to_look=to_look)
        self._fd: int | None = fd

    @property
    def descriptor(self) -> int | None:
        """What a program must inherit to hold the lock as well; None once the lock has ended."""
        return self._fd

    def release(self) -> None:
        """End the lock, also for the programs that have inherited it. Idempotent."""
        if self._fd is not None:
            with contextlib.suppress(OSError):
                _unlock(self._fd)
        self.leave()

    def leave(self) -> None:
        """Hold the lock no longer; programs that have inherited it still do. Idempotent."""
        fd, self._fd = self._fd, None
        if fd is not None:
            with contextlib.suppress(OSError):  # nothing was written: the lock has ended anyway
                os.close(fd)

    def __enter__(self) -> FileLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def is_held(path: Path, folder: PrivateFolder) -> bool:
    """Whether some process holds a lock. If nobody does, nobody gets it in this moment.

    Args:
        path: The lock file; if it is not there, nobody holds the lock, and it is not made.
        folder: The private folder that it is in.

    Raises:
        OSError: It cannot be found out.
    """
    try:
        fd = open_file(path, folder.place(path))
    except FileNotFoundError:
        return False
    try:
        return not _try_lock(fd, to_look=True)
    finally:
        os.close(fd)


def _take(path: Path, folder: PrivateFolder | None, *, to_look: bool) -> int | None:
    """A descriptor that holds the lock; None if another process holds it.

    None also if the holder deleted the file in between, as a fetch does with its state: a lock on
    a deleted file does not keep out a process that opens the path again. Its folder may go, too.
    """
    if folder is None:
        fd = open_file(path, place_anywhere(path), create=True)
    else:
        try:
            make_way(path.parent)
            folder.forget()
            fd = open_file(path, folder.place(path), create=True)
        except FileNotFoundError:
            return None
    try:
        if _try_lock(fd, to_look=to_look) and os.fstat(fd).st_nlink:
            return fd
    except BaseException:
        os.close(fd)
        raise
    os.close(fd)
    return None


def _try_lock(fd: int, *, to_look: bool) -> bool:
    """Lock a file against all other descriptors until this one is closed; False if one has it.

    Those who look share the lock, so that none of them takes another one for its holder.
    """
    if sys.platform == "win32":
        return _try_lock_windows(fd, 0 if to_look else _EXCLUSIVE)
    import fcntl

    try:
        fcntl.flock(fd, (fcntl.LOCK_SH if to_look else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _HELD_ELSEWHERE:
            return False
        raise
    return True


def _unlock(fd: int) -> None:
    """End a lock for all who share the descriptor. On Windows no other process can share it.

    Source: man 2 flock; Microsoft Learn, "LockFileEx function": "If a process opens a file and
    locks it, the lock is not inherited by a child".
    """
    if sys.platform != "win32":
        import fcntl

        fcntl.flock(fd, fcntl.LOCK_UN)


if sys.platform == "win32":
    _NOW, _EXCLUSIVE = 1, 2  # LOCKFILE_FAIL_IMMEDIATELY, LOCKFILE_EXCLUSIVE_LOCK
    _VIOLATION, _PENDING = 33, 997  # ERROR_LOCK_VIOLATION, ERROR_IO_PENDING

    class _Overlapped(ctypes.Structure):
        """OVERLAPPED, of which the offset counts here."""

        _fields_ = (
            ("internal", ctypes.c_void_p),
            ("internal_high", ctypes.c_void_p),
            ("offset", ctypes.c_uint32),
            ("offset_high", ctypes.c_uint32),
            ("event", ctypes.c_void_p),
        )

    def _try_lock_windows(fd: int, exclusive: int) -> bool:
        """Lock a byte far behind the end, because a lock on Windows also keeps readers out.

        ``msvcrt.locking`` is not used: the runtime of Wine does not tell a lock that is held from
        other errors.

        Source: learn.microsoft.com/en-us/windows/win32/api/fileapi/nf-fileapi-lockfileex
        """
        import msvcrt

        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        handle = ctypes.c_void_p(msvcrt.get_osfhandle(fd))
        overlapped = _Overlapped(offset_high=0x4000_0000)
        if kernel.LockFileEx(handle, _NOW | exclusive, 0, 1, 0, ctypes.byref(overlapped)):
            return True
        code = ctypes.get_last_error()
        if code in {_VIOLATION, _PENDING}:
            return False
        raise ctypes.WinError(code)
