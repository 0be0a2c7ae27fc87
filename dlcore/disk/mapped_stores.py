"""Whether a store through a mapping shows on a disk, found out by a trial.

Overlays do not tell what lies below them: on one whose upper layer is in memory, as in a live
system, no page is ever written back, and no store into a dirty page changes a time of its file.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

_LONG_AGO_NS = 1


def shows_stores(folder: Path, sync: Callable[[int], None] = os.fsync) -> bool:
    """Whether a store through a mapping changes the times of a file there that was just synced.

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
        return _shows_store(fd, sync)
    except (OSError, ValueError):
        return False
    finally:
        os.close(fd)


def _shows_store(fd: int, sync: Callable[[int], None]) -> bool:
    os.ftruncate(fd, mmap.PAGESIZE)
    with contextlib.closing(mmap.mmap(fd, mmap.PAGESIZE)) as program:
        program[0] = 1
        sync(fd)
        os.utime(fd, ns=(_LONG_AGO_NS, _LONG_AGO_NS))
        program[0] = 2
        return os.fstat(fd).st_mtime_ns != _LONG_AGO_NS
