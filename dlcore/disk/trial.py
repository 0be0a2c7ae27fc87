"""What a disk does when it is tried: a file is written, synced and renamed, under long names too.

Everything is made in a folder of its own, which is deleted at the end.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from dlcore.disk import system

LONG_NAME = 255
LONG_PATH = 300  # longer than Windows' MAX_PATH
_BLOCK = bytes(range(256)) * 256


class Trial(NamedTuple):
    """What was seen; a fault is None where all went well.

    Attributes:
        fault: Of writing, syncing or renaming a file.
        is_told: Whether the file system tells which parts of a file were written.
        name_fault: Of a name as long as any file system allows.
        path_fault: Of a path that is longer than 260 characters.
    """

    fault: OSError | None
    is_told: bool = False
    name_fault: OSError | None = None
    path_fault: OSError | None = None


def try_disk(folder: Path) -> Trial:
    """Try the disk that holds a folder.

    Args:
        folder: It exists; on Windows in the form of `dlcore.long_path.long_path`.
    """
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".dlcore-trial-") as made:
            own = Path(made)
            is_told = _write(own)
            return Trial(
                None,
                is_told,
                name_fault=_fault_of(_touch, own / ("n" * LONG_NAME)),
                path_fault=_fault_of(_touch_below, own),
            )
    except OSError as error:
        return Trial(error)


def _write(folder: Path) -> bool:
    """Write a file as a download is written; returns whether the system tells what was written."""
    file = folder / "part"
    fd = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    try:
        system.truncate(fd, 64 * len(_BLOCK))
        system.write_at(fd, memoryview(_BLOCK), 0)
        system.sync(fd)
        is_told = not system.has_data(fd, 32 * len(_BLOCK), len(_BLOCK))
    finally:
        os.close(fd)
    system.move(file, folder / "whole")
    system.sync_folder(folder)
    return is_told


def _touch(file: Path) -> None:
    file.touch()


def _touch_below(folder: Path) -> None:
    while len(str(folder)) < LONG_PATH:
        folder /= "long" * 12
        folder.mkdir()
    (folder / "file").touch()


def _fault_of(call: Callable[[Path], None], path: Path) -> OSError | None:
    try:
        call(path)
    except OSError as error:
        return error
    return None
