"""The system calls of the store, and nothing else.

This is the seam: every access to the disk goes through one `Files`, so that tests can make any
call fail, tear any write and pull the plug at any moment. All errors are ``OSError``; what they
mean to the user is decided in ``faults``. Thread-safe.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from dlcore.native import (
    CAN_WRITE,
    Run,
    Written,
    verify_and_write,
)
from dlcore.store import portable
from dlcore.store.job import verify_and_write_each

_FLAGS = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)


class Files:
    """A disk."""

    def make_folder(self, path: Path) -> None:
        """Make a folder for the owner alone; its parent exists."""
        path.mkdir(mode=0o700)

    def status(self, path: Path) -> os.stat_result | None:
        """What is at a path, links not followed; None if nothing."""
        try:
            return path.lstat()
        except FileNotFoundError:
            return None

    def names(self, path: Path) -> list[str]:
        """Names of a folder's entries, sorted."""
        return sorted(entry.name for entry in path.iterdir())

    def open(self, path: Path, *, create: bool = False) -> int:
        """Open a regular file to read and write; a link is refused, a second name too."""
        fd = os.open(path, _FLAGS | _NO_FOLLOW | (os.O_CREAT if create else 0), 0o600)
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            os.close(fd)
            raise OSError(errno.EEXIST, "not a plain file with one name", str(path))
        return fd

    def open_direct(self, path: Path) -> int:
        """Open an existing file for writes past the page cache; -1 where there are none."""
        if not hasattr(os, "O_DIRECT") or not CAN_WRITE:
            return -1
        try:
            return os.open(path, os.O_WRONLY | os.O_DIRECT | os.O_CLOEXEC | _NO_FOLLOW)
        except OSError as error:
            if error.errno in portable.NOT_SUPPORTED:
                return -1
            raise

    def open_to_read(self, path: Path) -> int:
        """Open a regular file only to read; a link is refused."""
        fd = os.open(path, _FLAGS & ~os.O_RDWR | os.O_RDONLY | _NO_FOLLOW)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise OSError(errno.EINVAL, "not a plain file", str(path))
        return fd

    def watch(self, folder: Path) -> int:
        """Open a folder for `sync_filesystem`; -1 where that is not possible."""
        if not hasattr(os, "O_DIRECTORY"):
            return -1
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | _NO_FOLLOW)

    def close(self, fd: int) -> None:
        """Close what `open` or `watch` returned."""
        if fd >= 0:
            os.close(fd)

    def size(self, fd: int) -> int:
        """Length of an open file in bytes."""
        return os.fstat(fd).st_size

    def write_at(self, fd: int, data: memoryview, offset: int) -> int:
        """Write; may write less than all. Returns the number of bytes written."""
        return portable.write_at(fd, data, offset)

    def verify_and_write(self, runs: Sequence[Run]) -> Iterator[Written]:
        """Verify runs of blocks and write the good ones; see `dlcore.native.verify_and_write`."""
        return verify_and_write(runs) if CAN_WRITE else (portable_job(self, run) for run in runs)

    def read_at(self, fd: int, view: memoryview, offset: int) -> int:
        """Read into ``view``; may read less. Returns the number of bytes, 0 at the end."""
        return portable.read_at(fd, view, offset)

    def truncate(self, fd: int, length_bytes: int) -> None:
        """Set a file's length."""
        os.ftruncate(fd, length_bytes)

    def allocate(self, fd: int, length_bytes: int) -> None:
        """Set a file's length and, where possible, get the room for it."""
        portable.allocate(fd, length_bytes)

    def sync(self, fd: int) -> None:
        """Make an open file durable, metadata too."""
        portable.sync(fd)

    def sync_data(self, fd: int) -> None:
        """Make an open file's bytes durable."""
        portable.sync(fd, data_only=True)

    def sync_folder(self, path: Path) -> None:
        """Make a folder's entries durable."""
        portable.sync_folder(path)

    def sync_filesystem(self, fd: int) -> bool:
        """Make everything durable by one call; False where there is none."""
        return fd >= 0 and portable.sync_filesystem(fd)

    def has_data(self, fd: int, offset: int, length_bytes: int) -> bool:
        """Whether anything was ever written there; True if unknown."""
        return portable.has_data(fd, offset, length_bytes)

    def read_again(self, fd: int, offset: int, length_bytes: int) -> None:
        """Have the next read come from the medium where the memory's copy is not newer."""
        portable.advise(fd, offset, length_bytes, again=True)

    def read_ahead(self, fd: int, offset: int, length_bytes: int) -> None:
        """Have bytes read ahead."""
        portable.advise(fd, offset, length_bytes, again=False)

    def move(self, source: Path, target: Path) -> None:
        """Rename a file over another, or a folder to a free name."""
        portable.move(source, target)

    def remove(self, path: Path) -> None:
        """Delete a file."""
        path.unlink()

    def remove_tree(self, path: Path) -> None:
        """Delete a folder with all it holds."""
        shutil.rmtree(path)

    def free_bytes(self, path: Path) -> int:
        """Room left for this user on the disk that holds ``path``."""
        return shutil.disk_usage(path).free


def write_fully(files: Files, fd: int, data: memoryview, offset: int) -> None:
    """Write all of ``data`` at ``offset``, in as many calls as it takes."""
    while data:
        count = files.write_at(fd, data, offset)
        data = data[count:]
        offset += count


def portable_job(files: Files, run: Run) -> Written:
    """What the native job does with one run, call by call."""

    def write(block: int, data: memoryview) -> None:
        _write_stretch(files, run.extents, block * run.block_bytes, data)

    return verify_and_write_each(memoryview(run.data), run.block_bytes, run.digests, write)


def _write_stretch(
    files: Files, extents: Iterable[tuple[int, int, int]], start: int, data: memoryview
) -> None:
    """Write the bytes that lie ``start`` bytes into the extents."""
    end, at = start + len(data), 0
    for fd, offset, length in extents:
        first, last = max(start, at), min(end, at + length)
        if first < last:
            write_fully(files, fd, data[first - start : last - start], offset + first - at)
        at += length


def read_fully(files: Files, fd: int, view: memoryview, offset: int) -> int:
    """Fill ``view`` from ``offset``. Returns the bytes read: less only if the file ends there."""
    done = 0
    while done < len(view):
        count = files.read_at(fd, view[done:], offset + done)
        if not count:
            break
        done += count
    return done


def write_document(files: Files, path: Path, data: bytes) -> None:
    """Write a small file all at once: readers see the old one or the new, each whole.

    Which of them a loss of power leaves is open until the folder is synced.
    """
    fresh = path.with_name(path.name + ".new")
    fd = files.open(fresh, create=True)
    try:
        files.truncate(fd, 0)
        write_fully(files, fd, memoryview(data), 0)
        files.sync(fd)
    finally:
        files.close(fd)
    files.move(fresh, path)


def read_document(files: Files, path: Path) -> bytes | None:
    """Read a small file whole; None if there is none."""
    if files.status(path) is None:
        return None
    fd = files.open(path)
    try:
        data = bytearray(files.size(fd))
        return bytes(data[: read_fully(files, fd, memoryview(data), 0)])
    finally:
        files.close(fd)
