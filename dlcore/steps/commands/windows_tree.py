"""The processes of a command on Windows: those of a job object."""

from __future__ import annotations

import contextlib
import subprocess
from typing import Final

from dlcore.steps.commands.windows_job import WindowsJobs

CREATE_SUSPENDED: Final = 0x00000004
"""Source: Microsoft Learn, "Process Creation Flags"."""


class WindowsTree:
    """A job object: it holds every process that the command starts. Implements `ProcessTree`.

    Args:
        jobs: The system's job objects.
    """

    creation_flags = CREATE_SUSPENDED

    def __init__(self, jobs: WindowsJobs) -> None:
        self._jobs = jobs
        self._command: subprocess.Popen[bytes] | None = None

    def adopt(self, command: subprocess.Popen[bytes]) -> None:
        """Put the command into the job before its first instruction, and let it run.

        Raises:
            OSError: The system refuses; the command has ended then.
        """
        self._command = command
        try:
            self._jobs.assign(command.pid)
            self._jobs.resume(command.pid)
        except OSError:
            command.kill()
            raise

    def end(self) -> None:
        """End the job, and the command if it is not in it."""
        if self._command is None:
            return
        with contextlib.suppress(OSError):
            self._jobs.terminate()
        with contextlib.suppress(OSError):
            self._command.kill()

    def release(self) -> None:
        """Take the limit off the job, so that closing it ends nothing."""
        with contextlib.suppress(OSError):
            self._jobs.release()
