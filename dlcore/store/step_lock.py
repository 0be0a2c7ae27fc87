"""A step's own locks, which its programs inherit: they are held even if the run is killed.

Beside each lock that a run holds, its step holds another one (``run.lock.step``). On POSIX each
program of the step inherits the descriptor, and with it the lock. If the run ends the step, it
releases the lock, whatever the step has left running. If the run is killed, the lock stays held
until the last program of the step has ended.

A program may close descriptors that it does not know (``ssh`` does), and then the lock has ended
too early. So each program also has a mark in its environment, by which Linux still finds it.

On Windows no program of a step outlives its run: `dlcore.steps.commands.windows_job`.
"""

from __future__ import annotations

import datetime
import sys
from pathlib import Path
from typing import Final

import msgspec

from dlcore.disk.lock import FileLock, is_held
from dlcore.disk.private_folder import PrivateFolder
from dlcore.errors import LockedError
from dlcore.printable import quoted
from dlcore.store.lock_owner import OwnerFile
from dlcore.store.marked_processes import processes_with

MARK_VARIABLE: Final = "DLCORE_STEP"
_MAX_TOLD: Final = 3  # processes in one message
_MAX_NAME_CHARACTERS: Final = 200
_LOOK_S: Final = 2.0  # far longer than anybody has the lock who only looks whether it is held


class StepOwner(msgspec.Struct, frozen=True):
    """The step that holds a lock.

    Attributes:
        index: Of the step.
        name: Of the step.
        since: When it began, UTC, ISO 8601.
        mark: Value of `MARK_VARIABLE` in the environment of its programs; no other process has it.
    """

    index: int
    name: str
    since: str
    mark: str


class StepLock:
    """The lock of a step beside one lock of its run, held from construction to `end` or `leave`.

    Args:
        state: The state directory, absolute.
        beside: Name of the run's lock, which this process holds.
        index: Of the step.
        name: Of the step.
        mark: The step's, random.

    Raises:
        LockedError: Another step holds it. Whoever holds the lock of the run has made sure of that.
        OwnershipError: Another user could alter the state directory.
        OSError: The lock file cannot be made, or the mark not be written: the programs of the step
            might not be found.
    """

    def __init__(self, state: Path, beside: str, index: int, name: str, mark: str) -> None:
        folder = PrivateFolder(state)
        path = _path(state, beside)
        self._owner = OwnerFile(path, folder)
        self._lock = FileLock(path, _LOOK_S, folder)
        since = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        owner = StepOwner(index, name[:_MAX_NAME_CHARACTERS], since, mark)
        if sys.platform != "linux":  # only there the mark counts
            self._owner.write(owner)
            return
        try:
            self._owner.write_all(owner)
        except BaseException:
            self._lock.release()
            raise

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What the programs of the step inherit; none on Windows."""
        fd = self._lock.descriptor
        return () if fd is None or sys.platform == "win32" else (fd,)

    def end(self) -> None:
        """The step has ended: what it has left running on purpose holds nothing."""
        self._owner.remove()
        self._lock.release()

    def leave(self) -> None:
        """The run goes, and the step has not ended: what lives of it goes on holding the lock."""
        self._lock.leave()


def check_no_step_works(state: Path, folder: PrivateFolder, beside: str) -> None:
    """Make sure that no step that began under a lock still works.

    Args:
        state: The state directory, absolute.
        folder: The state directory, open for reading.
        beside: Name of the lock. If this process holds it, no step begins meanwhile; else, the one
            that works now is found.

    Raises:
        LockedError: A step of a run still works.
        OSError: It cannot be found out.
    """
    path = _path(state, beside)
    owner = OwnerFile(path, folder).read(StepOwner)
    processes = processes_with(MARK_VARIABLE, owner.mark) if owner else []
    if processes or is_held(path, folder):
        raise _works(path, owner, processes)


def _path(state: Path, beside: str) -> Path:
    return state / f"{beside}.step"


def _works(path: Path, owner: StepOwner | None, processes: list[int]) -> LockedError:
    step = f"step {owner.index} {quoted(owner.name)}" if owner else "a step"
    told = ", ".join(map(str, processes[:_MAX_TOLD]))
    if len(processes) > _MAX_TOLD:
        told += f" and {len(processes) - _MAX_TOLD} more"
    which = f"process {told}" if told else f"'fuser {path}' tells the process"
    holder = f"{step} (process {told})" if told else step
    return LockedError(
        f"{holder} of a run still works in the state directory: {path.parent}",
        path=path,
        remedy=f"Wait until it has ended, or end it ({which}). Then run again.",
        holder=holder,
    )
