"""What the operating system says about a disk, in the errors of dlcore."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dlcore.disk.faults import storage_error


@contextmanager
def disk_faults(path: Path) -> Iterator[None]:
    """Turn an `OSError` raised inside into a `StorageError` about ``path``."""
    try:
        yield
    except OSError as error:
        remedy = "Check the disk, its free space and the rights to this path; publish again."
        raise storage_error(error, "publish", path, remedy=remedy) from error
