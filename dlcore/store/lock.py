"""One process at a time on a state directory.

The operating system holds the lock, so it ends with its process, however that ends. The file
beside it says who holds it: information for people, never believed by programs.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import socket
import sys
import time
from pathlib import Path

import msgspec

from dlcore.errors import LockedError
from dlcore.store import portable

POLL_S = 0.05


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
        wait_s: How long to wait for whoever holds it.

    Raises:
        LockedError: Somebody holds it still; the message says who.
        OSError: The lock file cannot be made.
    """

    def __init__(self, state: Path, wait_s: float) -> None:
        self._owner_file = state / "lock.owner"
        until_s = time.monotonic() + wait_s
        while (fd := _take(state / "lock")) < 0:
            if time.monotonic() >= until_s:
                raise _locked(state, self._owner_file)
            time.sleep(POLL_S)
        self._fd = fd
        self._sign()

    def release(self) -> None:
        """Let others have it. Idempotent."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            with contextlib.suppress(OSError):  # only information: never in the way of the lock
                self._owner_file.unlink()
            os.close(fd)

    def _sign(self) -> None:
        owner = Owner(
            pid=os.getpid(),
            host=socket.gethostname(),
            command=Path(sys.argv[0]).name,
            since=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        )
        with contextlib.suppress(OSError):  # a full disk must not keep a run from going on
            self._owner_file.write_bytes(msgspec.json.encode(owner))


def _take(path: Path) -> int:
    """A descriptor that holds the lock; -1 if somebody else does.

    Or did until now and deleted the file, as a fetch does with its state: such a lock locks nobody
    out who opens the name anew.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    try:
        if portable.try_lock(fd) and os.fstat(fd).st_nlink:
            return fd
    except BaseException:
        os.close(fd)
        raise
    os.close(fd)
    return -1


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
