"""The cache of one state directory: what packages have in common is fetched once."""

from __future__ import annotations

import logging
from pathlib import Path

from dlcore.errors import OwnershipError
from dlcore.model import BlockInPackage, Manifest
from dlcore.store.cache.equality import equal_files
from dlcore.store.cache.index import Index
from dlcore.store.cache.local_sources import FilePosition, Missing
from dlcore.store.cache.packages import CachedPackages
from dlcore.store.cache.policy import CachePolicy
from dlcore.store.cache.sharing import Sharing
from dlcore.store.files import Files
from dlcore.store.partial import CONTENT
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
        self,
        files: Files,
        state: Path,
        sharing: Sharing,
        policy: CachePolicy | None = None,
    ) -> None:
        self._files = files
        self._finished = state / "packages"
        self._sharing = sharing
        self._policy = policy or CachePolicy()
        self._index = Index(files, state)
        self._packages = CachedPackages(files, (state / "packages", state / "partial"), self._index)

    def files(self, missing: Missing) -> dict[int, Path]:
        """Where files of a package may lie: `LocalSource`."""
        return self._packages.files(missing) if self._packages.update(missing.key) else {}

    def blocks(self, missing: Missing) -> dict[BlockInPackage, FilePosition]:
        """Where blocks of a package may lie: `LocalSource`."""
        return self._packages.blocks(missing) if self._packages.update(missing.key) else {}

    def share(self, key: str, manifest: Manifest) -> None:
        """Store once what a package that was just finished has in common with finished others.

        Nothing is raised: what cannot be shared is stored twice.
        """
        if self._owns_its_files(key) or not self._packages.update(besides=key):
            return
        large = [
            number
            for number, file in enumerate(manifest.files)
            if file.length_bytes >= self._policy.min_shared_bytes
        ]
        wanted = Missing(key, manifest, large, ())
        places = self._packages.files(wanted, lambda other: not self._owns_its_files(other))
        places = {n: path for n, path in places.items() if path.is_relative_to(self._finished)}
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

    def close(self) -> None:
        """Close the index. Idempotent."""
        self._index.close()
