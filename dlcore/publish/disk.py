"""Opens plain files only, and translates the errors of a disk into errors of dlcore."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from dlcore import plain_files
from dlcore.disk.faults import storage_error
from dlcore.disk.links import refuse_link


@contextmanager
def disk_faults(path: Path, doing: str = "publish") -> Iterator[None]:
    """Turn an `OSError` raised inside into a `StorageError` about ``path``."""
    try:
        yield
    except OSError as error:
        remedy = f"Check the disk, its free space and the permissions of this path, then {doing}"
        raise storage_error(error, doing, path, remedy=f"{remedy} again.") from error


def open_plain(path: Path, *, follow: bool = True) -> FileIO:
    """Open a file to read it, without a buffer; never wait for the other end of a pipe.

    Args:
        path: The file.
        follow: Whether the path may be a link.

    Raises:
        OSError: It cannot be opened, or it is something else: `NotPlainError`.
    """
    if follow:
        return plain_files.open_plain(path)
    refuse_link(path)
    return plain_files.open_plain(path, getattr(os, "O_NOFOLLOW", 0))
