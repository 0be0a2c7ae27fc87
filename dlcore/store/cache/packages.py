"""The packages of the state directory as a source of content, by way of the index.

The index is brought up to date from what is on disk whenever it is asked: that is how it is made
the first time, too, and how it is made again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from dlcore.disk.links import is_file, is_folder
from dlcore.errors import ManifestError, OwnershipError
from dlcore.model import BlockInPackage, Manifest
from dlcore.store.cache.contents import Contents, content_name, short
from dlcore.store.cache.index import FileWish, Index
from dlcore.store.cache.local_sources import FilePosition, Missing
from dlcore.store.files import Files
from dlcore.store.manifest_file import manifest_in
from dlcore.store.partial import CONTENT
from dlcore.store.tree import path_of


class CachedPackages:
    """Finished and unfinished packages below the state directory.

    Args:
        files: The disk.
        folders: Where packages are, the best source first.
        index: Says which of them has what.
    """

    def __init__(self, files: Files, folders: tuple[Path, ...], index: Index) -> None:
        self._files = files
        self._folders = folders
        self._index = index

    def keys(self) -> set[str]:
        """Keys of all packages that are there."""
        return {key for folder in self._folders for key in self._names(folder)}

    def manifest(self, key: str) -> Manifest | None:
        """The manifest of a package; None if it is not there, or not the one that the key names."""
        found = (manifest_in(self._files, folder / key) for folder in self._folders)
        return next((manifest for manifest in found if manifest), None)

    def update(self, besides: str = "") -> bool:
        """Bring the index up to date.

        Args:
            besides: Key of a package that need not be in it: the only one, maybe.

        Returns:
            Whether there is any other package. If not, there need be no index.
        """
        there = self.keys() - {besides}
        if not there:
            return False
        known = self._index.packages()
        for key in known - there - {besides}:
            self._index.drop(key)
        for key in sorted(there - known):
            manifest = self.manifest(key)
            self._index.add(key, Contents.of(manifest) if manifest else Contents([], []))
        return True

    def files(
        self, missing: Missing, accepts: Callable[[str], bool] = lambda key: True
    ) -> dict[int, Path]:
        """Where files of a package may lie: `LocalSource`.

        Args:
            missing: The package.
            accepts: Whether the package with a key may be a source.
        """
        found: dict[int, Path] = {}
        accepted: dict[str, bool] = {}
        for number, key, path in self._index.find_files(_wishes(missing), missing.key):
            if number in found or not 0 <= number < len(missing.manifest.files):
                continue
            if key not in accepted:
                accepted[key] = accepts(key)
            length_bytes = missing.manifest.files[number].length_bytes
            if accepted[key] and (place := self._file_at(key, path, length_bytes)):
                found[number] = place
        return found

    def blocks(self, missing: Missing) -> dict[BlockInPackage, FilePosition]:
        """Where blocks of a package may lie: `LocalSource`."""
        wishes = ((number, short(missing.digest(number))) for number in missing.blocks)
        known: dict[tuple[str, str], Path | None] = {}
        wanted, found = set(missing.blocks), dict[BlockInPackage, FilePosition]()
        for number, key, path, offset_bytes in self._index.find_blocks(wishes, missing.key):
            block = BlockInPackage(number)
            if block in found or block not in wanted or offset_bytes < 0:
                continue
            if (key, path) not in known:
                known[key, path] = self._file_at(key, path)
            if place := known[key, path]:
                found[block] = FilePosition(place, offset_bytes)
        return found

    def _file_at(self, key: str, path: str, length_bytes: int | None = None) -> Path | None:
        """The file of a package, if it is there and has that length."""
        for folder in self._folders:
            try:
                place = path_of(path_of(folder, key) / CONTENT, path)
                status = self._files.status(place)
            except (OSError, OwnershipError, ManifestError):
                continue
            if status and is_file(status) and length_bytes in (None, status.st_size):
                return place
        return None

    def _names(self, folder: Path) -> Iterator[str]:
        try:
            yield from (name for name, status in self._files.entries(folder) if is_folder(status))
        except OSError:
            return


def _wishes(missing: Missing) -> Iterator[FileWish]:
    """The files that are looked for; files of equal content are asked for once each."""
    manifest = missing.manifest
    for number in missing.files:
        file = manifest.files[number]
        if name := content_name(manifest, file):
            yield FileWish(number, name, file.length_bytes)
