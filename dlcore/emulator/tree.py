"""Turns a manifest into the tree of folders and files that a distribution point lists.

Pure. Paths are looked up without regard to case, as on Windows.
"""

from __future__ import annotations

from typing import NamedTuple

from dlcore.model import File, Manifest


class Listing(NamedTuple):
    """The content of a folder: the paths of its folders, and its files, each in path order."""

    path: str
    folders: list[str]
    files: list[File]


class Tree:
    """The folders and files of one package; ``""`` is the path of its root."""

    def __init__(self, manifest: Manifest) -> None:
        self._files: dict[str, File] = {}
        self._folders = {"": Listing("", [], [])}
        for folder in manifest.folders:
            self._folder(folder)
        for file in manifest.files:
            self._files[file.path.casefold()] = file
            self._folder(file.path.rpartition("/")[0]).files.append(file)
        for listing in self._folders.values():
            listing.folders.sort()

    def file(self, path: str) -> File | None:
        """The file at a path; None if there is none."""
        return self._files.get(path.casefold())

    def folder(self, path: str) -> Listing | None:
        """The folder at a path; None if there is none."""
        return self._folders.get(path.casefold())

    def _folder(self, path: str) -> Listing:
        """The listing of a folder; a new one is also added to its parents."""
        key = path.casefold()
        if key not in self._folders:
            self._folders[key] = Listing(path, [], [])
            self._folder(path.rpartition("/")[0]).folders.append(path)
        return self._folders[key]
