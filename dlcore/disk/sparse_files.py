"""Windows' sparse files: what was never written takes no space and need not be zeroed.

NTFS fills an ordinary file with zeros up to the place of a write that is beyond what was written
before (the valid data length). Blocks arrive in any order, so a file of many gigabytes could be
written twice. In a sparse file only the blocks are written, and the file system can tell which
parts have been: an interrupted download need not read the others back.

A sparse file is not reserved: its space is taken as it is written. Finished content is made
ordinary again, because Windows does not mount disk images (ISO, VHD, VHDX) that are sparse.

Where a file system has no sparse files (FAT, exFAT), files get their length and nothing else.

Source: learn.microsoft.com/en-us/windows/win32/fileio/sparse-files; MS-FSCC 2.3.83
(FSCTL_SET_SPARSE) and 2.3.52 (FSCTL_QUERY_ALLOCATED_RANGES); SetFileValidData (remarks);
github.com/qbittorrent/qBittorrent/issues/2854 (images that are sparse are not mounted).
"""

from __future__ import annotations

import contextlib
import errno
import struct
from collections.abc import Iterator
from typing import Protocol

FSCTL_SET_SPARSE = 0x0009_00C4
FSCTL_QUERY_ALLOCATED_RANGES = 0x0009_40CF

_SPARSE, _ORDINARY = b"\1", b"\0"
_RANGE = struct.Struct("<qq")  # offset and length, of the question and of each range in the answer
_NOT_SUPPORTED = {errno.EOPNOTSUPP, errno.EINVAL}


class FileCalls(Protocol):
    """What `windows_files` does."""

    def control(self, fd: int, code: int, given: bytes, max_answer_bytes: int) -> bytes:
        """Ask the file system of an open file for something."""
        ...

    def set_length(self, fd: int, length_bytes: int) -> None:
        """Set a file's length."""
        ...


def allocate(fd: int, length_bytes: int, calls: FileCalls) -> None:
    """Give a file its length at no cost, whatever the length is.

    Args:
        fd: The file, open for writing.
        length_bytes: Its length from now on.
        calls: The system.

    Raises:
        OSError: The disk refused; the file may be sparse, of the length that it had.
    """
    with _optional():
        calls.control(fd, FSCTL_SET_SPARSE, _SPARSE, 0)
    calls.set_length(fd, length_bytes)


def make_ordinary(fd: int, calls: FileCalls) -> None:
    """Make a file that was written everywhere an ordinary one. Does nothing to an ordinary file.

    Args:
        fd: The file, open for writing.
        calls: The system.

    Raises:
        OSError: The disk refused; the file is sparse still, and its bytes are as they were.
    """
    with _optional():
        calls.control(fd, FSCTL_SET_SPARSE, _ORDINARY, 0)


def has_data(fd: int, offset: int, length_bytes: int, calls: FileCalls) -> bool:
    """Whether anything was ever written to a part of a file; True if unknown.

    The file system answers in units of 64 KiB, so what was written beside the part may count.

    Args:
        fd: The file, open for reading.
        offset: Where the part begins, in bytes.
        length_bytes: Its length.
        calls: The system.

    Raises:
        OSError: The disk failed.
    """
    with _optional():
        asked = _RANGE.pack(offset, length_bytes)
        return bool(calls.control(fd, FSCTL_QUERY_ALLOCATED_RANGES, asked, _RANGE.size))
    return True


@contextlib.contextmanager
def _optional() -> Iterator[None]:
    """Go on behind the ``with`` where the file system does not have what is asked for."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NOT_SUPPORTED:
            raise
