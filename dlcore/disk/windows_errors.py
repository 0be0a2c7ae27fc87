"""What an error code of a Windows file function means in ``errno``, the language of the store.

Python's own table has one value for most of them: a bad sector becomes ``EACCES`` and a full quota
``EINVAL``. The store must tell them apart: what cannot be read back is fetched again, a full disk
is reported with its numbers, and what a file system does not offer is done in another way.

Source: learn.microsoft.com/en-us/windows/win32/debug/system-error-codes
"""

from __future__ import annotations

import errno
import os

INVALID_FUNCTION = 1
ACCESS_DENIED = 5
INVALID_HANDLE = 6
WRITE_PROTECT = 19
SHARING_VIOLATION = 32
HANDLE_EOF = 38
NOT_SUPPORTED = 50
INVALID_PARAMETER = 87
INVALID_NAME = 123
DIR_NOT_EMPTY = 145
MORE_DATA = 234

_FULL = (39, 112, 1295)  # HANDLE_DISK_FULL, DISK_FULL, DISK_QUOTA_EXCEEDED
_TOO_LARGE = (223, 665)  # FILE_TOO_LARGE, FILE_SYSTEM_LIMITATION: too many fragments
_REFUSED = (ACCESS_DENIED, SHARING_VIOLATION, 33)  # 33 is LOCK_VIOLATION
_NO_MEMORY = (8, 14, 1450)  # NOT_ENOUGH_MEMORY, OUTOFMEMORY, NO_SYSTEM_RESOURCES

_ERRNOS = {
    **dict.fromkeys(_FULL, errno.ENOSPC),
    **dict.fromkeys(_TOO_LARGE, errno.EFBIG),
    **dict.fromkeys(_REFUSED, errno.EACCES),
    **dict.fromkeys(_NO_MEMORY, errno.ENOMEM),
    **dict.fromkeys((INVALID_FUNCTION, NOT_SUPPORTED), errno.EOPNOTSUPP),
    INVALID_PARAMETER: errno.EINVAL,
    INVALID_HANDLE: errno.EBADF,
    WRITE_PROTECT: errno.EROFS,
}


def file_error(code: int, text: str = "") -> OSError:
    """The error to raise when a function on an open file failed.

    Args:
        code: What ``GetLastError`` returned.
        text: Windows' own words for it; if empty, those of ``errno``.

    Returns:
        An error whose ``errno`` is ``EIO`` unless the code says that something else than the
        medium is at fault: most codes concern the device, its cable or its network.
    """
    number = _ERRNOS.get(code, errno.EIO)
    return OSError(number, f"{text or os.strerror(number)} (Windows error {code})")
