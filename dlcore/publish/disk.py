"""Translates errors of the operating system about a disk into errors of dlcore."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dlcore.disk.faults import storage_error


@contextmanager
def disk_faults(path: Path, doing: str = "publish") -> Iterator[None]:
    """Turn an `OSError` raised inside into a `StorageError` about ``path``."""
    try:
        yield
    except OSError as error:
        remedy = f"Check the disk, its free space and the permissions of this path, then {doing}"
        raise storage_error(error, doing, path, remedy=f"{remedy} again.") from error
