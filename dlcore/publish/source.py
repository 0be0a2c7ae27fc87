"""The folder to be published, as it is before anything is read from it.

Guarantees: only plain files and folders with names that are safe everywhere; sorted by path, so
that the same tree gives the same result whatever order the disk lists it in. A name that is not
in Unicode normalization form C on disk is published in that form and read by its own.
"""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from dlcore.errors import ConfigError, ManifestError
from dlcore.manifest import check_path, check_together
from dlcore.publish.disk import disk_faults


class SourceFile(msgspec.Struct, frozen=True):
    """A file to be published.

    Attributes:
        path: Its path in the package.
        location: Where it is on disk.
        length_bytes: Its length when the folder was listed.
        modified_ns: When it had been modified, as the disk said then.
        sha256: What its digest must be; empty if nobody has said so.
    """

    path: str
    location: Path
    length_bytes: int
    modified_ns: int
    sha256: bytes = b""


class Source(msgspec.Struct, frozen=True):
    """What is to be published.

    Attributes:
        files: In path order.
        folders: Paths of the empty ones.
        version: What it says of its own version; 1 if nothing.
    """

    files: tuple[SourceFile, ...]
    folders: tuple[str, ...]
    version: int = 1


def list_source(root: Path) -> Source:
    """List a folder and all below it.

    Raises:
        ConfigError: It is not a folder, or holds something that cannot be published.
        StorageError: The disk refuses to list it.
    """
    if not root.is_dir():
        raise ConfigError(f"{root} is not a folder", remedy="Name the folder to be published.")
    files: list[SourceFile] = []
    empty: list[str] = []
    pending = [root]
    while pending:
        folder = pending.pop()
        found = _entries(folder)
        if not found and folder != root:
            empty.append(_package_path(root, folder))
        for location, status in found:
            if stat.S_ISDIR(status.st_mode):
                pending.append(location)
            else:
                files.append(_file(root, location, status))
    with blaming(root):
        check_together([*(file.path for file in files), *empty])
    return Source(tuple(sorted(files, key=lambda file: file.path)), tuple(sorted(empty)))


def _entries(folder: Path) -> list[tuple[Path, os.stat_result]]:
    with disk_faults(folder), os.scandir(folder) as entries:
        return [(Path(entry.path), entry.stat(follow_symlinks=False)) for entry in entries]


def _file(root: Path, location: Path, status: os.stat_result) -> SourceFile:
    path = _package_path(root, location)
    if not stat.S_ISREG(status.st_mode):
        raise ConfigError(
            f"{location} is a link or a special file",
            remedy="Replace it by a plain file or folder, or remove it.",
        )
    return SourceFile(path, location, status.st_size, status.st_mtime_ns)


def _package_path(root: Path, location: Path) -> str:
    path = unicodedata.normalize("NFC", location.relative_to(root).as_posix())
    with blaming(root):
        check_path(path)
    return path


@contextmanager
def blaming(root: Path) -> Iterator[None]:
    """Blame the folder for names that a manifest must not hold."""
    try:
        yield
    except ManifestError as error:
        raise ConfigError(f"in {root}: {error.message}", remedy=error.remedy) from error
