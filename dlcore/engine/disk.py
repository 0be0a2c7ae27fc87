"""What the engine itself writes fails with the same errors as the store's content."""

from __future__ import annotations

import shutil
from contextlib import AbstractContextManager
from pathlib import Path

from dlcore.disk.faults import translated


def guarded(doing: str, folder: Path, needed_bytes: int = 0) -> AbstractContextManager[None]:
    """Raise `StorageError` or `DiskFullError` in place of any ``OSError``.

    Args:
        doing: What is being done, as in "cannot <doing>".
        folder: Where.
        needed_bytes: How much is to be written.
    """
    return translated(doing, folder, lambda: shutil.disk_usage(folder).free, lambda: needed_bytes)
