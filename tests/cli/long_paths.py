"""Notes the paths that Windows would refuse, while a command runs in this process."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Iterator

from dlcore.long_path import MAX_FOLDER_PATH

_CALLS = ("open", "os.", "shutil.")
_lists: list[list[str]] = []


@contextlib.contextmanager
def refused_paths() -> Iterator[list[str]]:
    """The calls of the system meanwhile that have a path which Windows would refuse.

    On other systems, nothing is refused.
    """
    found: list[str] = []
    if sys.platform == "win32":
        _listen()
    _lists.append(found)
    try:
        yield found
    finally:
        _lists.remove(found)


@functools.cache
def _listen() -> None:
    """Once for all: nothing ends it."""
    sys.addaudithook(_look)


def _look(event: str, arguments: tuple[object, ...]) -> None:
    if not (_lists and event.startswith(_CALLS)):
        return
    for argument in arguments:
        path = os.fspath(argument) if isinstance(argument, str | os.PathLike) else ""
        if len(path) > MAX_FOLDER_PATH and not path.startswith("\\\\?\\"):
            _lists[-1].append(f"{event}: {path}")
