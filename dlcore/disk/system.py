"""What differs between operating systems, each behind one function.

Linux is the reference. On macOS ``fsync`` does not reach the medium; ``F_FULLFSYNC`` does. Windows
has other functions for most of it (`windows_files`, `sparse_files`), no folder sync, and refuses to
rename or delete what another program holds (`held_files`). Errors pass through as ``OSError``.

Source: man 2 fsync, syncfs, sync_file_range, statfs, lseek, fallocate (Linux); man 2 fcntl (macOS).
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import shutil
import sys
from collections.abc import Callable
from itertools import takewhile
from pathlib import Path
from typing import Any

if sys.platform == "win32":
    from dlcore.disk import held_files, sparse_files, windows_files
else:
    from dlcore.disk import trees

_WRITE_AND_WAIT = 1 | 2 | 4  # SYNC_FILE_RANGE_WAIT_BEFORE, _WRITE, _WAIT_AFTER
_OVERLAY = 0x794C7630  # OVERLAYFS_SUPER_MAGIC
_MAX_STATFS_LONGS = 64  # more than a struct statfs has anywhere
NOT_SUPPORTED = {errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
IS_RESERVING = sys.platform == "linux"
"""Whether `allocate` takes the disk space at once; else each write takes its own."""

IS_SPARSE = sys.platform == "win32"
"""Whether `allocate` leaves a mark on the file that `make_ordinary` takes away."""


@functools.cache
def _libc() -> Any:  # ctypes has no types for what a library holds
    import ctypes

    return ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: Any) -> None:
    import ctypes

    if getattr(_libc(), name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


if sys.platform == "win32":
    _write_at, _read_at = windows_files.write_at, windows_files.read_at
elif hasattr(os, "preadv"):
    _write_at = os.pwrite

    def _read_at(fd: int, view: memoryview, offset: int) -> int:
        return os.preadv(fd, [view], offset)

else:  # macOS before 11
    _write_at = os.pwrite

    def _read_at(fd: int, view: memoryview, offset: int) -> int:
        data = os.pread(fd, len(view), offset)
        view[: len(data)] = data
        return len(data)


def write_at(fd: int, data: memoryview, offset: int) -> int:
    """Write at an offset; may write less than all. Returns the number of bytes written."""
    return _write_at(fd, data, offset)


def read_at(fd: int, view: memoryview, offset: int) -> int:
    """Read at an offset into ``view``; may read less. Returns the bytes read, 0 at the end."""
    return _read_at(fd, view, offset)


def _sync_all(fd: int) -> None:
    if sys.platform == "win32":
        windows_files.flush(fd)
    elif sys.platform == "darwin":
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


def _is_overlay(fd: int) -> bool:
    """Whether a file lies on an overlay of Linux."""
    import ctypes

    status = (ctypes.c_long * _MAX_STATFS_LONGS)()  # its first member is the type
    try:
        _call("fstatfs", fd, status)
    except OSError:
        return False
    return (status[0] & 0xFFFFFFFF) == _OVERLAY


def _write_pages(fd: int) -> bool:
    """Write a file's dirty pages, and nothing else; False where there is no such call.

    On an overlay the call does nothing: the pages are those of the file in the upper layer.
    """
    if sys.platform != "linux" or _is_overlay(fd):
        return False
    import ctypes

    _call("sync_file_range", fd, ctypes.c_int64(0), ctypes.c_int64(0), _WRITE_AND_WAIT)
    return True


def write_back(fd: int, *, write_pages: Callable[[int], bool] = _write_pages) -> None:
    """Have the next write through any mapping of a file change the file's times.

    A store into a shared mapping changes them only if its page was clean. On Linux a page that is
    written back is clean, and write-protected in every mapping. That does not make the file
    durable, and waits for no other file. Windows does not need it: see `change_time`.

    Args:
        fd: The open file; to read is enough.
        write_pages: The system's call for that; without one the file is synced.

    Source: man 2 mmap: "st_mtime [...] will be updated after a write to the mapped region, and
    before a subsequent msync(2)"; man 2 sync_file_range (Linux).
    """
    if sys.platform == "win32":
        return
    try:
        if write_pages(fd):
            return
    except OSError as error:
        if error.errno not in NOT_SUPPORTED:
            raise
    os.fsync(fd)


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
    missing = [*takewhile(lambda each: not each.exists(), (path, *path.parents))]
    for each in reversed(missing):  # `parents=True` calls itself for each level
        each.mkdir(exist_ok=True)
        with contextlib.suppress(PermissionError):  # this user may write there but not read
            sync_folder(each.parent)
    if not missing:
        path.mkdir(exist_ok=True)  # refused if something else is there


def stop_walk(error: OSError) -> None:
    """Pass where an error is heard: else what cannot be read or deleted is left out."""
    raise error


def truncate(fd: int, length_bytes: int) -> None:
    """Set a file's length."""
    if sys.platform == "win32":
        windows_files.set_length(fd, length_bytes)
    else:
        os.ftruncate(fd, length_bytes)


def allocate(fd: int, length_bytes: int) -> None:
    """Give a file its length and, where the file system supports it, the disk space for it.

    On Windows the file becomes sparse, and its space is taken as it is written.

    ``os.posix_fallocate`` is not used: where the file system has no support, the C library writes a
    byte into every page instead.
    """
    if sys.platform == "win32":
        sparse_files.allocate(fd, length_bytes, windows_files)
        return
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


def make_ordinary(fd: int) -> None:
    """Take away what `allocate` has marked the file with, once all of it was written."""
    if sys.platform == "win32":
        sparse_files.make_ordinary(fd, windows_files)


def open_unbuffered(fd: int) -> int | None:
    """Open a file once more for writes past the page cache, on Windows.

    Returns:
        A descriptor; None where the file system does not have such writes, and on other systems,
        which have a flag for ``os.open`` if they have such writes.
    """
    if sys.platform == "win32":
        try:
            return windows_files.open_unbuffered(fd)
        except OSError as error:
            if error.errno not in NOT_SUPPORTED:
                raise
    return None


def has_data(fd: int, offset: int, length_bytes: int) -> bool:
    """Whether anything was ever written there; True where the system cannot tell."""
    if sys.platform == "win32":
        return sparse_files.has_data(fd, offset, length_bytes, windows_files)
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
        if sys.platform == "win32":
            return windows_files.disk_bytes(path)
        status = path.stat(follow_symlinks=False)
    except FileNotFoundError:
        return 0
    return getattr(status, "st_blocks", -(-status.st_size // 512)) * 512


def free_bytes(path: Path) -> int:
    """Free space for this user on the disk that holds a file or folder."""
    if sys.platform == "win32":
        return windows_files.free_bytes(path)
    return shutil.disk_usage(path).free


def advise(fd: int, offset: int, length_bytes: int, *, again: bool) -> None:
    """Read bytes ahead, or (``again``) make the next read come from the medium."""
    if sys.platform != "win32" and hasattr(os, "posix_fadvise"):
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
        target_parent: Descriptor of the folder that ``target`` is relative to, likewise.
    """
    if sys.platform == "win32":
        held_files.move(Path(source), Path(target))
    else:
        os.replace(source, target, src_dir_fd=source_parent, dst_dir_fd=target_parent)


def link(
    source: Path | str,
    target: Path | str,
    *,
    source_parent: int | None = None,
    target_parent: int | None = None,
) -> None:
    """Give a file a second name.

    Args:
        source: The file; of a link, the link itself.
        target: Its new name, which is free.
        source_parent: Descriptor of the folder that ``source`` is relative to. None for the
            current one; on Windows always.
        target_parent: Descriptor of the folder that ``target`` is relative to, likewise.
    """
    if sys.platform == "win32":
        os.link(source, target)
    else:
        os.link(
            source,
            target,
            src_dir_fd=source_parent,
            dst_dir_fd=target_parent,
            follow_symlinks=False,
        )


def remove(path: Path | str, *, parent: int | None = None) -> None:
    """Delete a file; on Windows wait as `move` does.

    Args:
        path: The file.
        parent: Descriptor of the folder that ``path`` is relative to; None for the current one.
    """
    if sys.platform == "win32":
        held_files.remove(path)
    else:
        os.unlink(path, dir_fd=parent)


def remove_tree(path: Path | str, *, parent: int | None = None) -> None:
    """Delete a folder and everything in it; on Windows wait as `move` does, for all in all.

    Args:
        path: The folder.
        parent: Descriptor of the folder that ``path`` is relative to; None for the current one.

    Raises:
        OSError: Something in it is refused; it names that, relative to ``parent``.
    """
    if sys.platform == "win32":
        held_files.remove_tree(path)
    else:
        trees.remove_tree(path, parent, stop_walk)
