"""Makes a state directory, recognizes one, and says in words what a disk that refuses means for it.

A state directory is recognized by the folders that each one has from the moment on that it is used.
"""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager
from itertools import takewhile
from pathlib import Path

from dlcore.disk.faults import translated
from dlcore.store.files import Files

PACKAGES = "packages"  # below the state directory: what is finished
PARTIALS = "partial"
REMOVED = "removed"
WORK_FOLDER = "work"  # where steps keep temporary files; nothing in it is dlcore's


def is_state_directory(folder: Path) -> bool:
    """Whether a folder is a state directory; False if it cannot be looked at."""
    try:
        return all((folder / name).is_dir() for name in (PACKAGES, PARTIALS, REMOVED))
    except OSError:
        return False


def make_state_folder(files: Files, state: Path) -> None:
    """Make the state directory and its parents, durably.

    Raises:
        OSError: The disk refused.
    """
    missing = takewhile(lambda each: files.status(each) is None, (state, *state.parents))
    for each in reversed([*missing]):
        with contextlib.suppress(FileExistsError):  # another process was faster
            files.make_folder(each)
        files.sync_folder(each.parent)


def translated_in(files: Files, doing: str, folder: Path) -> AbstractContextManager[None]:
    """Turns errors of the disk into errors that name the folder and its free space.

    Args:
        files: The disk.
        doing: What is being done, as in "cannot ...".
        folder: The state directory.
    """
    return translated(doing, folder, lambda: files.free_bytes(folder), lambda: 0)
