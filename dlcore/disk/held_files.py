"""Names on Windows that another program holds for a moment: tried again until it lets go.

A virus scanner, an indexer or a backup opens files right after they were written. Meanwhile
Windows refuses to rename or delete them, or a folder that holds them. It does not tell such a
refusal from one for good, so both are waited for.

A mark "read-only" is taken off first, as no such mark keeps a name on other systems. It also keeps
everybody from writing to the file, the administrator too.

Source: learn.microsoft.com/en-us/windows/win32/api/fileapi/nf-fileapi-deletefilew (remarks);
.../api/fileapi/nf-fileapi-createfilew (dwShareMode)
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from dlcore.disk.trees import contents_first
from dlcore.disk.windows_errors import ACCESS_DENIED, DIR_NOT_EMPTY, SHARING_VIOLATION

MAX_WAIT_S = 60.0  # as graceful-fs and VS Code; 1 s was observed to be too short
FIRST_PAUSE_S = 0.01
MAX_PAUSE_S = 1.0

# The last one: a deleted file keeps its name until the other program closes it.
HELD = {ACCESS_DENIED, SHARING_VIOLATION, DIR_NOT_EMPTY}


class Patience:
    """How long other programs are waited for in all, however many names they hold.

    Args:
        max_wait_s: How long, in seconds.
        pause: Waits for a number of seconds.
    """

    def __init__(
        self, max_wait_s: float = MAX_WAIT_S, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._left_s = max_wait_s
        self._pause = pause

    def until_released(self, call: Callable[[], None]) -> None:
        """Call until no other program is in the way.

        Raises:
            OSError: What the call raised last.
        """
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                return call()
            except OSError as error:
                if getattr(error, "winerror", None) not in HELD or self._left_s <= 0:
                    raise
            self._pause(pause_s)
            self._left_s -= pause_s
            pause_s = min(2 * pause_s, MAX_PAUSE_S)


def remove(path: Path | str, patience: Patience | None = None) -> None:
    """Delete a file.

    Args:
        path: The file.
        patience: For other programs that hold it.

    Raises:
        OSError: It is not there, or is still refused.
    """
    (patience or Patience()).until_released(lambda: _without_mark(Path(path).unlink, path))


def remove_tree(path: Path | str, patience: Patience | None = None) -> None:
    """Delete a folder and everything in it; links are deleted, not followed.

    Args:
        path: The folder.
        patience: For other programs that hold any of it.

    Raises:
        OSError: It is not there, or something in it is still refused.
    """
    patience = patience or Patience()

    def stop(error: OSError) -> None:
        raise error

    for name, is_folder in contents_first(path, stop):
        delete = partial(os.rmdir if is_folder else os.unlink, name)
        with contextlib.suppress(FileNotFoundError):  # somebody was faster
            patience.until_released(partial(_without_mark, delete, name))


def _without_mark(call: Callable[[], object], path: Path | str) -> None:
    try:
        call()
    except PermissionError:
        if not take_mark(path):
            raise
        call()


def take_mark(path: Path | str) -> bool:
    """Take the mark "read-only" off. Returns False if it was not there."""
    with contextlib.suppress(OSError):
        attributes: int = getattr(os.lstat(path), "st_file_attributes", 0)
        if attributes & stat.FILE_ATTRIBUTE_READONLY:
            Path(path).chmod(stat.S_IWRITE)
            return True
    return False


if sys.platform == "win32":
    from dlcore.disk import windows_files

    def move(
        source: Path, target: Path, *, replace: bool = True, patience: Patience | None = None
    ) -> None:
        """Rename a file or folder; durable when it returns.

        Args:
            source: What is renamed.
            target: Its new name.
            replace: Whether a file may take the place of another; a folder never does.
            patience: For other programs that hold one of them.

        Raises:
            FileExistsError: Something is at the target that is not to be replaced.
            OSError: It is still refused.
        """
        is_folder = source.is_dir()
        if replace and not is_folder and target.is_dir():  # Windows says that access is denied
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))

        def rename() -> None:
            windows_files.rename(source, target, replace=replace and not is_folder)

        (patience or Patience()).until_released(lambda: _without_mark(rename, target))
