"""A command and everything that it has started, to be ended together.

Guarantees: `ProcessTree.end` leaves no process of the command behind, also none that has left its
process group or whose parent has ended, as far as the system can tell:

- Linux: the process group, all descendants, and every process that has the command's own mark in
  its environment. A daemon that has cleared its environment can escape.
- Windows: the job object, which no process can leave.
- elsewhere: the process group.

A command that ends by itself may leave processes behind on purpose; they go on.

If dlcore itself is ended from outside, the command goes on where nothing holds it (POSIX), and ends
with dlcore on Windows.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Protocol


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

    def release(self) -> None:
        """The command has ended by itself: what it has left behind goes on."""
        ...


def new_tree(mark: str) -> ProcessTree:
    """The tree of a command that is about to be started.

    Args:
        mark: A text in the command's environment that no other process has there.
    """
    if sys.platform == "win32":
        from dlcore.steps.commands.windows_job import JobObject
        from dlcore.steps.commands.windows_tree import WindowsTree

        return WindowsTree(JobObject())
    else:  # noqa: RET505  # so that mypy looks at one system at a time
        from dlcore.steps.commands.posix_tree import PosixTree

        return PosixTree(mark)
