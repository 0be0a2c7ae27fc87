"""Which packages have paths that programs on Windows cannot open. dlcore itself can."""

from __future__ import annotations

from pathlib import PurePosixPath

from dlcore.deployment import TooLong
from dlcore.long_path import MAX_FILE_PATH, MAX_FOLDER_PATH
from dlcore.model import Manifest


def too_long(folder: str, manifest: Manifest) -> TooLong | None:
    """The paths of a package that are too long for most programs; None if none is.

    Args:
        folder: Where its content will lie, absolute.
        manifest: The package.

    Source: learn.microsoft.com/en-us/windows/win32/fileio/maximum-file-path-limitation
    """
    files = [_characters(folder, file.path) for file in manifest.files]
    parents = {str(each) for file in manifest.files for each in PurePosixPath(file.path).parents}
    folders = [_characters(folder, each) for each in parents.union(manifest.folders) - {"."}]
    wrong = [
        *(length for length in files if length > MAX_FILE_PATH),
        *(length for length in folders if length > MAX_FOLDER_PATH),
    ]
    return TooLong(manifest.package_id, len(wrong), max(wrong)) if wrong else None


def _characters(folder: str, path: str) -> int:
    """Windows counts UTF-16 units."""
    return len(f"{folder}\\{path}".encode("utf-16-le", errors="surrogatepass")) // 2
