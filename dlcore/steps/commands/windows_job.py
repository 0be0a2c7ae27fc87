"""A Windows job object, by the system's own functions.

Source: Microsoft Learn, "Job Objects": a process started by one in a job is in the job, too. The
job does not allow breaking away, and closing it ends nothing. ``NtResumeProcess`` is not
documented; `subprocess` closes the thread's handle that ``ResumeThread`` would need.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Protocol

_PROCESS_RIGHTS = 0x0001 | 0x0100 | 0x0800  # terminate, set quota, suspend and resume


class WindowsJobs(Protocol):
    """One job object."""

    def assign(self, pid: int) -> None:
        """Put a process into the job.

        Raises:
            OSError: The system refuses.
        """
        ...

    def resume(self, pid: int) -> None:
        """Let a process run that was created suspended.

        Raises:
            OSError: The system refuses.
        """
        ...

    def terminate(self) -> None:
        """End all processes of the job.

        Raises:
            OSError: The system refuses.
        """
        ...


if sys.platform == "win32":

    class JobObject:
        """A new job object. Implements `WindowsJobs`.

        Raises:
            OSError: The system refuses.
        """

        def __init__(self) -> None:
            self._kernel = ctypes.WinDLL("kernel32", use_last_error=True)
            self._kernel.CreateJobObjectW.restype = ctypes.c_void_p
            self._kernel.OpenProcess.restype = ctypes.c_void_p
            self._job = ctypes.c_void_p(self._kernel.CreateJobObjectW(None, None))
            _check(self._job.value)

        def __del__(self) -> None:
            self._kernel.CloseHandle(self._job)

        def assign(self, pid: int) -> None:
            """Put a process into the job."""
            process = self._open(pid)
            try:
                _check(self._kernel.AssignProcessToJobObject(self._job, process))
            finally:
                self._kernel.CloseHandle(process)

        def resume(self, pid: int) -> None:
            """Let a suspended process run."""
            process = self._open(pid)
            try:
                status = ctypes.WinDLL("ntdll").NtResumeProcess(process)
            finally:
                self._kernel.CloseHandle(process)
            if status:
                raise OSError(f"NtResumeProcess: status {status & 0xFFFFFFFF:#010x}")

        def terminate(self) -> None:
            """End all processes of the job."""
            _check(self._kernel.TerminateJobObject(self._job, 1))

        def _open(self, pid: int) -> ctypes.c_void_p:
            process = ctypes.c_void_p(self._kernel.OpenProcess(_PROCESS_RIGHTS, False, pid))
            _check(process.value)
            return process

    def _check(result: int | None) -> None:
        if not result:
            raise ctypes.WinError(ctypes.get_last_error())
