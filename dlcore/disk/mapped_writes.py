"""Finds out by a trial whether a write through a mapping of a file changes the file's times.

Overlays do not tell what lies below them. On one whose upper layer is in memory, as in a live
system, no page is ever written back, and a write to a dirty page changes no time of its file.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

_LONG_AGO_NS = 1


def shows_mapped_writes(folder: Path, sync: Callable[[int], None] = os.fsync) -> bool:
    """Whether a write through a mapping changes the times of a file that was just synced.

    A file is made in the folder, and loses its name at once.

    Args:
        folder: Where.
        sync: Makes an open file durable.

    Returns:
        False also where no file can be made or mapped.
    """
    try:
        fd, name = tempfile.mkstemp(prefix=".trial-", dir=folder)
    except OSError:
        return False
    try:
        os.unlink(name)  # noqa: PTH108  # as it was made
        return _shows_write(fd, sync)
    except (OSError, ValueError):
        return False
    finally:
        os.close(fd)


def _shows_write(fd: int, sync: Callable[[int], None]) -> bool:
    os.ftruncate(fd, mmap.PAGESIZE)
    with contextlib.closing(mmap.mmap(fd, mmap.PAGESIZE)) as mapping:
        mapping[0] = 1
        sync(fd)
        os.utime(fd, ns=(_LONG_AGO_NS, _LONG_AGO_NS))
        mapping[0] = 2
        return os.fstat(fd).st_mtime_ns != _LONG_AGO_NS
