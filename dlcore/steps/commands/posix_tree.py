"""The processes of a command on POSIX: its session, and on Linux also what has left that.

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
from typing import Final

assert sys.platform != "win32", "Windows has `windows_tree`"

_PROC: Final = Path("/proc")
_MAX_ROUNDS: Final = 100
"""A process may start another one while it is being ended; each round finds the new ones."""


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

    def release(self) -> None:
        """Nothing holds the processes."""

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
