"""The folders in the state directory that a run's steps use: for their files, and for their logs.

A step that names neither a folder nor a package starts in the first, never where dlcore happens to
have been started: what it leaves there is found by the steps behind it, also after a restart. The
folder is emptied when the next run begins. What the commands of a killed process have left in it is
removed also when the same run goes on. Logs stay.
"""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path

from dlcore.disk import system
from dlcore.disk.clearing import clear
from dlcore.disk.faults import guarded
from dlcore.disk.links import is_link
from dlcore.disk.private_folder import PrivateFolder
from dlcore.engine.running.built_in_variables import LOG_FOLDER, WORK_FOLDER
from dlcore.long_path import rooted
from dlcore.steps.interface import SCRATCH_FOLDER
from dlcore.store.files import Files
from dlcore.store.tree import ensure_folder

_log = logging.getLogger(__name__)


def make_work_folders(state: Path, *, is_new: bool) -> None:
    """Make both folders.

    Args:
        state: The state directory, whose run this process holds.
        is_new: Whether a run begins: then files of an earlier one are removed.

    Raises:
        StorageError: The disk failed.
    """
    state = rooted(state)
    files = Files(PrivateFolder(state))
    _remove(state / WORK_FOLDER if is_new else state / WORK_FOLDER / SCRATCH_FOLDER)
    with guarded("make the folders of the steps", state):
        for name in (WORK_FOLDER, LOG_FOLDER):
            ensure_folder(files, state / name)


def work_folder(state: Path) -> Path:
    """Where a step starts that names neither a folder nor a package."""
    return state.absolute() / WORK_FOLDER


def _remove(folder: Path) -> None:
    """A file that cannot be removed, such as one that a program holds, is left and logged."""
    with contextlib.suppress(FileNotFoundError):
        if is_link(folder.lstat()):
            system.remove(folder)
    clear(folder)
    if os.path.lexists(folder):
        _log.warning("%s cannot be emptied; files of an earlier run may be in it", folder)
