"""Another process of Windows, watched by its id: whether it has ended, and how to end it."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator
from typing import Any

_SYNCHRONIZE_AND_TERMINATE = 0x00100000 | 0x0001
_HAS_ENDED = 0  # WAIT_OBJECT_0
_WINDOWS: Any = ctypes  # which has these functions on Windows only


class Watched:
    """A process that runs when it is made; its id is not given away while this exists.

    Args:
        pid: Its id.
    """

    def __init__(self, pid: int) -> None:
        from ctypes import wintypes

        self._kernel: Any = _WINDOWS.WinDLL("kernel32", use_last_error=True)
        self._kernel.OpenProcess.restype = wintypes.HANDLE
        self._kernel.WaitForSingleObject.argtypes = [wintypes.HANDLE, wintypes.DWORD]
        self._kernel.TerminateProcess.argtypes = [wintypes.HANDLE, wintypes.UINT]
        self._kernel.CloseHandle.argtypes = [wintypes.HANDLE]
        self._handle = self._kernel.OpenProcess(_SYNCHRONIZE_AND_TERMINATE, False, pid)
        if not self._handle:
            raise _WINDOWS.WinError(_WINDOWS.get_last_error())

    def has_ended(self, within_s: float = 0.0) -> bool:
        """Whether it ends within a time."""
        return bool(
            self._kernel.WaitForSingleObject(self._handle, int(within_s * 1000)) == _HAS_ENDED
        )

    def end(self) -> None:
        """End it, as the Task Manager does."""
        self._kernel.TerminateProcess(self._handle, 1)

    def close(self) -> None:
        """Watch it no longer."""
        self._kernel.CloseHandle(self._handle)


@contextlib.contextmanager
def watched(pid: int) -> Iterator[Watched]:
    """Watch a process inside a ``with``, and end it behind it."""
    process = Watched(pid)
    try:
        yield process
    finally:
        process.end()
        process.close()
