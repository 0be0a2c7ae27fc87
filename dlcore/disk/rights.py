"""The rights that new files and folders get in a place, for content that is made elsewhere.

What was made in a private folder is private also after a rename: the mode stays, and on Windows the
access list does. So the system is asked: a pattern is made in the place, and shows the rights.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from dlcore.disk.ownership import is_of_another

if sys.platform == "win32":
    from dlcore.disk import windows_security

    Right = bytes  # an access list, as `windows_security.access_list_of` returns it
else:
    from dlcore.disk.posix_acl import access_list_of, mode_without_mask

    Right = int  # permission bits, as `stat.S_IMODE` gives them


class Rights(NamedTuple):
    """What others may do with a package.

    Attributes:
        root: With its folder.
        folders: With the folders in it.
        files: With its files.
    """

    root: Right
    folders: Right
    files: Right


def give_rights(fd: int, path: Path, right: Right) -> None:
    """Give an open file of this process its rights.

    Args:
        fd: The file.
        path: Its path.
        right: Of `Rights.files`.

    Raises:
        OSError: The system refused.
    """
    if sys.platform == "win32":
        windows_security.give_access_list(path, right)
    else:
        os.fchmod(fd, right)


if sys.platform == "win32":

    def rights_of_new_folder(target: Path, scratch: Path) -> Rights:
        """The rights that a new folder would get at a path, and new files and folders in it.

        A folder of this user that is there keeps its own, and what is in it follows them.

        Args:
            target: The path; its parent exists.
            scratch: A private folder of this process.

        Raises:
            OSError: The pattern cannot be made or read.
        """
        with _pattern(target) as folder:
            if os.path.lexists(target) and not is_of_another(target, target.lstat()):
                windows_security.give_access_list(folder, windows_security.access_list_of(target))
            (folder / _FOLDER).mkdir()
            (folder / _FILE).touch()
            return Rights(
                *map(windows_security.access_list_of, (folder, folder / _FOLDER, folder / _FILE))
            )

    def rights_of_new_file(target: Path, scratch: Path) -> Rights:
        """The rights that a new file would get at a path; arguments and errors as above.

        Folders do not matter: they stay private.
        """
        file = pattern_path(target)
        file.unlink(missing_ok=True)  # left by a process that was killed
        file.touch(exist_ok=False)
        try:
            private = windows_security.access_list_of(scratch)
            return Rights(private, private, windows_security.access_list_of(file))
        finally:
            file.unlink()

    _FOLDER, _FILE = "folder", "file"

    @contextlib.contextmanager
    def _pattern(target: Path) -> Iterator[Path]:
        folder = pattern_path(target)
        _remove(folder)  # left by a process that was killed
        folder.mkdir()
        try:
            yield folder
        finally:
            _remove(folder)

    def pattern_path(target: Path) -> Path:
        """Beside the target, since only there it inherits the same; a later call finds it again."""
        return target.parent / f".{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]}.new"

    def _remove(folder: Path) -> None:
        """Remove a pattern, and nothing else."""
        with contextlib.suppress(FileNotFoundError):
            (folder / _FILE).unlink(missing_ok=True)
            with contextlib.suppress(FileNotFoundError):
                (folder / _FOLDER).rmdir()
            folder.rmdir()

else:

    def rights_of_new_folder(target: Path, scratch: Path) -> Rights:
        """The rights that a new folder would get at a path, and new files and folders in it.

        A folder of this user that is there keeps its own. One that another user has put there can
        take rights away, but it cannot give any: else that user could alter the package.

        Args:
            target: The path; its parent exists.
            scratch: A private folder of this process.

        Raises:
            OSError: The pattern cannot be made or read.
        """
        mode = _mode_of_new(scratch)
        root = mode
        with contextlib.suppress(FileNotFoundError):
            status = target.lstat()
            root = mode_without_mask(stat.S_IMODE(status.st_mode), access_list_of(target))
            if status.st_uid != os.geteuid():
                root &= mode
        root |= stat.S_IRWXU  # without its owner's rights the folder could not be moved
        return Rights(root, mode, mode & 0o666)

    def rights_of_new_file(target: Path, scratch: Path) -> Rights:
        """The rights that a new file would get at a path; arguments and errors as above."""
        mode = _mode_of_new(scratch)
        return Rights(mode, mode, mode & 0o666)

    def _mode_of_new(scratch: Path) -> int:
        pattern = scratch / "mode"
        pattern.mkdir(exist_ok=True)
        return stat.S_IMODE(pattern.stat().st_mode)
