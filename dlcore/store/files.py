"""The store's system calls and nothing else.

Every access of the store to the disk goes through one `Files`, so that tests can replace the disk:
make any call fail, tear any write, and cut the power at any moment. All errors are ``OSError``,
which `dlcore.disk.faults` translates for the user, or `OwnershipError`. Thread-safe.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from dlcore.disk import system
from dlcore.disk.file_system import IN_MEMORY, OVERLAY, kind_of
from dlcore.disk.links import is_folder, refuse_link
from dlcore.disk.mapped_writes import shows_mapped_writes
from dlcore.disk.ownership import check_owner
from dlcore.disk.private_folder import (
    FILE_FLAGS,
    FOLDER_FLAGS,
    PrivateFolder,
    make_folder,
    open_file,
    place_anywhere,
)
from dlcore.native import Run, Written, verify_and_write
from dlcore.plain_files import NotPlainError

if sys.platform == "win32":
    from dlcore.disk.change_time import is_open_to_write, status_with_change_time

MAX_DOCUMENT_BYTES = 256 << 20  # of dlcore's own; a manifest, the longest, has a quarter of that

_DIRECT_FLAG: int | None = getattr(os, "O_DIRECT", None)


class Files:
    """A disk, or what lies in one private folder of it.

    Args:
        root: All paths lie in this folder, and are reached by its handles. None: any path may be
            named, and is used as it is.
        direct_flag: Opens files for writes past the page cache; None: the system has no such flag.

    Attributes:
        is_reserving: Whether `allocate` takes the disk space at once.
        is_sparse: Whether `allocate` leaves a mark that `make_ordinary` takes away.
        syncs_at_once: Whether `sync_filesystem` does something.
        needs_write_back: Whether a write through a mapping may not show before `write_back`.
    """

    is_reserving = system.IS_RESERVING
    is_sparse = system.IS_SPARSE
    syncs_at_once = sys.platform == "linux"
    needs_write_back = sys.platform != "win32"

    def __init__(
        self, root: PrivateFolder | None = None, *, direct_flag: int | None = _DIRECT_FLAG
    ) -> None:
        self._at = place_anywhere if root is None else root.place
        self._root = root
        self._direct_flag = direct_flag
        self._shows_mapped_writes: bool | None = None  # of an overlay, once it was tried

    def make_folder(self, path: Path) -> None:
        """Make a folder that only its owner can use; its parent exists."""
        make_folder(self._at(path))

    def status(self, path: Path) -> os.stat_result | None:
        """What is at a path, links not followed; None if nothing is there."""
        try:
            with self._at(path) as (name, folder):
                if sys.platform == "win32":
                    return status_with_change_time(name)
                return os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def hides_writes(self, path: Path) -> bool:
        """Whether a file may be changed although its status stays: a program is writing to it."""
        if sys.platform == "win32":
            try:
                with self._at(path) as (name, _):
                    return is_open_to_write(name)
            except FileNotFoundError:  # taken away after its status was looked at
                return True
        return False

    def is_in_memory(self, folder: Path) -> bool:
        """Whether nothing in a folder is ever written back, so `write_back` does nothing there.

        Of an overlay that is tried, with a file beside the folder.
        """
        if not self.needs_write_back:
            return False
        kind = self.kind_of(folder)
        if kind != OVERLAY:
            return kind in IN_MEMORY
        if self._shows_mapped_writes is None:
            self._shows_mapped_writes = shows_mapped_writes(folder.parent)
        return not self._shows_mapped_writes

    def kind_of(self, folder: Path) -> str:
        """The file system of a folder, as `dlcore.disk.file_system` names it."""
        return kind_of(folder.resolve())

    def check_owner(self, path: Path, status: os.stat_result) -> None:
        """Refuse a link, and what belongs to another user: `dlcore.disk.ownership.check_owner`."""
        check_owner(path, status)

    def names(self, path: Path) -> list[str]:
        """Names of a folder's entries, sorted."""
        fd = self.watch(path)
        if fd is None:
            return sorted(entry.name for entry in path.iterdir())
        try:
            return sorted(os.listdir(fd))  # noqa: PTH208  # of a descriptor
        finally:
            os.close(fd)

    def entries(self, path: Path) -> Iterator[tuple[str, os.stat_result]]:
        """Name and status of each of a folder's entries, links not followed, in any order."""
        fd = self.watch(path)
        try:
            with os.scandir(path if fd is None else fd) as entries:
                if sys.platform == "win32":  # an entry's own status has no inode and no link count
                    yield from (
                        (entry.name, status_with_change_time(entry.path)) for entry in entries
                    )
                else:
                    for entry in entries:
                        yield entry.name, entry.stat(follow_symlinks=False)
        finally:
            if fd is not None:
                os.close(fd)

    def open(self, path: Path, *, create: bool = False) -> int:
        """Open a regular file to read and write; a link is refused, a second name too."""
        return open_file(path, self._at(path), create=create)

    def open_direct(self, path: Path) -> int | None:
        """Open an existing file for writes past the page cache; None where that is unsupported."""
        if self._direct_flag is None:
            return self._open_unbuffered(path)
        try:
            return open_file(path, self._at(path), os.O_WRONLY | self._direct_flag)
        except OSError as error:
            if error.errno in system.NOT_SUPPORTED:
                return None
            raise

    def _open_unbuffered(self, path: Path) -> int | None:
        """What `open_direct` does on a system where the flag is not one of ``os.open``."""
        fd = self.open(path)
        try:
            return system.open_unbuffered(fd)
        finally:
            os.close(fd)

    def open_to_read(self, path: Path) -> int:
        """Open a regular file of any user to read only; a link is refused."""
        with self._at(path) as (name, folder):
            refuse_link(path)
            fd = os.open(name, os.O_RDONLY | FILE_FLAGS, dir_fd=folder)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise NotPlainError(path)
        return fd

    def watch(self, folder: Path) -> int | None:
        """Open a folder for `sync_filesystem`; None where that is impossible."""
        if not hasattr(os, "O_DIRECTORY"):
            return None
        with self._at(folder) as (name, parent):
            return os.open(name, FOLDER_FLAGS, dir_fd=parent)

    def close(self, fd: int) -> None:
        """Close what `open`, `open_direct`, `open_to_read` or `watch` returned."""
        os.close(fd)

    def size(self, fd: int) -> int:
        """Length of an open file in bytes."""
        return os.fstat(fd).st_size

    def write_at(self, fd: int, data: memoryview, offset: int) -> int:
        """Write; may write less than all. Returns the number of bytes written."""
        return system.write_at(fd, data, offset)

    def verify_and_write(self, runs: Sequence[Run]) -> Iterator[Written]:
        """Verify blocks and write the good ones, as `dlcore.native.verify_and_write`."""
        return verify_and_write(runs)

    def read_at(self, fd: int, view: memoryview, offset: int) -> int:
        """Read into ``view``; may read less. Returns the number of bytes, 0 at the end."""
        return system.read_at(fd, view, offset)

    def truncate(self, fd: int, length_bytes: int) -> None:
        """Set a file's length."""
        system.truncate(fd, length_bytes)

    def allocate(self, fd: int, length_bytes: int) -> None:
        """Set a file's length and, where possible, reserve the disk space for it."""
        system.allocate(fd, length_bytes)

    def make_ordinary(self, fd: int) -> None:
        """Take away what `allocate` has marked a file with, once all of it was written."""
        system.make_ordinary(fd)

    def sync(self, fd: int) -> None:
        """Make an open file durable, metadata too."""
        system.sync(fd)

    def sync_data(self, fd: int) -> None:
        """Make an open file's bytes durable."""
        system.sync(fd, data_only=True)

    def sync_folder(self, path: Path) -> None:
        """Make a folder's entries durable."""
        with self._at(path) as (name, parent):
            system.sync_folder(name, parent=parent)

    def sync_filesystem(self, fd: int) -> bool:
        """Make everything durable by one call; False where there is no such call."""
        return system.sync_filesystem(fd)

    def write_back(self, fd: int) -> None:
        """Have the next write through any mapping of a file show in its status."""
        system.write_back(fd)

    def has_data(self, fd: int, offset: int, length_bytes: int) -> bool:
        """Whether anything was ever written there; True if unknown."""
        return system.has_data(fd, offset, length_bytes)

    def read_again(self, fd: int, offset: int, length_bytes: int) -> None:
        """Make the next read come from the medium, unless the copy in memory is newer."""
        system.advise(fd, offset, length_bytes, again=True)

    def move(self, source: Path, target: Path) -> None:
        """Rename a file over another, or a folder to a free name."""
        with self._at(source) as (old, old_parent), self._at(target) as (new, new_parent):
            system.move(old, new, source_parent=old_parent, target_parent=new_parent)
        self._forget_folders()

    def touch(self, path: Path, time_ns: int | None = None) -> None:
        """Set the time of the last write of a file or folder; by default it is now."""
        with self._at(path) as (name, folder):
            at_ns = self.now_ns() if time_ns is None else time_ns
            os.utime(name, ns=(at_ns, at_ns), dir_fd=folder)

    def allocated_bytes(self, path: Path) -> int:
        """Disk space of a file."""
        return system.allocated_bytes(path)

    def link(self, source: Path, target: Path) -> None:
        """Give a file a second name, which is free."""
        with self._at(source) as (old, old_parent), self._at(target) as (new, new_parent):
            system.link(old, new, source_parent=old_parent, target_parent=new_parent)

    def remove(self, path: Path) -> None:
        """Delete a file."""
        with self._at(path) as (name, folder):
            system.remove(name, parent=folder)

    def remove_tree(self, path: Path) -> None:
        """Delete a folder and everything in it."""
        try:
            with self._at(path) as (name, folder):
                system.remove_tree(name, parent=folder)
        except OSError as error:
            if isinstance(error.filename, str):
                error.filename = str(path.parent / error.filename)
            raise
        finally:
            self._forget_folders()

    def _forget_folders(self) -> None:
        if self._root is not None:
            self._root.forget_below()

    def now_ns(self) -> int:
        """The time by the clock that files get their times from, in nanoseconds since 1970."""
        return time.time_ns()

    def pause(self, seconds: float) -> None:
        """Let that clock go on."""
        time.sleep(seconds)

    def disk_bytes(self, path: Path) -> int:
        """Size of the disk that holds ``path``."""
        return shutil.disk_usage(path).total

    def free_bytes(self, path: Path) -> int:
        """Free space for this user on the disk that holds ``path``."""
        return system.free_bytes(path)


def write_fully(files: Files, fd: int, data: memoryview, offset: int) -> None:
    """Write all of ``data`` at ``offset``, in as many calls as it takes."""
    while data:
        count = files.write_at(fd, data, offset)
        data = data[count:]
        offset += count


def read_fully(files: Files, fd: int, view: memoryview, offset: int) -> int:
    """Fill ``view`` from ``offset``. Returns the bytes read: fewer only if the file ends there."""
    done = 0
    while done < len(view):
        count = files.read_at(fd, view[done:], offset + done)
        if not count:
            break
        done += count
    return done


def delete(files: Files, path: Path) -> None:
    """Delete whatever is at a path: a folder with everything in it, or anything else."""
    status = files.status(path)
    if status is not None and is_folder(status):
        files.remove_tree(path)
    elif status is not None:
        files.remove(path)


def write_document(files: Files, path: Path, data: bytes) -> None:
    """Replace a small file: readers see either the old one or the new one, complete.

    Until the folder is synced, a power loss may leave either of them.
    """
    fresh = fresh_name(path)
    fd = files.open(fresh, create=True)
    try:
        files.truncate(fd, 0)
        write_fully(files, fd, memoryview(data), 0)
        files.sync(fd)
    finally:
        files.close(fd)
    files.move(fresh, path)


def fresh_name(path: Path) -> Path:
    """Where `write_document` writes before it renames."""
    return path.with_name(path.name + ".new")


def read_document(files: Files, path: Path) -> bytes | None:
    """Read a small file; None if it does not exist.

    A longer one than dlcore writes is damaged, and counts as empty: no reader takes that for right.
    """
    if files.status(path) is None:
        return None
    fd = files.open(path)
    try:
        size_bytes = files.size(fd)
        if size_bytes > MAX_DOCUMENT_BYTES:
            return b""
        data = bytearray(size_bytes)
        return bytes(data[: read_fully(files, fd, memoryview(data), 0)])
    finally:
        files.close(fd)
