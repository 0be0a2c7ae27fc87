"""Windows' own functions on open files and on names, as far as Python does not offer them.

A file is named by its descriptor of the C runtime, as everywhere in dlcore. Errors are ``OSError``
with the ``errno`` of `windows_errors`; those of a rename have their ``winerror`` instead, as the
errors of Python's own functions have.

A positioned read or write gives its offset to the system (``OVERLAPPED``), so it needs no lock
around a seek. Python's files are opened for synchronous use: Windows does one call at a time on
each handle and moves its position, which nothing here relies on. Files do not wait for each other.

Source: learn.microsoft.com/en-us/windows/win32/api/fileapi (ReadFile, WriteFile, FlushFileBuffers,
SetFileInformationByHandle, GetCompressedFileSizeW, GetDiskFreeSpaceExW), .../api/winbase
(MoveFileExW, ReOpenFile), .../api/ioapiset (DeviceIoControl),
.../win32/fileio/synchronous-and-asynchronous-i-o
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dlcore.disk import windows_errors

MAX_CALL_BYTES = 1 << 30  # a call's length has 32 bits; this is a multiple of every page

_END_OF_FILE_INFO = 6
_REPLACE, _WRITE_THROUGH = 1, 8
_GENERIC_WRITE = 0x4000_0000
_SHARE_ALL = 7
_NO_BUFFERING = 0x2000_0000
_INVALID_SIZE = 0xFFFF_FFFF


class _Overlapped(ctypes.Structure):
    """OVERLAPPED, of which only the offset counts here."""

    _fields_ = (
        ("internal", ctypes.c_void_p),
        ("internal_high", ctypes.c_void_p),
        ("offset", ctypes.c_uint32),
        ("offset_high", ctypes.c_uint32),
        ("event", ctypes.c_void_p),
    )


if sys.platform == "win32":
    import msvcrt

    _kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    _kernel.ReOpenFile.restype = ctypes.c_void_p
    _kernel.GetCompressedFileSizeW.restype = ctypes.c_uint32

    def _handle(fd: int) -> ctypes.c_void_p:
        return ctypes.c_void_p(msvcrt.get_osfhandle(fd))

    def _text(code: int) -> str:
        return ctypes.FormatError(code).rstrip(".")  # as in the errors that Python itself raises

    def _fault() -> OSError:
        code = ctypes.get_last_error()
        return windows_errors.file_error(code, _text(code))

    def _transfer(
        call: Callable[..., int], fd: int, data: Any, length_bytes: int, offset: int
    ) -> int:
        overlapped = _Overlapped(offset=offset & 0xFFFF_FFFF, offset_high=offset >> 32)
        done = ctypes.c_uint32()
        length = ctypes.c_uint32(min(length_bytes, MAX_CALL_BYTES))
        if call(_handle(fd), data, length, ctypes.byref(done), ctypes.byref(overlapped)):
            return done.value
        if ctypes.get_last_error() == windows_errors.HANDLE_EOF:  # never for a write
            return 0
        raise _fault()

    def write_at(fd: int, data: memoryview, offset: int) -> int:
        """Write at an offset; may write less than all. Returns the number of bytes written."""
        if not data:
            return 0
        # ctypes takes the address of writable memory only: what is read-only, is copied. Blocks
        # lie in writable buffers; documents, which are short, do not.
        source: Any = bytes(data) if data.readonly else _address(data)
        return _transfer(_kernel.WriteFile, fd, source, len(data), offset)

    def read_at(fd: int, view: memoryview, offset: int) -> int:
        """Read at an offset; may read less than all. Returns the bytes read, 0 at the end."""
        if not view:
            return 0
        return _transfer(_kernel.ReadFile, fd, _address(view), len(view), offset)

    def _address(view: memoryview) -> Any:
        return ctypes.byref(ctypes.c_char.from_buffer(view))

    def flush(fd: int) -> None:
        """Make a file durable, with its metadata. The runtime's ``_commit`` hides why it failed."""
        if not _kernel.FlushFileBuffers(_handle(fd)):
            raise _fault()

    def set_length(fd: int, length_bytes: int) -> None:
        """Set a file's length in one step; the runtime's ``_chsize`` would write zeros."""
        end = ctypes.c_int64(length_bytes)
        size = ctypes.sizeof(end)
        if not _kernel.SetFileInformationByHandle(
            _handle(fd), _END_OF_FILE_INFO, ctypes.byref(end), size
        ):
            raise _fault()

    def control(fd: int, code: int, given: bytes, max_answer_bytes: int) -> bytes:
        """Ask the file system of an open file for something (``DeviceIoControl``).

        Args:
            fd: The open file.
            code: What is asked for, one of the ``FSCTL_`` codes.
            given: Its input.
            max_answer_bytes: How much of the answer is wanted. A longer one is cut.
        """
        answer = ctypes.create_string_buffer(max(1, max_answer_bytes))
        done = ctypes.c_uint32()
        has_succeeded = _kernel.DeviceIoControl(
            _handle(fd),
            ctypes.c_uint32(code),
            given,
            len(given),
            answer,
            max_answer_bytes,
            ctypes.byref(done),
            None,
        )
        if not has_succeeded and ctypes.get_last_error() != windows_errors.MORE_DATA:
            raise _fault()
        return answer.raw[: done.value]

    def open_unbuffered(fd: int) -> int:
        """Open a file that is open already once more, for writes past the system's cache.

        The same file is opened, whatever its name leads to meanwhile.

        Returns:
            A descriptor. It takes whole sectors at sector boundaries, from memory at such a
            boundary: pages always are.
        """
        handle = _kernel.ReOpenFile(_handle(fd), _GENERIC_WRITE, _SHARE_ALL, _NO_BUFFERING)
        if handle == ctypes.c_void_p(-1).value:
            raise _fault()
        return msvcrt.open_osfhandle(handle, os.O_WRONLY | os.O_BINARY)

    def free_bytes(path: Path, ask: Callable[..., int] = _kernel.GetDiskFreeSpaceExW) -> int:
        """Free space for this user on the disk of a file or folder: no more than a quota leaves.

        ``shutil.disk_usage`` tells what is free for all users together.

        Args:
            path: The file or folder.
            ask: The system's call.

        Raises:
            OSError: It is not there, or the disk failed.
        """
        free = ctypes.c_uint64()
        folder = path if path.is_dir() else path.parent
        if not ask(str(folder), ctypes.byref(free), None, None):
            code = ctypes.get_last_error()
            raise OSError(None, ctypes.FormatError(code), str(path), code)
        return free.value

    def disk_bytes(path: Path) -> int:
        """Disk space of a file: what a sparse or compressed one takes, else its length.

        Raises:
            OSError: It is not there, or the disk failed.
        """
        high = ctypes.c_uint32()
        ctypes.set_last_error(0)
        low = int(_kernel.GetCompressedFileSizeW(str(path), ctypes.byref(high)))
        code = ctypes.get_last_error()
        if low == _INVALID_SIZE and code:
            raise OSError(None, _text(code), str(path), code)
        return high.value << 32 | low

    def rename(source: Path, target: Path, *, replace: bool) -> None:
        """Rename a file or folder; durable when it returns.

        Args:
            source: What is renamed.
            target: Its new name.
            replace: Whether a file may take the place of another; a folder never does.

        Raises:
            OSError: The system refused; its ``winerror`` tells why.
        """
        flags = _WRITE_THROUGH | (_REPLACE if replace else 0)
        if not _kernel.MoveFileExW(str(source), str(target), flags):
            code = ctypes.get_last_error()
            raise OSError(None, _text(code), str(source), code, str(target))
