"""A command and everything that it has started, to be ended together.

Guarantees: `ProcessTree.end` leaves no process of the command behind, also none that has left its
process group or whose parent has ended, as far as the system can tell:

- Linux: the process group, all descendants, and every process that has the command's own mark in
  its environment. A daemon that has cleared its environment can escape.
- Windows: the job object, which no process can leave.
- elsewhere: the process group.

A command that ends by itself may leave processes behind on purpose; they go on.

dlcore does not become the reaper of orphans (``PR_SET_CHILD_SUBREAPER``), which would find daemons
too: it is also a library, and would change what becomes of its host's processes.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final, Protocol

from dlcore.steps.commands.windows_job import WindowsJobs

_PROC: Final = Path("/proc")
_MAX_ROUNDS: Final = 100
"""A process may start another one while it is being ended; each round finds the new ones."""

CREATE_SUSPENDED: Final = 0x00000004
"""Source: Microsoft Learn, "Process Creation Flags"."""


class ProcessTree(Protocol):
    """The processes of one command.

    Attributes:
        creation_flags: What `subprocess.Popen` needs to start the command; 0 on POSIX.
    """

    creation_flags: int

    def adopt(self, command: subprocess.Popen[bytes]) -> None:
        """Take the command that has just been started, before it does anything if possible."""
        ...

    def end(self) -> None:
        """End all processes. Returns when each of them was told to end. Idempotent."""
        ...


def new_tree(mark: str) -> ProcessTree:
    """The tree of a command that is about to be started.

    Args:
        mark: A text in the command's environment that no other process has there.
    """
    if sys.platform == "win32":
        from dlcore.steps.commands.windows_job import JobObject

        return WindowsTree(JobObject())
    return PosixTree(mark)


class PosixTree:
    """A session of its own, and what has left it."""

    creation_flags = 0

    def __init__(self, mark: str) -> None:
        self._mark = mark.encode()
        self._leader: int | None = None

    def adopt(self, command: subprocess.Popen[bytes]) -> None:
        """The command leads a session: it was started with ``start_new_session``."""
        self._leader = command.pid

    def end(self) -> None:
        """Kill the group, and whatever else belongs to it, until nothing is left."""
        if self._leader is None:
            return
        for _ in range(_MAX_ROUNDS):
            outside = self._members()
            _kill_group(self._leader)
            for pid in outside:
                _kill(pid)
            if not outside:
                return

    def _members(self) -> set[int]:
        """Living descendants of the command, and processes with its mark."""
        assert self._leader is not None
        parents: dict[int, int] = {}
        found: set[int] = set()
        for pid in _pids():
            with contextlib.suppress(OSError):
                state, parent = _state_and_parent(pid)
                if state in b"ZX":
                    continue
                parents[pid] = parent
                if self._mark in (_PROC / str(pid) / "environ").read_bytes():
                    found.add(pid)
        return (found | _descendants(self._leader, parents)) - {os.getpid()}


def _pids() -> list[int]:
    try:
        return [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()]
    except OSError:
        return []


def _state_and_parent(pid: int) -> tuple[bytes, int]:
    """Source: man 5 proc_pid_stat; the name in parentheses may contain any character."""
    fields = (_PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
    return fields[0], int(fields[1])


def _descendants(leader: int, parents: dict[int, int]) -> set[int]:
    found = {leader} & parents.keys()
    while True:
        more = {pid for pid, parent in parents.items() if parent in found | {leader}} - found
        if not more:
            return found
        found |= more


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def _kill_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


class WindowsTree:
    """A job object: it holds every process that the command starts.

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
