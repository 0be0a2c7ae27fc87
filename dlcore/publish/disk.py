"""What the operating system says about a disk, in the errors of dlcore."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dlcore.errors import DiskFullError, StorageError

_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def disk_faults(path: Path) -> Iterator[None]:
    """Turn an `OSError` raised inside into a `StorageError` about ``path``."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise DiskFullError(
                f"{path}: no room left", path=path, remedy="Free some space and publish again."
            ) from error
        raise StorageError(
            f"{path}: {error.strerror or error}",
            path=path,
            remedy="Check the disk and the rights to this path, then publish again.",
        ) from error
