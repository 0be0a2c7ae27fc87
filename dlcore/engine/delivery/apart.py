"""Keeps what is delivered, and the state directories of dlcore, out of each other.

Guarantees: a place of delivery in a state directory is refused by name, whoever uses the state
directory; the rest of it would be taken for packages, or would be deleted with them. So is a folder
that is to become a package and has a state directory in it: its content would take the place of
the state. What steps work in, the folder ``work``, is theirs.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from dlcore.errors import ConfigError
from dlcore.long_path import shown
from dlcore.store.state_directory import (
    PACKAGES,
    PARTIALS,
    REMOVED,
    WORK_FOLDER,
    is_state_directory,
)


def check_outside(path: Path, own: Path | None = None) -> None:
    """Refuse a place of delivery in a state directory.

    Args:
        path: The place, links followed. It need not exist.
        own: The state directory of this call, if it has one. It need not exist.

    Raises:
        ConfigError: It is in a state directory; the message names that.
    """
    state = _normal(real(own)) if own else None
    below = ""  # name of the folder on the way that was looked at before
    for folder in (path, *path.parents):
        is_steps_own = os.path.normcase(below) == WORK_FOLDER
        is_own = state is not None and _normal(folder) == state
        if not is_steps_own and (is_own or is_state_directory(folder)):
            where = (
                f"is in the state directory {shown(folder)}" if below else "is a state directory"
            )
            raise ConfigError(
                f"nothing can be delivered to {shown(path)}: it {where}",
                remedy="Name a folder outside of the state directory.",
            )
        below = folder.name


def check_apart(path: Path, own: Path) -> None:
    """Refuse a folder that is to become a package and is in a state directory, or has this one.

    Args:
        path: The folder, as the user names it. It need not exist.
        own: The state directory of this call, or of the agent that it asks.

    Raises:
        ConfigError: As said; the message names the state directory.
    """
    place = real(path)
    check_outside(place, own)
    if _normal(real(own)).is_relative_to(_normal(place)):
        raise _state_inside_error(path, own)


def check_holds_none(path: Path, names: Iterable[str]) -> None:
    """Refuse a folder that is to become a package, and that has a state directory in it.

    Args:
        path: The folder.
        names: Paths of all that is in it, relative to it and with slashes.

    Raises:
        ConfigError: It has one; the message names it.
    """
    held = frozenset(names)
    ending = f"/{REMOVED}"
    for name in held:
        if not name.endswith(ending):
            continue
        state = name.removesuffix(ending)
        if {f"{state}/{PACKAGES}", f"{state}/{PARTIALS}"} <= held:
            raise _state_inside_error(path, path / state)


def _state_inside_error(path: Path, state: Path) -> ConfigError:
    return ConfigError(
        f"{shown(path)} cannot become a package: the state directory {shown(state)} is in it",
        remedy="Name another folder, or another state directory (--state).",
    )


def real(path: Path) -> Path:
    """Where a path leads, as far as that can be told: a loop of links is another's to refuse."""
    return Path(os.path.realpath(path))


def _normal(path: Path) -> Path:
    """A path as the system compares it."""
    return Path(os.path.normcase(path))
