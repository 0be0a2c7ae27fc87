"""Content that lies in a finished package: each block is verified while it is copied."""

from __future__ import annotations

from pathlib import Path

from dlcore.engine.delivery.target import Look
from dlcore.errors import IntegrityError
from dlcore.store import Package, Store
from dlcore.store.seeding import seed
from dlcore.waiting import in_thread


class Copying:
    """Copies a package out of its folder. Implements `delivering.Source`.

    Args:
        folder: Holds the package's files; nothing in it is believed.
        package: What is copied.

    Attributes:
        kept_bytes: 0: what a failed copy leaves is not worth keeping.
    """

    kept_bytes = 0

    def __init__(self, folder: Path, package: Package) -> None:
        self._folder = folder
        self._package = package

    async def fill(self, store: Store, look: Look) -> None:
        """Copy and verify all blocks.

        Raises:
            IntegrityError: The folder does not hold the package.
            StorageError: The disk of the store failed.
        """
        await in_thread(self._copy, store)

    def _copy(self, store: Store) -> None:
        partial = store.begin(*self._package)
        try:
            seed(partial, self._folder)
            if partial.complete:
                partial.finish()
                return
        finally:
            partial.close()
        raise IntegrityError(
            f"package {self._package.manifest.package_id} was altered on disk after it was"
            f" verified: {self._folder}",
            remedy="Run again: what is wrong is fetched again.",
        )
