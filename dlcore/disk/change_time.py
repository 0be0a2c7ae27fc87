"""When a file on Windows was last changed in any way, which ``os.stat`` does not tell there.

Its ``st_ctime`` is the time of creation on Windows, and anybody who may write to a file can put
``st_mtime`` back. NTFS and ReFS keep a time of change as well, as POSIX does.

Source: learn.microsoft.com/en-us/windows/win32/api/winbase/ns-winbase-file_basic_info
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

_EPOCH_NS = 11_644_473_600 * 1_000_000_000  # from 1601, where Windows begins to count, to 1970
_TICK_NS = 100

if sys.platform == "win32":
    _READ_ATTRIBUTES = 0x80
    _SHARE_ALL = 7  # others may read, write and delete it meanwhile
    _OPEN_EXISTING = 3
    _FOLDERS_TOO, _THE_LINK_ITSELF = 0x0200_0000, 0x0020_0000
    _BASIC_INFO = 0
    _INVALID_HANDLE = ctypes.c_void_p(-1).value

    class _BasicInfo(ctypes.Structure):
        _fields_ = (
            ("creation", ctypes.c_int64),
            ("last_access", ctypes.c_int64),
            ("last_write", ctypes.c_int64),
            ("change", ctypes.c_int64),
            ("attributes", ctypes.c_uint32),
        )

    _kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    _kernel.CreateFileW.restype = ctypes.c_void_p

    def _changed_ns(path: str) -> int:
        flags = _FOLDERS_TOO | _THE_LINK_ITSELF
        handle = _kernel.CreateFileW(
            path, _READ_ATTRIBUTES, _SHARE_ALL, None, _OPEN_EXISTING, flags, None
        )
        if handle == _INVALID_HANDLE:
            raise ctypes.WinError(ctypes.get_last_error())
        info = _BasicInfo()
        try:
            if not _kernel.GetFileInformationByHandleEx(
                ctypes.c_void_p(handle), _BASIC_INFO, ctypes.byref(info), ctypes.sizeof(info)
            ):
                raise ctypes.WinError(ctypes.get_last_error())
        finally:
            _kernel.CloseHandle(ctypes.c_void_p(handle))
        return int(info.change) * _TICK_NS - _EPOCH_NS

    def status_with_change_time(path: str | Path) -> os.stat_result:
        """``os.lstat``, with the time of the last change as ``st_ctime_ns``.

        A file system without such a time (FAT) says 1601; the time of creation is kept then.

        Raises:
            OSError: It is not there, or the disk failed.
        """
        status = os.lstat(path)
        changed_ns = _changed_ns(str(path))
        fields = {name: getattr(status, name) for name in dir(status) if name.startswith("st_")}
        if changed_ns > 0:
            fields["st_ctime_ns"] = changed_ns
        return os.stat_result(tuple(status), fields)
