"""One process at a time on a state directory.

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

import msgspec

from dlcore.disk.lock import FileLock
from dlcore.errors import LockedError


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
    """The lock of one state directory, held from construction to `release`.

    Args:
        state: The state directory; exists.
        wait_s: How long to wait while another process holds the lock.

    Raises:
        LockedError: Another process still holds it; the message says which.
        OSError: The lock file cannot be made.
    """

    def __init__(self, state: Path, wait_s: float) -> None:
        self._owner_file = state / "lock.owner"
        try:
            self._lock = FileLock(state / "lock", wait_s)
        except LockedError as error:
            raise _locked(state, self._owner_file) from error
        self._is_held = True
        self._sign()

    def release(self) -> None:
        """End the lock. Idempotent."""
        if self._is_held:
            self._is_held = False
            with contextlib.suppress(OSError):  # only information: never in the way of the lock
                self._owner_file.unlink()
            self._lock.release()

    def _sign(self) -> None:
        owner = Owner(
            pid=os.getpid(),
            host=socket.gethostname(),
            command=Path(sys.argv[0]).name,
            since=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        )
        with contextlib.suppress(OSError):  # a full disk must not keep a run from going on
            self._owner_file.write_bytes(msgspec.json.encode(owner))


def _locked(state: Path, owner_file: Path) -> LockedError:
    try:
        owner = msgspec.json.decode(owner_file.read_bytes(), type=Owner)
        holder = f"{owner.command} (process {owner.pid} on {owner.host}, since {owner.since})"
    except (OSError, msgspec.DecodeError):
        holder = "another process"
    return LockedError(
        f"the state directory is in use by {holder}: {state}",
        path=state,
        remedy="Wait for it to end, or choose another state directory.",
    )
