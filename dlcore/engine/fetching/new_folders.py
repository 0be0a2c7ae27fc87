"""Folders that a fetch makes, and removes again if nothing came into them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path


@contextlib.contextmanager
def removed_if_empty(folders: Iterable[Path]) -> Iterator[None]:
    """Remove folders that do not exist yet, and those above them, if they are empty at the end.

    Args:
        folders: Absolute; each may be made inside.
    """
    new = {
        each
        for folder in folders
        for each in (folder, *folder.parents)
        if not os.path.lexists(each)
    }
    try:
        yield
    finally:
        for each in sorted(new, key=lambda path: len(path.parts), reverse=True):
            with contextlib.suppress(OSError):  # never made, or in use
                each.rmdir()
