"""What the packages of a state directory take on its disk, and which of them are pinned."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from os import stat_result
from pathlib import Path

from dlcore.disk.links import is_file, is_folder
from dlcore.store.cache.eviction import Holding
from dlcore.store.files import Files, write_document

PINNED = "pinned"  # an empty file in a package's folder: the package stays


def holdings(files: Files, packages: Path, partials: Path) -> list[Holding]:
    """All packages, by key; a package that comes or goes meanwhile may be left out.

    Raises:
        OSError: The disk failed.
    """
    found = [
        _holding(files, parent / name, status, is_finished=parent is packages)
        for parent in (packages, partials)
        for name, status in _folders(files, parent)
    ]
    return sorted(found, key=lambda each: (each.key, each.is_finished))


def pin_package(files: Files, folder: Path, *, is_pinned: bool) -> None:
    """Have a package stay, or not any more.

    Args:
        files: The disk.
        folder: The package's folder.
        is_pinned: Whether it is to stay.

    Raises:
        OSError: The disk failed.
    """
    there = files.status(folder / PINNED) is not None
    if there == is_pinned:
        return
    status = files.status(folder)
    if is_pinned:
        write_document(files, folder / PINNED, b"")
    else:
        files.remove(folder / PINNED)
    files.sync_folder(folder)
    if status:  # to pin is not to use
        files.touch(folder, status.st_mtime_ns)


def _holding(files: Files, folder: Path, status: stat_result, *, is_finished: bool) -> Holding:
    sizes: dict[int, int] = {}
    is_pinned = files.status(folder / PINNED) is not None
    with contextlib.suppress(FileNotFoundError):  # it was removed meanwhile
        for path, found in walk(files, folder):
            sizes[found.st_ino] = disk_bytes(files, path, found)
    return Holding(folder.name, sizes, status.st_mtime_ns, is_finished, is_pinned)


def disk_bytes(files: Files, path: Path, status: stat_result) -> int:
    """Disk space of a file."""
    blocks: int | None = getattr(status, "st_blocks", None)
    return files.allocated_bytes(path) if blocks is None else blocks * 512


def walk(files: Files, folder: Path) -> Iterator[tuple[Path, stat_result]]:
    """All files below a folder; links are not followed, and left out."""
    waiting = [folder]
    while waiting:
        parent = waiting.pop()
        for name, status in files.entries(parent):
            if is_folder(status):
                waiting.append(parent / name)
            elif is_file(status):
                yield parent / name, status


def _folders(files: Files, parent: Path) -> Iterator[tuple[str, stat_result]]:
    with contextlib.suppress(FileNotFoundError):
        yield from ((n, s) for n, s in files.entries(parent) if is_folder(s))
