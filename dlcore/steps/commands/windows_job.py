"""A Windows job object, by the system's own functions.

A process that is started by one in a job is in the job, too, and none can break away. The job ends
its processes when its last handle is closed, until `JobObject.release` is called. Only this process
has a handle, so a command never outlives a dlcore that was itself ended: a run that goes on starts
the step again, and must not do that beside the first one.

Assumes Windows 8 or later, where a process that is in a job already can be put into another one.

Source: Microsoft Learn, "Job Objects", "Nested Jobs", "JOBOBJECT_BASIC_LIMIT_INFORMATION
structure". ``NtResumeProcess`` is not documented; `subprocess` closes the thread's handle that
``ResumeThread`` would need.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any, Final, Protocol

_PROCESS_RIGHTS: Final = 0x0001 | 0x0100 | 0x0800  # terminate, set quota, suspend and resume
_EXTENDED_LIMITS: Final = 9  # JobObjectExtendedLimitInformation
_KILL_ON_JOB_CLOSE: Final = 0x00002000
_EXIT_CODE: Final = 1


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

    def release(self) -> None:
        """Let the processes of the job go on, whatever becomes of this process.

        Raises:
            OSError: The system refuses.
        """
        ...


class _BasicLimits(ctypes.Structure):
    """JOBOBJECT_BASIC_LIMIT_INFORMATION."""

    _fields_ = [
        ("process_time", ctypes.c_int64),
        ("job_time", ctypes.c_int64),
        ("flags", ctypes.c_uint32),
        ("min_working_set", ctypes.c_size_t),
        ("max_working_set", ctypes.c_size_t),
        ("active_processes", ctypes.c_uint32),
        ("affinity", ctypes.c_size_t),
        ("priority_class", ctypes.c_uint32),
        ("scheduling_class", ctypes.c_uint32),
    ]


class _ExtendedLimits(ctypes.Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION."""

    _fields_ = [
        ("basic", _BasicLimits),
        ("io_counters", ctypes.c_uint64 * 6),
        ("memory_limits", ctypes.c_size_t * 4),
    ]


if sys.platform == "win32":

    class JobObject:
        """A new job object. Implements `WindowsJobs`.

        Raises:
            OSError: The system refuses.
        """

        def __init__(self) -> None:
            self._kernel = _kernel()
            self._job = self._kernel.CreateJobObjectW(None, None)
            _check(self._job, "CreateJobObject")
            self._limit(_KILL_ON_JOB_CLOSE)

        def __del__(self) -> None:
            self._kernel.CloseHandle(self._job)

        def assign(self, pid: int) -> None:
            """Put a process into the job."""
            process = self._open(pid)
            try:
                done = self._kernel.AssignProcessToJobObject(self._job, process)
                _check(done, "AssignProcessToJobObject")
            finally:
                self._kernel.CloseHandle(process)

        def resume(self, pid: int) -> None:
            """Let a suspended process run."""
            process = self._open(pid)
            try:
                status = _resume_process()(process)
            finally:
                self._kernel.CloseHandle(process)
            if status:
                raise OSError(None, f"NtResumeProcess: status {status & 0xFFFFFFFF:#010x}")

        def terminate(self) -> None:
            """End all processes of the job."""
            done = self._kernel.TerminateJobObject(self._job, _EXIT_CODE)
            _check(done, "TerminateJobObject")

        def release(self) -> None:
            """Closing the job ends nothing from now on."""
            self._limit(0)

        def _limit(self, flags: int) -> None:
            limits = _ExtendedLimits(basic=_BasicLimits(flags=flags))
            done = self._kernel.SetInformationJobObject(
                self._job, _EXTENDED_LIMITS, ctypes.byref(limits), ctypes.sizeof(limits)
            )
            _check(done, "SetInformationJobObject")

        def _open(self, pid: int) -> int:
            process: int | None = self._kernel.OpenProcess(_PROCESS_RIGHTS, False, pid)
            _check(process, "OpenProcess")
            assert process
            return process

    def _kernel() -> Any:
        """The functions, with their types: a handle is longer than the ``int`` of `ctypes`."""
        from ctypes import wintypes

        handle, dword, flag = wintypes.HANDLE, wintypes.DWORD, wintypes.BOOL
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        for name, result, arguments in (
            ("CreateJobObjectW", handle, [ctypes.c_void_p, wintypes.LPCWSTR]),
            ("SetInformationJobObject", flag, [handle, ctypes.c_int, ctypes.c_void_p, dword]),
            ("AssignProcessToJobObject", flag, [handle, handle]),
            ("TerminateJobObject", flag, [handle, wintypes.UINT]),
            ("OpenProcess", handle, [dword, flag, dword]),
            ("CloseHandle", flag, [handle]),
        ):
            function = getattr(kernel, name)
            function.restype, function.argtypes = result, arguments
        return kernel

    def _resume_process() -> Any:
        from ctypes import wintypes

        function = ctypes.WinDLL("ntdll").NtResumeProcess
        function.restype, function.argtypes = wintypes.LONG, [wintypes.HANDLE]
        return function

    def _check(result: int | None, function: str) -> None:
        if not result:
            error = ctypes.WinError(ctypes.get_last_error())
            raise OSError(error.errno, f"{function}: {error.strerror}", None, error.winerror)
