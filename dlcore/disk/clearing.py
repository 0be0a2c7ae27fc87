"""Deletes a folder as far as that is possible, and waits for nobody.

Files and folders that are marked read-only go too: Windows does not delete such a file, and other
systems delete nothing in such a folder.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from pathlib import Path

from dlcore.disk.links import is_link
from dlcore.disk.trees import contents_first, walk

if sys.platform != "win32":
    from dlcore.disk.trees import ignore, remove_tree


def clear(folder: Path) -> None:
    """Delete a folder and everything in it; what is refused stays. Links are not followed.

    A `tempfile.TemporaryDirectory` recurses without end where Windows refuses, before Python 3.12,
    and may change the mode of what a link points to.
    """
    _delete(folder)
    _make_writable(folder)
    for parent, folders, files in walk(folder):
        for name in (*folders, *files):
            _make_writable(parent / name)
    _delete(folder)


def clear_but(folder: Path, name: str) -> None:
    """Delete everything in a folder but what has one name, as `clear`; the folder stays."""
    with contextlib.suppress(OSError):
        _make_writable(folder)
        for path in [each for each in folder.iterdir() if each.name != name]:
            clear(path)
            with contextlib.suppress(OSError):  # no folder
                path.unlink()


def left_in(folder: Path) -> Path | None:
    """What keeps `clear` from deleting a folder: the first thing in it; None if it is gone."""
    if not os.path.lexists(folder):
        return None
    for parent, folders, files in walk(folder):
        if files or not folders:
            return Path(parent, *sorted(files)[:1])
    return folder


def _delete(folder: Path) -> None:
    with contextlib.suppress(OSError):
        if sys.platform == "win32":
            for path, is_folder in contents_first(folder):
                with contextlib.suppress(OSError):
                    (os.rmdir if is_folder else os.unlink)(path)
        else:
            remove_tree(folder, None, ignore)


def _leads_elsewhere(path: Path) -> bool:
    try:
        return is_link(path.lstat())
    except OSError:
        return True


def _make_writable(path: Path) -> None:
    with contextlib.suppress(OSError):
        if not _leads_elsewhere(path):
            path.chmod(stat.S_IRWXU)
