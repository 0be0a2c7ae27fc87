"""One process at a time on a state directory, and one on the run in it.

The lock itself is the operating system's. A file beside it says who holds it: information for
people, which no program believes. Nobody gets a lock while a step of a run still works that held
it and was killed: see `step_lock`.
"""

from __future__ import annotations

import datetime
import os
import socket
import sys
from pathlib import Path
from typing import Final

import msgspec

from dlcore.disk.lock import FileLock
from dlcore.disk.private_folder import PrivateFolder
from dlcore.errors import LockedError
from dlcore.store.lock_owner import OwnerFile
from dlcore.store.step_lock import check_no_step_works

CONTENT_LOCK: Final = "lock"
"""Whoever holds it writes content; it is what is meant by holding a state directory."""

RUN_LOCK: Final = "run.lock"
"""Whoever holds it runs a task sequence, and writes the state and the records of runs."""


class Owner(msgspec.Struct, frozen=True):
    """Who holds the lock.

    Attributes:
        pid: Process id.
        host: Name of the machine.
        command: Name of the program, without its arguments: they may hold secrets.
        since: When it got the lock, UTC, ISO 8601.
    """

    pid: int
    host: str
    command: str
    since: str


class StateLock:
    """A lock of one state directory, held from construction to `release`.

    Args:
        state: The state directory, absolute; it is made, with mode 0700, if it is missing.
        wait_s: How long to wait while another process holds the lock.
        name: Name of the file: `CONTENT_LOCK` or `RUN_LOCK`.
        to_look: As of `FileLock`. Nothing that was there is written, and nobody is told who looks.
        is_beside_runs: Whether whoever takes the content knows what a run of another process has in
            use, as an agent does. Otherwise no run may go on there: its agent may have died.

    Attributes:
        folder: The state directory, in which the lock is. `release` closes its handles.

    Raises:
        LockedError: Another process still holds it, or a step of a run works that held it and was
            killed; the message says which.
        OwnershipError: Another user could alter the state directory, or owns the lock.
        OSError: The lock file cannot be made.
    """

    def __init__(
        self,
        state: Path,
        wait_s: float,
        name: str = CONTENT_LOCK,
        *,
        to_look: bool = False,
        is_beside_runs: bool = False,
    ) -> None:
        self.folder = PrivateFolder(state)
        self._owner = OwnerFile(state / name, self.folder)
        try:
            self._lock = FileLock(state / name, wait_s, self.folder, to_look=to_look)
        except LockedError as error:
            raise _locked(state, name, self._owner.read(Owner)) from error
        try:
            check_no_step_works(state, self.folder, name)
            if name == CONTENT_LOCK and not is_beside_runs:
                check_no_run_goes_on(state)
        except BaseException:
            self.folder.forget()
            self._lock.release()
            raise
        self._is_held = True
        self._is_signed = not to_look
        if self._is_signed:
            self._sign()

    def release(self) -> None:
        """End the lock. Idempotent."""
        if self._is_held:
            self._is_held = False
            if self._is_signed:
                self._owner.remove()
            self.folder.forget()
            self._lock.release()

    def _sign(self) -> None:
        self._owner.write(
            Owner(
                pid=os.getpid(),
                host=socket.gethostname(),
                command=Path(sys.argv[0]).name,
                since=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            )
        )


def check_no_run_goes_on(state: Path) -> None:
    """Make sure that no process runs a task sequence in a state directory, and no step works.

    Args:
        state: The directory, absolute; it may be missing.

    Raises:
        LockedError: A run goes on, or a step of one that was killed.
        OwnershipError: Another user could alter the state directory, or owns the lock.
        OSError: It cannot be found out.
    """
    if (state / RUN_LOCK).exists():
        StateLock(state, 0.0, RUN_LOCK, to_look=True).release()


def _locked(state: Path, name: str, owner: Owner | None) -> LockedError:
    holder = "another process"
    if owner:
        holder = f"{owner.command} (process {owner.pid} on {owner.host}, since {owner.since})"
    is_of_run = name == RUN_LOCK
    what = (
        "a task sequence is run in the state directory"
        if is_of_run
        else "the state directory is in use"
    )
    return LockedError(
        f"{what} by {holder}: {state}",
        path=state / name if is_of_run else state,
        remedy="Wait for it to end, or choose another state directory.",
        holder=holder,
    )
