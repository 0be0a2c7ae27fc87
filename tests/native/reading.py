"""Reads of test files, on every system: Windows has no ``os.pread``."""

from __future__ import annotations

import os


def read_start(fd: int, length_bytes: int) -> bytes:
    """The first bytes of an open file; fewer if it is shorter."""
    os.lseek(fd, 0, os.SEEK_SET)
    return os.read(fd, length_bytes)
