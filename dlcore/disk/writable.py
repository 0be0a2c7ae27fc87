"""Whether something could be written at a path, found out without writing anything."""

from __future__ import annotations

import errno
import os
from pathlib import Path


def check_may_write(path: Path) -> None:
    """Refuse a path at which this process may make nothing.

    Windows tells only by writing what its access lists allow: there, only what is marked is seen.

    Args:
        path: Absolute; a folder, or what would become one.

    Raises:
        PermissionError: The nearest folder that exists may not be written.
        NotADirectoryError: What exists is not a folder.
    """
    found = next(each for each in (path, *path.parents) if os.path.lexists(each))
    if not found.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(found))
    is_effective = os.access in os.supports_effective_ids
    if not os.access(found, os.W_OK | os.X_OK, effective_ids=is_effective):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(found))
