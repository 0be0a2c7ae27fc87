"""The generation of an inode, which tells a file from an earlier one that had the same number.

ext4 and XFS give the number of a file that was deleted to another one, often to the next that is
made. The generation differs then. On Windows the number itself differs: part of it counts how often
the place was used.

Source: Linux, ``include/uapi/linux/fs.h`` (``FS_IOC_GETVERSION``);
learn.microsoft.com/en-us/windows/win32/api/fileapi/ns-fileapi-by_handle_file_information.
"""

from __future__ import annotations

import os
import struct
import sys
from pathlib import Path

UNKNOWN = 0

if sys.platform == "linux":
    import fcntl

    _GET_VERSION = 0x8008_7601
    _ANSWER = struct.Struct("=q")  # as long as the request says; file systems fill the first half
    _NUMBER = struct.Struct("=I")

    def generation(fd: int) -> int:
        """The generation of an open file or folder; `UNKNOWN` if the file system does not tell."""
        try:
            answer = fcntl.ioctl(fd, _GET_VERSION, bytes(_ANSWER.size))
        except OSError:
            return UNKNOWN
        (found,) = _NUMBER.unpack_from(answer)
        return int(found)

    def generation_at(path: Path) -> int:
        """The generation of what is at a path, links not followed; otherwise as `generation`."""
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return UNKNOWN
        try:
            return generation(fd)
        finally:
            os.close(fd)

else:

    def generation(_fd: int) -> int:
        """`UNKNOWN`: the number of a file suffices, or the system does not tell."""
        return UNKNOWN

    def generation_at(_path: Path) -> int:
        """As `generation`."""
        return UNKNOWN


def may_be_same(one: int, other: int) -> bool:
    """Whether two generations of one number can be of the same file."""
    return UNKNOWN in (one, other) or one == other
