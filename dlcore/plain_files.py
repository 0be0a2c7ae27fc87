"""Opens files to read them: regular ones only, so that nothing in their place holds dlcore up.

Whoever opens a pipe waits until somebody writes to it, and what is read of a device may never end.
So whatever is there is opened without waiting, and refused if it is not a regular file. Two things
are left to whoever starts dlcore: an open file of this process, as a shell names it for
``<(command)``, and the null device.

Source: man 7 fifo and man 2 open, ``O_NONBLOCK``.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from io import BufferedReader, FileIO
from pathlib import Path
from typing import Final

from dlcore.long_path import is_device

_FLAGS: Final = os.O_RDONLY | getattr(os, "O_BINARY", 0)
_NO_WAIT: Final = getattr(os, "O_NONBLOCK", 0)
_GIVEN: Final = re.compile(r"/dev/(?:null|stdin|fd/\d+)|/proc/(?:self|\d+)/fd/\d+")


class NotPlainError(OSError):
    """What is at a path is not a regular file."""

    def __init__(self, path: Path | str) -> None:
        super().__init__(errno.EINVAL, "not a plain file", str(path))


def open_plain(path: Path | str, flags: int = 0) -> FileIO:
    """Open a regular file to read it, without a buffer.

    Args:
        path: The file.
        flags: As `os.open` takes them, such as ``O_NOFOLLOW``; links are followed otherwise.

    Raises:
        NotPlainError: It is something else.
        OSError: It cannot be opened.
    """
    is_given = bool(_GIVEN.fullmatch(str(path))) or is_device(Path(path))
    fd = os.open(path, _FLAGS | flags | (0 if is_given else _NO_WAIT))
    try:
        mode = os.fstat(fd).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not is_given and not stat.S_ISREG(mode):
            raise NotPlainError(path)
        return FileIO(fd, "rb")
    except BaseException:
        os.close(fd)
        raise


def buffered(path: Path | str) -> BufferedReader:
    """As `open_plain`, with a buffer: a read returns as much as it asks for, or all there is."""
    return BufferedReader(open_plain(path))


def read_plain(path: Path | str, max_bytes: int = -1) -> bytes:
    """Read a regular file, at most so many bytes of it; raises as `open_plain`."""
    with buffered(path) as file:
        return file.read(max_bytes)


def is_file_there(path: Path | str) -> bool:
    """Whether a path leads to a file; no if the system does not tell.

    `Path.is_file` raises then: of a name that is too long, or below a folder that is closed to this
    user. Who asks this goes on to open the path, and so hears of it with the path's name.
    """
    return os.path.isfile(path)  # noqa: PTH113


def is_folder_there(path: Path | str) -> bool:
    """Whether a path leads to a folder; no if the system does not tell, as `is_file_there`."""
    return os.path.isdir(path)  # noqa: PTH112


def is_there(path: Path | str) -> bool:
    """Whether a path leads anywhere; no if the system does not tell, as `is_file_there`."""
    return os.path.exists(path)  # noqa: PTH110


def check_plain(path: Path | str) -> None:
    """Refuse what a library would wait for that opens files itself; raises as `open_plain`."""
    open_plain(path).close()
