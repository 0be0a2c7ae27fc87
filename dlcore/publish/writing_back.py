"""Lets a write through a mapping show in the times of the files that are to be published.

A program that has mapped a file may write to a page that is dirty already: no time changes, and
the file would be published as it was partly before and partly after. So the pages of all files are
written back after the files were listed and before they are read (`dlcore.disk.system.write_back`).
A file system that refuses that stops nothing: its files are compared by their times nevertheless.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from dlcore.disk import system
from dlcore.publish.disk import open_plain
from dlcore.publish.source import Source, SourceFile

MAX_ONE_BY_ONE = 64
"""Files; of more, all that is dirty on their file systems is written by one call each."""


def write_back(source: Source) -> None:
    """Write the dirty pages of all files back.

    Files of a content library are left out: nothing writes to them, and each has a stated digest.
    Windows does not need it: see `disk.change_time`.
    """
    if sys.platform == "win32":
        return
    files = [file for file in source.files if file.length_bytes and not file.sha256]
    if len(files) > MAX_ONE_BY_ONE and _all_at_once({file.location.parent for file in files}):
        return
    for file in files:
        _one(file)


def _one(file: SourceFile) -> None:
    with (
        contextlib.suppress(OSError),
        open_plain(file.location, follow=False) as content,
    ):
        system.write_back(content.fileno())


def _all_at_once(folders: Iterable[Path]) -> bool:
    """Whether everything that is dirty on the file systems of some folders was written."""
    try:
        disks = {folder.stat().st_dev: folder for folder in folders}
        return all(_sync(folder) for folder in disks.values())
    except OSError:
        return False


def _sync(folder: Path) -> bool:
    fd = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    try:
        return system.sync_filesystem(fd)
    finally:
        os.close(fd)
