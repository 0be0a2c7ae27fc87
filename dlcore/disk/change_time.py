"""When a file on Windows was last changed in any way, which ``os.stat`` does not tell there.

Its ``st_ctime`` is the time of creation on Windows, and anybody who may write to a file can put
``st_mtime`` back. NTFS and ReFS keep a time of change as well, as POSIX does.

A write need not show in these times before the writer closes the file. So while another program has
a file open to write, its times tell nothing.

Source: learn.microsoft.com/en-us/windows/win32/api/winbase/ns-winbase-file_basic_info;
.../api/fileapi/nf-fileapi-writefile (remarks); .../api/fileapi/nf-fileapi-createfilew (dwShareMode)
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

from dlcore.disk.windows_errors import SHARING_VIOLATION

_EPOCH_NS = 11_644_473_600 * 1_000_000_000  # from 1601, where Windows begins to count, to 1970
_TICK_NS = 100

if sys.platform == "win32":
    _READ, _READ_ATTRIBUTES = 0x8000_0000, 0x80
    _SHARE_ALL = 7  # others may read, write and delete it meanwhile
    _SHARE_ALL_BUT_WRITES = 5
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

    def _opened(path: str, access: int, share: int) -> ctypes.c_void_p:
        flags = _FOLDERS_TOO | _THE_LINK_ITSELF
        handle = _kernel.CreateFileW(path, access, share, None, _OPEN_EXISTING, flags, None)
        if handle == _INVALID_HANDLE:
            raise ctypes.WinError(ctypes.get_last_error())
        return ctypes.c_void_p(handle)

    def _changed_ns(path: str) -> int:
        handle = _opened(path, _READ_ATTRIBUTES, _SHARE_ALL)
        info = _BasicInfo()
        try:
            if not _kernel.GetFileInformationByHandleEx(
                handle, _BASIC_INFO, ctypes.byref(info), ctypes.sizeof(info)
            ):
                raise ctypes.WinError(ctypes.get_last_error())
        finally:
            _kernel.CloseHandle(handle)
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

    def is_open_to_write(path: str | Path) -> bool:
        """Whether another program has a file open to write, or keeps others from reading it.

        Raises:
            OSError: It is not there, or may not be read.
        """
        try:
            handle = _opened(str(path), _READ, _SHARE_ALL_BUT_WRITES)
        except OSError as error:
            if error.winerror == SHARING_VIOLATION:
                return True
            raise
        _kernel.CloseHandle(handle)
        return False
