"""Makes a state directory, and says in words what a disk that refuses means for it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from dlcore.disk.faults import translated
from dlcore.store.files import Files


def make_state_folder(files: Files, state: Path) -> None:
    """Make the state directory and its parents, durably.

    Raises:
        OSError: The disk refused.
    """
    if files.status(state) is not None:
        return
    make_state_folder(files, state.parent)
    files.make_folder(state)
    files.sync_folder(state.parent)


def translated_in(files: Files, doing: str, folder: Path) -> AbstractContextManager[None]:
    """Turns errors of the disk into errors that name the folder and its free space.

    Args:
        files: The disk.
        doing: What is being done, as in "cannot ...".
        folder: The state directory.
    """
    return translated(doing, folder, lambda: files.free_bytes(folder), lambda: 0)
