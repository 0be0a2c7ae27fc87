"""Which descriptors of this process are open, so that a test can show that none is left open."""

from __future__ import annotations

import os
import sys

MAX_DESCRIPTORS = 512  # far more than a test has open


def open_files() -> frozenset[int]:
    """The open descriptors. On Windows sockets have none."""
    if sys.platform == "win32":
        return frozenset(fd for fd in range(MAX_DESCRIPTORS) if _is_open(fd))
    return frozenset(int(name) for name in os.listdir("/dev/fd") if _is_open(int(name)))  # noqa: PTH208


def opened_since(before: frozenset[int]) -> frozenset[int]:
    """The descriptors that are open and were not then.

    One that another test left in a cycle of garbage may be closed meanwhile and does not count.
    """
    return open_files() - before


def _is_open(fd: int) -> bool:
    """Whether it is open; the one by which the folder was listed is not any more."""
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True
