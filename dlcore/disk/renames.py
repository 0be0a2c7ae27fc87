"""Renames that Python does not offer: one swaps two names, the other replaces nothing.

Linux has both. Windows has the second; elsewhere, and on file systems that lack them, the caller
takes two steps in place of one.

Windows exchanges two files (``ReplaceFileW``), but not two folders.

Source: man 2 renameat2; learn.microsoft.com/en-us/windows/win32/api/winbase/nf-winbase-movefileexw
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path

from dlcore.disk import system

if sys.platform == "win32":
    from dlcore.disk import held_files

_AT_FDCWD = -100
_NO_REPLACE, _EXCHANGE = 1, 2
_NOT_SUPPORTED = {errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP}


def exchange(first: Path, second: Path) -> bool:
    """Swap what two paths name, in one step that no crash divides.

    Returns:
        False where that is not supported; nothing has changed then.

    Raises:
        OSError: It is supported, and failed; nothing has changed.
    """
    return _renamed(first, second, _EXCHANGE)


def move_to_free_name(source: Path, target: Path) -> None:
    """Rename a file or folder, and never replace anything.

    Raises:
        FileExistsError: Something is at the target.
        OSError: The disk refused.
    """
    if sys.platform == "win32":
        held_files.move(source, target, replace=False)
        return
    if _renamed(source, target, _NO_REPLACE):
        return
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    system.move(source, target)


def _renamed(source: Path, target: Path, flags: int) -> bool:
    rename = _renameat2()
    if rename is None:
        return False
    if rename(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), flags) == 0:
        return True
    number = ctypes.get_errno()
    if number in _NOT_SUPPORTED:
        return False
    raise OSError(number, os.strerror(number), str(source), None, str(target))


@functools.cache
def _renameat2() -> Callable[..., int] | None:
    if sys.platform != "linux":
        return None
    call: Callable[..., int] | None = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    return call
