"""The cache of one state directory: what packages have in common is fetched once."""

from __future__ import annotations

import logging
from pathlib import Path

from dlcore.errors import OwnershipError
from dlcore.model import BlockInPackage, Manifest
from dlcore.store.cache.equality import equal_files
from dlcore.store.cache.index import Index
from dlcore.store.cache.packages import CachedPackages
from dlcore.store.cache.places import Missing, Places
from dlcore.store.cache.policy import CachePolicy
from dlcore.store.cache.reuse import reuse
from dlcore.store.cache.sharing import Sharing
from dlcore.store.files import Files
from dlcore.store.partial import CONTENT, Partial
from dlcore.store.tree import path_of

_log = logging.getLogger(__name__)


class Cache:
    """What this machine has, by content.

    Args:
        files: The disk.
        state: The state directory.
        sharing: Gives files of packages more names.
        policy: The cache's constants.
    """

    def __init__(
        self, files: Files, state: Path, sharing: Sharing, policy: CachePolicy | None = None
    ) -> None:
        self._files = files
        self._finished = state / "packages"
        self._sharing = sharing
        self._policy = policy or CachePolicy()
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

    def share(self, key: str, manifest: Manifest) -> None:
        """Store once what a package that was just finished has in common with finished others.

        Nothing is raised: what cannot be shared is stored twice.
        """
        if self._owns_its_files(key):
            return
        self._packages.update(besides=key)
        large = [
            number
            for number, file in enumerate(manifest.files)
            if file.length_bytes >= self._policy.min_shared_bytes
        ]
        wanted = Missing(key, manifest, large, ())
        places = self._packages.files(wanted, lambda other: not self._owns_its_files(other))
        equal = equal_files(self._files, manifest, places)
        content = self._finished / key / CONTENT
        pairs = [
            (places[number], path_of(content, manifest.files[number].path)) for number in equal
        ]
        if shared_bytes := self._sharing.share(pairs):
            _log.info("package %s: %d bytes are stored already", key, shared_bytes)

    def _owns_its_files(self, key: str) -> bool:
        """Whether a package must not share files: it is not finished, or was lent to be written."""
        folder = self._finished / key
        try:
            return self._files.status(folder) is None or self._sharing.owns_its_files(folder)
        except (OSError, OwnershipError):
            return True

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
