"""Walks through folders, and deletes them, however deep they are.

Python's own `os.walk` (before 3.12) and `shutil.rmtree` (before 3.13) call themselves for each
level: a thousand nested folders, which a program may leave anywhere, end them. Paths end, too: at
4,096 bytes on Linux.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from dlcore.disk.links import is_folder, is_link

Refused = Callable[[OSError], None]
"""Hears what the disk refused; may raise it."""


def ignore(error: OSError) -> None:
    """Leave what is refused as it is."""


def walk(folder: Path, refused: Refused = ignore) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Go through a folder from the top down, as `os.walk`; links are files, and are not followed.

    Args:
        folder: Where to begin.
        refused: Hears of folders that cannot be read; they count as empty.

    Yields:
        A folder, and the names of the folders and of all else in it.
    """
    waiting = [folder]
    while waiting:
        parent = waiting.pop()
        try:
            folders, files = _entries(parent)
        except OSError as error:
            refused(error)
            continue
        names = [entry.name for entry in folders]
        yield parent, names, [entry.name for entry in files]
        waiting += [parent / name for name in reversed(names)]


def contents_first(folder: Path | str, refused: Refused = ignore) -> Iterator[tuple[str, bool]]:
    """Go through a folder from the bottom up, in the order in which it can be deleted by paths.

    Each folder is read when its turn comes. Links are files, and are not followed.

    Args:
        folder: The top; it comes last.
        refused: Hears of folders that cannot be read; they count as empty. May raise it.

    Yields:
        A path, and whether it is a folder.

    Raises:
        OSError: The top is not there, or is not a folder; or what ``refused`` raises.
    """
    if not is_folder(os.lstat(folder)):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    waiting = [(str(folder), False)]
    while waiting:
        path, was_read = waiting.pop()
        if was_read:
            yield path, True
            continue
        waiting.append((path, True))
        try:
            if not is_folder(os.lstat(path)):  # a link took its place
                continue
            folders, files = _entries(path)
        except FileNotFoundError:
            continue  # somebody was faster
        except OSError as error:
            refused(error)
            continue
        yield from ((entry.path, False) for entry in files)
        waiting += [(entry.path, False) for entry in folders]


def _entries(
    folder: Path | str,
) -> tuple[list[os.DirEntry[str]], list[os.DirEntry[str]]]:
    """The folders and all else in a folder."""
    folders: list[os.DirEntry[str]] = []
    files: list[os.DirEntry[str]] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            (folders if _is_folder(entry) else files).append(entry)
    return folders, files


def _is_folder(entry: os.DirEntry[str]) -> bool:
    is_folder = entry.is_dir(follow_symlinks=False)
    return is_folder and not is_link(entry.stat(follow_symlinks=False))


if sys.platform != "win32":
    _FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    _MAX_OPEN = 64  # levels whose folder stays open; of those below only the deepest does

    def remove_tree(path: Path | str, parent: int | None, refused: Refused) -> None:
        """Delete a folder and everything in it. Links are deleted, not followed.

        Args:
            path: The folder.
            parent: Descriptor of the folder that ``path`` is relative to; None for the current one.
            refused: Hears what is refused; the error names the path.

        Raises:
            OSError: The folder cannot be opened, or was moved meanwhile; or what ``refused``
                raises.
        """
        with _Descent(path, parent, refused) as descent:
            descent.empty()
            while descent.go_down() or descent.go_up():
                pass
        try:
            os.rmdir(path, dir_fd=parent)
        except OSError as error:
            refused(error)

    class _Level:
        """A folder that is being emptied.

        Attributes:
            name: In the folder above it.
            fd: Its descriptor; -1 while it is closed.
            folders: The names of the folders in it that are still to be emptied.
        """

        def __init__(self, name: str, fd: int) -> None:
            self.name = name
            self.fd = fd
            status = os.fstat(fd)
            self.identity = status.st_dev, status.st_ino
            self.folders: list[str] = []

    class _Descent:
        """The folders from the top to the one that is being emptied."""

        def __init__(self, path: Path | str, parent: int | None, refused: Refused) -> None:
            self._refused = refused
            self._levels = [_Level(str(path), os.open(path, _FLAGS, dir_fd=parent))]

        def __enter__(self) -> _Descent:
            return self

        def __exit__(self, *_: object) -> None:
            for level in self._levels:
                self._close(level)

        def go_down(self) -> bool:
            """Enter the next folder in this one; false if there is none any more."""
            level = self._levels[-1]
            if not level.folders:
                return False
            name = level.folders.pop()
            with self._telling(name):
                self._levels.append(_Level(name, os.open(name, _FLAGS, dir_fd=level.fd)))
            if self._levels[-1] is not level:
                self.empty()
                if len(self._levels) > _MAX_OPEN:
                    self._close(level)
            return True

        def go_up(self) -> bool:
            """Leave an empty folder, and delete it; false if it is the top."""
            if len(self._levels) == 1:
                return False
            left, above = self._levels.pop(), self._levels[-1]
            try:
                if above.fd < 0:
                    self._reopen(above, left.fd)
            finally:
                self._close(left)
            with self._telling(left.name):
                os.rmdir(left.name, dir_fd=above.fd)
            return True

        def empty(self) -> None:
            """Delete what is in the deepest folder, apart from folders."""
            level, entries = self._levels[-1], list[os.DirEntry[str]]()
            with self._telling(""), os.scandir(level.fd) as found:
                entries += found
            for entry in entries:
                with self._telling(entry.name):
                    if entry.is_dir(follow_symlinks=False):
                        level.folders.append(entry.name)
                    else:
                        os.unlink(entry.name, dir_fd=level.fd)

        def _reopen(self, level: _Level, below: int) -> None:
            """Open a folder again, from the one below it; it must be the same one still."""
            again = _Level(level.name, os.open("..", _FLAGS, dir_fd=below))
            if again.identity != level.identity:
                self._close(again)
                raise FileNotFoundError(f"moved while it was deleted: {level.name}")
            level.fd = again.fd

        @contextlib.contextmanager
        def _telling(self, name: str) -> Iterator[None]:
            try:
                yield
            except FileNotFoundError:
                pass  # somebody was faster
            except OSError as error:
                self._refuse(error, name)

        def _refuse(self, error: OSError, name: str) -> None:
            error.filename = str(Path(*(level.name for level in self._levels), name))
            self._refused(error)

        @staticmethod
        def _close(level: _Level) -> None:
            if level.fd >= 0:
                os.close(level.fd)
                level.fd = -1
