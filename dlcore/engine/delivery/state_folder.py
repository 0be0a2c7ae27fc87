"""The state folder of one target: its name, and its end."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

from dlcore.disk.clearing import clear_but, left_in
from dlcore.errors import ConfigError
from dlcore.long_path import why_no_folder

MAX_NAME = 255  # bytes (POSIX) or UTF-16 units (Windows) of a name, on every usual file system
LOCK = "lock"  # the only file that a process keeps open as long as it has the folder
_log = logging.getLogger(__name__)


def state_folder(path: Path) -> Path:
    """The state folder beside a target: ``.<name>.dlcore``, or a digest where that is too long.

    Raises:
        ConfigError: The target's own name is too long, or Windows has no folder of its path.
    """
    name = path.name
    if reason := why_no_folder(path):
        raise ConfigError(f"{path}: {reason}", remedy="Choose another name.")
    if _length(name) > MAX_NAME:
        raise ConfigError(
            f"a name is longer than {MAX_NAME} bytes, and no file system takes it: {name}",
            remedy="Choose a shorter name.",
        )
    usual = f".{name}.dlcore"
    if _length(usual) > MAX_NAME:
        usual = f".{hashlib.sha256(os.fsencode(name)).hexdigest()}.dlcore"
    return path.parent / usual


def _length(name: str) -> int:
    return len(os.fsencode(name)) if os.name == "posix" else len(name.encode("utf-16-le")) // 2


def remove_state(state: Path) -> None:
    """Delete what is in a state folder; what cannot be is logged, and the next call tries again.

    The lock stays, and with it the folder, until `remove_lock`: once the lock is away, another
    process may have one of the same name, and work in the folder.
    """
    clear_but(state, LOCK)
    if has_content(state):
        _log.warning(
            "%s cannot be deleted completely: %s; delete it, or run the same again",
            state,
            left_in(state),
        )


def remove_lock(state: Path, *, unlink: Callable[[Path], None] = Path.unlink) -> None:
    """Delete the lock that this process holds, and the folder, if there is nothing else in it.

    Called last, before the lock is released: the folder may be another process's then, in which
    nothing is deleted. An open file cannot be deleted on Windows: see `remove_released`.

    Args:
        state: The state folder.
        unlink: Deletes a file.
    """
    if not has_content(state):
        with contextlib.suppress(OSError):
            unlink(state / LOCK)
            state.rmdir()


def has_content(state: Path) -> bool:
    """Whether a state folder is there and has more in it than its lock."""
    try:
        return any(path.name != LOCK for path in state.iterdir())
    except FileNotFoundError:
        return False
    except OSError:
        return True


def remove_released(state: Path) -> None:
    """Delete what `remove_lock` had to leave: an open file cannot be deleted on Windows.

    Called after the lock was released. If another process has taken it since, or the folder has
    content, the system refuses, and all stays as it is.
    """
    if sys.platform == "win32" and not has_content(state):
        with contextlib.suppress(OSError):
            (state / LOCK).unlink()
            state.rmdir()
