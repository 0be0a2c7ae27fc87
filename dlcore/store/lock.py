"""One process at a time on a state directory, and one on the run in it.

The lock itself is the operating system's. A file beside it says who holds it: information for
people, which no program believes.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import socket
import sys
from pathlib import Path
from typing import Final

import msgspec

from dlcore.disk.lock import FileLock
from dlcore.disk.private_folder import PrivateFolder, open_file
from dlcore.errors import LockedError, OwnershipError

CONTENT_LOCK: Final = "lock"
"""Whoever holds it writes content; it is what is meant by holding a state directory."""

RUN_LOCK: Final = "run.lock"
"""Whoever holds it runs a task sequence, and writes the state and the records of runs."""

MAX_OWNER_BYTES = 4096  # of what says who holds the lock; about 150 are usual


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
        is_signed: Whether people are told who holds it. If not, nothing is written that was there.

    Attributes:
        folder: The state directory, in which the lock is. `release` closes its handles.

    Raises:
        LockedError: Another process still holds it; the message says which.
        OwnershipError: Another user could alter the state directory, or owns the lock.
        OSError: The lock file cannot be made.
    """

    def __init__(
        self, state: Path, wait_s: float, name: str = CONTENT_LOCK, *, is_signed: bool = True
    ) -> None:
        self.folder = PrivateFolder(state)
        self._owner_file = state / f"{name}.owner"
        try:
            self._lock = FileLock(state / name, wait_s, self.folder)
        except LockedError as error:
            raise _locked(state, name, self._read_owner()) from error
        self._is_held = True
        self._is_signed = is_signed
        if is_signed:
            self._sign()

    def release(self) -> None:
        """End the lock. Idempotent."""
        if self._is_held:
            self._is_held = False
            if self._is_signed:
                self._remove_owner()
            self.folder.forget()
            self._lock.release()

    def _sign(self) -> None:
        owner = Owner(
            pid=os.getpid(),
            host=socket.gethostname(),
            command=Path(sys.argv[0]).name,
            since=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        )
        self._remove_owner()  # left by a process that was killed, or planted
        with contextlib.suppress(OSError, OwnershipError):  # a full disk must not stop a run
            fd = self._open_owner(os.O_WRONLY | os.O_EXCL, create=True)
            try:
                os.write(fd, msgspec.json.encode(owner))
            finally:
                os.close(fd)

    def _remove_owner(self) -> None:
        """Delete the file if possible: it is only information."""
        with (
            contextlib.suppress(OSError),
            self.folder.place(self._owner_file) as (name, folder),
        ):
            os.unlink(name, dir_fd=folder)

    def _read_owner(self) -> bytes:
        """What the lock's holder says about itself; empty if it cannot be read."""
        try:
            with os.fdopen(self._open_owner(os.O_RDONLY), "rb") as file:
                return file.read(MAX_OWNER_BYTES)
        except (OSError, OwnershipError):
            return b""

    def _open_owner(self, flags: int, *, create: bool = False) -> int:
        return open_file(
            self._owner_file, self.folder.place(self._owner_file), flags, create=create
        )


def _locked(state: Path, name: str, document: bytes) -> LockedError:
    try:
        owner = msgspec.json.decode(document, type=Owner)
        holder = f"{owner.command} (process {owner.pid} on {owner.host}, since {owner.since})"
    except msgspec.DecodeError:
        holder = "another process"
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
