"""The state folder of one target: its name, and its end."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from pathlib import Path

from dlcore.errors import ConfigError

MAX_NAME = 255  # bytes (POSIX) or UTF-16 units (Windows) of a name, on every usual file system
_log = logging.getLogger(__name__)


def state_folder(path: Path) -> Path:
    """The state folder beside a target: ``.<name>.dlcore``, or a digest where that is too long.

    Raises:
        ConfigError: The target's own name is too long.
    """
    name = path.name
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
    """Delete a state folder; what cannot be deleted is logged; the next call tries again."""
    shutil.rmtree(state, ignore_errors=True)
    if os.path.lexists(state):
        _log.warning("%s cannot be deleted completely; delete it, or run the same again", state)
