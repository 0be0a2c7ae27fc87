"""Lists the folder to be published, without reading its content.

Guarantees: only plain files and folders, with names that are safe on every system. They are sorted
by path, so the same tree always gives the same result. A name that is not in Unicode normalization
form C on disk is published in form C, and read under the name that it has on disk.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from dlcore.disk.links import is_file, is_folder
from dlcore.errors import ConfigError, ManifestError
from dlcore.manifest import check_path, check_together
from dlcore.plain_files import is_folder_there
from dlcore.publish.disk import disk_faults

Entries = Callable[[Path], list[tuple[Path, os.stat_result]]]
"""Lists a folder: the path of each entry, and its status, links not followed."""


class SourceFile(msgspec.Struct, frozen=True):
    """A file to be published.

    Attributes:
        path: Its path inside the package.
        location: Where it is on disk.
        length_bytes: Its length when the folder was listed.
        modified_ns: Its time of modification when the folder was listed, in ns since 1970.
        sha256: The SHA-256 digest that it must have; empty if none was stated.
    """

    path: str
    location: Path
    length_bytes: int
    modified_ns: int
    sha256: bytes = b""


class Source(msgspec.Struct, frozen=True):
    """The files and empty folders to be published.

    Attributes:
        files: The files, in path order.
        folders: Paths of the empty folders, in order.
        version: The version that the source states for itself; 1 if it states none.
        contradicts_itself: Whether it states a package content hash that its files do not have.
    """

    files: tuple[SourceFile, ...]
    folders: tuple[str, ...]
    version: int = 1
    contradicts_itself: bool = False


def list_source(root: Path, entries: Entries | None = None) -> Source:
    """List a folder and everything below it.

    Args:
        root: The folder.
        entries: Lists one folder; by default as the disk does.

    Raises:
        ConfigError: It is not a folder, or holds something that cannot be published; the user's
            fault.
        StorageError: The disk cannot be listed.
    """
    if not is_folder_there(root):
        raise ConfigError(f"{root} is not a folder", remedy="Name the folder to be published.")
    files: list[SourceFile] = []
    empty: list[str] = []
    pending = [root]
    while pending:
        folder = pending.pop()
        found = (entries or _entries)(folder)
        if not found and folder != root:
            empty.append(_package_path(root, folder))
        for location, status in found:
            if is_folder(status):
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
    if not is_file(status):
        raise ConfigError(
            f"{location} is a link or a special file",
            remedy="Replace it with a plain file or folder, or remove it.",
        )
    return SourceFile(path, location, status.st_size, status.st_mtime_ns)


def _package_path(root: Path, location: Path) -> str:
    path = unicodedata.normalize("NFC", location.relative_to(root).as_posix())
    with blaming(root):
        check_path(path)
    return path


@contextmanager
def blaming(root: Path) -> Iterator[None]:
    """Turn a refused name into a `ConfigError` that names the folder."""
    try:
        yield
    except ManifestError as error:
        raise ConfigError(f"in {root}: {error.message}", remedy=error.remedy) from error
