"""Entries that stand for another place: links, and on Windows junctions and mount points.

On Windows ``lstat`` calls a junction a folder, and ``os.walk`` goes into it before Python 3.12.
What tells it apart is its reparse tag: a bit of the tag says that the entry stands for another
one. Placeholders of OneDrive, and files that Windows has compressed or deduplicated, have tags
without this bit. They are files like any other: who reads one gets its content.

Source: learn.microsoft.com/en-us/windows/win32/fileio/reparse-point-tags (bit N, name surrogate)
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

_NAME_SURROGATE = 0x2000_0000
_SYSTEM_REFUSES = hasattr(os, "O_NOFOLLOW")


def is_link(status: os.stat_result) -> bool:
    """Whether a path leads elsewhere: a symbolic link, or a junction on Windows.

    Args:
        status: What ``lstat``, ``fstat`` or an entry of ``os.scandir`` says.
    """
    tag: int = getattr(status, "st_reparse_tag", 0)  # only Windows has it
    return stat.S_ISLNK(status.st_mode) or bool(tag & _NAME_SURROGATE)


def is_folder(status: os.stat_result) -> bool:
    """Whether it is a folder itself, and not a link to one; as in `is_link`."""
    return stat.S_ISDIR(status.st_mode) and not is_link(status)


def is_file(status: os.stat_result) -> bool:
    """Whether it is a regular file itself, and not a link to one; as in `is_link`."""
    return stat.S_ISREG(status.st_mode) and not is_link(status)


def refuse_link(path: Path | str) -> None:
    """Refuse what ``O_NOFOLLOW`` refuses, where the system has no such flag.

    Raises:
        OSError: It is a link: ``ELOOP``; or it cannot be looked at.
    """
    if _SYSTEM_REFUSES:
        return
    with contextlib.suppress(FileNotFoundError):
        if is_link(os.lstat(path)):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
