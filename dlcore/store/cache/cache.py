"""The cache of one state directory: what packages have in common is fetched once."""

from __future__ import annotations

from pathlib import Path

from dlcore.model import BlockInPackage
from dlcore.store.cache.index import Index
from dlcore.store.cache.packages import CachedPackages
from dlcore.store.cache.places import Places
from dlcore.store.cache.reuse import reuse
from dlcore.store.files import Files
from dlcore.store.partial import Partial


class Cache:
    """What this machine has, by content.

    Args:
        files: The disk.
        state: The state directory.
    """

    def __init__(self, files: Files, state: Path) -> None:
        self._index = Index(files, state)
        self._packages = CachedPackages(files, (state / "packages", state / "partial"), self._index)

    def fill(self, partial: Partial, key: str, *, is_under_way: bool) -> list[BlockInPackage]:
        """Take over what is here of an unfinished package.

        Args:
            partial: The package.
            key: Its key in the store.
            is_under_way: Whether requests for it may be in flight.

        Returns:
            The numbers of the blocks that it has now and had not.

        Raises:
            StorageError: The disk of the package failed.
        """
        self._packages.update(besides=key)
        sources: list[Places] = [self._packages]
        return reuse(partial, key, sources, is_under_way=is_under_way)

    def find_file(self, sha256: bytes, length_bytes: int | None = None) -> Path | None:
        """A file with this SHA-256, hashed just now; None if there is none.

        The file belongs to a package of the state directory: read from it, write nothing, and
        verify what comes of it, since a program may change it at any time.

        Args:
            sha256: The digest.
            length_bytes: Its length, if it is known: then fewer files are hashed to find it.
        """
        self._packages.update()
        return self._packages.find_file(sha256, length_bytes)

    def close(self) -> None:
        """Close the index. Idempotent."""
        self._index.close()
