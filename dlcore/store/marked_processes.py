"""Which living processes have a variable in their environment; Linux tells that.

A list of processes is old when its last entry is looked at. Meanwhile one of them may have started
another one and ended, again and again, so that each look comes too late. So the list is read again
until it has no process that was not looked at, and the newest is looked at first.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_MAX_LOOKS: Final = 50
"""On a busy machine there is always a new process. All but the first look take milliseconds."""


def _pids() -> list[int]:
    return [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()]


def _environment(pid: int) -> bytes:
    return (_PROC / str(pid) / "environ").read_bytes()


def processes_with(
    variable: str,
    value: str,
    *,
    pids: Callable[[], Collection[int]] = _pids,
    environment: Callable[[int], bytes] = _environment,
) -> list[int]:
    """Living processes that have a variable; those of other users only if this user may look.

    Source: man 5 proc_pid_environ. A process that has ended and was not waited for has none.

    Args:
        variable: Its name.
        value: Its value.
        pids: Lists all processes; OSError if the system does not tell.
        environment: A process's, as the system tells it; OSError if it does not.

    Returns:
        Their numbers in order; none where the system does not tell.
    """
    wanted = f"\0{variable}={value}\0".encode()
    looked_at = set[int]()
    found = list[int]()
    for _ in range(_MAX_LOOKS):
        unknown = set[int]()
        with contextlib.suppress(OSError):
            unknown = set(pids()) - looked_at
        for pid in sorted(unknown, reverse=True):
            with contextlib.suppress(OSError):
                if wanted in b"\0" + environment(pid):
                    found.append(pid)
        if found or not unknown:
            break
        looked_at |= unknown
    return sorted(found)
