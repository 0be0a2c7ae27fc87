"""Files that a user names for dlcore to write: a log, a report, a script.

Guarantees: where everyone may write and only owners may delete, as in ``/tmp``, nothing that
another user has planted is written to: a link, a file, a pipe, or another name of a file. What
appears there after the place was judged is judged as well. Elsewhere a user may name anything, such
as a pipe, a terminal or ``/dev/stderr``.

Source: Linux, admin-guide/sysctl/fs, ``protected_symlinks``, ``protected_fifos``,
``protected_regular`` and ``protected_hardlinks``, which may be off. The owner of the folder is
trusted, as there.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

from dlcore.disk.links import refuse_link
from dlcore.disk.ownership import check_not_planted, followed
from dlcore.long_path import is_device, long_path

_NEW_MODE = 0o666  # as `open` has it; the umask takes away
_TRIES = 3  # of a place where another program makes or removes the file at this very moment
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_DESCRIPTOR = re.compile(r"/proc/\d+/(?:task/\d+/)?fd/\d+")  # looks like a link to a path


def _lstat(place: Path) -> os.stat_result:
    """As ``lstat``, but an open file of a process is what it is, whatever path it seems to have."""
    return place.stat() if _is_descriptor(place) else place.lstat()


def _is_descriptor(place: Path) -> bool:
    return sys.platform == "linux" and bool(_DESCRIPTOR.fullmatch(str(place)))


def not_planted(name: str, flags: int, lstat: Callable[[Path], os.stat_result] = _lstat) -> int:
    """Open a file that a user names, to write to it: an ``opener`` for `open`.

    Args:
        name: Its path.
        flags: As `os.open` takes them, and as `open` gives them to its opener.
        lstat: Looks at a place.

    Raises:
        OwnershipError: Another user has planted what is there, or a link on the way. Nothing was
            written, and nothing was cut off.
        OSError: It cannot be opened.
    """
    path = Path(name)
    if is_device(path):
        return os.open(path, flags, _NEW_MODE)
    for _ in range(_TRIES - 1):
        try:
            return _opened(long_path(path), flags, lstat)
        except FileExistsError:
            if flags & os.O_EXCL:
                raise
        except FileNotFoundError:
            if not long_path(path).parent.exists():
                raise
    return _opened(long_path(path), flags, lstat)


def _opened(path: Path, flags: int, lstat: Callable[[Path], os.stat_result]) -> int:
    place = followed(path, lstat)
    try:
        status = lstat(place)
    except FileNotFoundError:
        return os.open(place, flags | os.O_EXCL | _NO_FOLLOW, _NEW_MODE)
    check_not_planted(place, status)
    if not flags & os.O_EXCL:
        flags &= ~os.O_CREAT
    if _is_descriptor(place):
        return os.open(place, flags)
    refuse_link(place)
    return os.open(place, flags | _NO_FOLLOW, _NEW_MODE)
