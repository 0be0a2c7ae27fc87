"""What differs between operating systems, each behind one function.

Linux is the reference. On macOS ``fsync`` does not reach the medium; ``F_FULLFSYNC`` does. Windows
has no positioned reads and writes in Python and no folder sync, and it refuses a rename while a
virus scanner holds the file, which can take seconds. Errors pass through as ``OSError``.

Source: man 2 fsync, syncfs, lseek, fallocate (Linux); man 2 fcntl (macOS); MoveFileExW.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

MAX_RENAME_WAIT_S = 60.0  # as graceful-fs and VS Code; 1 s was observed to be too short
NOT_SUPPORTED = {errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
PositionedWrite = Callable[[int, memoryview, int], int]
PositionedRead = Callable[[int, list[memoryview], int], int]
POSITIONED_WRITE: PositionedWrite | None = getattr(os, "pwrite", None)
POSITIONED_READ: PositionedRead | None = getattr(os, "preadv", None)
_seek_lock = threading.Lock()  # makes a seek and the read or write behind it one operation


@functools.cache
def _libc() -> Any:  # ctypes has no types for what a library holds
    import ctypes

    return ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: Any) -> None:
    import ctypes

    if getattr(_libc(), name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def write_at(
    fd: int,
    data: memoryview,
    offset: int,
    *,
    positioned: PositionedWrite | None = POSITIONED_WRITE,
) -> int:
    """Write at an offset; may write less than all. Returns the number of bytes written.

    Args:
        fd: The open file.
        data: The bytes.
        offset: Where they go, in bytes.
        positioned: The system's call; None where it has none, and the file's position is moved.
    """
    if positioned is not None:
        return positioned(fd, data, offset)
    with _seek_lock:
        os.lseek(fd, offset, os.SEEK_SET)
        return os.write(fd, data)


def read_at(
    fd: int, view: memoryview, offset: int, *, positioned: PositionedRead | None = POSITIONED_READ
) -> int:
    """Read at an offset into ``view``; may read less. Returns the bytes read, 0 at the end.

    Args:
        fd: The open file.
        view: Is filled from its beginning.
        offset: Where in the file to begin, in bytes.
        positioned: As in `write_at`.
    """
    if positioned is not None:
        return positioned(fd, [view], offset)
    with _seek_lock:
        os.lseek(fd, offset, os.SEEK_SET)
        data = os.read(fd, len(view))
    view[: len(data)] = data
    return len(data)


def _sync_all(fd: int) -> None:
    if sys.platform == "darwin":
        import fcntl

        fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
    else:
        os.fsync(fd)


def _sync_data(fd: int) -> None:
    if sys.platform != "darwin" and hasattr(os, "fdatasync"):
        os.fdatasync(fd)
    else:
        _sync_all(fd)


def sync(
    fd: int,
    *,
    data_only: bool = False,
    sync_data: Callable[[int], None] = _sync_data,
    sync_all: Callable[[int], None] = _sync_all,
) -> None:
    """Make a file durable.

    Args:
        fd: The open file.
        data_only: Leave out the metadata that reading the file does not need.
        sync_data: The system's call for that.
        sync_all: The system's call for everything.
    """
    (sync_data if data_only else sync_all)(fd)


def sync_filesystem(fd: int) -> bool:
    """Make the whole file system of ``fd`` durable by one call.

    Since Linux 5.8 it reports the write-back errors since ``fd`` was opened.

    Returns:
        False where there is no such call.
    """
    if sys.platform != "linux":
        return False
    _call("syncfs", fd)
    return True


def sync_folder(path: Path | str, *, parent: int | None = None) -> None:
    """Make a folder's entries durable. Windows has no such call; NTFS journals them itself.

    Args:
        path: The folder.
        parent: Descriptor of the folder that ``path`` is relative to; None for the current one.
    """
    if sys.platform == "win32":
        return
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=parent)
    try:
        sync(fd)
    finally:
        os.close(fd)


def make_folders(path: Path) -> None:
    """Make a folder and its parents, as far as they are missing. Durable.

    Their rights are those that the umask leaves. `private_folder.make_way` makes private ones.
    """
    missing = [each for each in (path, *path.parents) if not each.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for each in reversed(missing):
        with contextlib.suppress(PermissionError):  # this user may write there but not read
            sync_folder(each.parent)


def stop_walk(error: OSError) -> None:
    """Pass as ``onerror`` to ``os.walk``: else a folder that cannot be read counts as empty."""
    raise error


def allocate(fd: int, length_bytes: int) -> None:
    """Give a file its length and, where the file system supports it, the disk space for it.

    ``os.posix_fallocate`` is not used: where the file system has no support, the C library writes a
    byte into every page instead.
    """
    if sys.platform == "linux":
        import ctypes

        try:
            _call("fallocate64", fd, 0, ctypes.c_int64(0), ctypes.c_int64(length_bytes))
        except OSError as error:
            if error.errno not in NOT_SUPPORTED:
                raise
        except AttributeError:  # musl has only 64-bit offsets and a single name
            _call("fallocate", fd, 0, ctypes.c_int64(0), ctypes.c_int64(length_bytes))
    os.ftruncate(fd, length_bytes)


def has_data(fd: int, offset: int, length_bytes: int) -> bool:
    """Whether anything was ever written there; True where the system cannot tell."""
    if sys.platform != "linux":
        return True
    try:
        return os.lseek(fd, offset, os.SEEK_DATA) < offset + length_bytes
    except OSError as error:
        if error.errno == errno.ENXIO:
            return False
        if error.errno in NOT_SUPPORTED:
            return True
        raise


def allocated_bytes(path: Path) -> int:
    """Disk space of a file; its length where the system does not tell; 0 if it does not exist."""
    try:
        status = path.stat(follow_symlinks=False)
    except FileNotFoundError:
        return 0
    return getattr(status, "st_blocks", -(-status.st_size // 512)) * 512


def advise(fd: int, offset: int, length_bytes: int, *, again: bool) -> None:
    """Read bytes ahead, or (``again``) make the next read come from the medium."""
    if hasattr(os, "posix_fadvise"):
        advice = os.POSIX_FADV_DONTNEED if again else os.POSIX_FADV_WILLNEED
        os.posix_fadvise(fd, offset, length_bytes, advice)


def move(
    source: Path | str,
    target: Path | str,
    *,
    source_parent: int | None = None,
    target_parent: int | None = None,
) -> None:
    """Rename; on Windows wait for up to 60 s while another program holds the file.

    Args:
        source: What is renamed.
        target: Its new name.
        source_parent: Descriptor of the folder that ``source`` is relative to. None for the
            current one; on Windows always.
        target_parent: The same for ``target``.
    """
    if sys.platform == "win32":
        _move_windows(Path(source), Path(target))
    else:
        os.replace(source, target, src_dir_fd=source_parent, dst_dir_fd=target_parent)


if sys.platform == "win32":
    SHARING = {5, 32}  # ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION: a scanner is reading

    def _move_windows(source: Path, target: Path) -> None:
        import ctypes

        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        replace, write_through = 1, 8  # replacing is refused for folders
        flags = write_through | (0 if source.is_dir() else replace)
        until = time.monotonic() + MAX_RENAME_WAIT_S
        pause_s = 0.01
        while not kernel.MoveFileExW(str(source), str(target), flags):
            code = ctypes.get_last_error()
            if code not in SHARING or time.monotonic() > until:
                raise ctypes.WinError(code)
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, 1.0)
