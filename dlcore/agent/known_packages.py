"""Where each package stands, as far as it is known; no content is read, no network is asked."""

from __future__ import annotations

from dlcore.agent.interface import PackageState, PackageStatus
from dlcore.agent.troubles import trouble_of
from dlcore.engine.client import Client
from dlcore.engine.events import Event, PackageReady, PackageStarted
from dlcore.errors import DlcoreError
from dlcore.model import Catalog


class KnownPackages:
    """What catalog, events and downloads tell of packages.

    Args:
        client: Downloads them.

    Attributes:
        catalog: The one that is used; None before the first one was read.
    """

    def __init__(self, client: Client) -> None:
        self.catalog: Catalog | None = None
        self._client = client
        self._ready: set[str] = set()

    def use(self, catalog: Catalog) -> None:
        """A catalog is used from now on; with another one, packages may have other versions."""
        if catalog is not self.catalog:
            self.catalog = catalog
            self._ready.clear()

    def hear(self, event: Event) -> None:
        """Something happened: a listener of the engine's bus."""
        if isinstance(event, PackageReady):
            self._ready.add(event.package)
        elif isinstance(event, PackageStarted):
            # Whatever else was removed to make room for it is not there any more either.
            self._ready = {each for each in self._ready if self._is_in_place(each)}
            self._ready.discard(event.package)

    def _is_in_place(self, package_id: str) -> bool:
        entry = self.catalog.packages.get(package_id) if self.catalog else None
        if entry is None:
            return False
        folder = self._client.store.content_folder(package_id, entry.version, entry.manifest)
        return folder.exists()

    def proven(self, package_id: str) -> None:
        """A package was handed out."""
        self._ready.add(package_id)

    def is_ready(self, package_id: str) -> bool:
        """Whether a package is complete."""
        return package_id in self._ready

    def missing_bytes(self, package_id: str) -> int:
        """How much of a package is not verified on disk; 0 if the catalog does not know it."""
        entry = self.catalog.packages.get(package_id) if self.catalog else None
        if entry is None:
            return 0
        there_bytes = self._verified_bytes(package_id, entry.content_bytes)
        return max(0, entry.content_bytes - there_bytes)

    def status(
        self, package_id: str, *, is_wanted: bool, error: DlcoreError | None
    ) -> PackageStatus:
        """Where a package stands.

        Args:
            package_id: Its id.
            is_wanted: Whether somebody wants it or waits for it.
            error: What it failed with last; None: it did not.
        """
        is_ready = self.is_ready(package_id)
        trouble = trouble_of(error) if error and not is_ready else None
        state = self._state(package_id, is_wanted=is_wanted, has_failed=trouble is not None)
        entry = self.catalog.packages.get(package_id) if self.catalog else None
        if entry is None:
            return PackageStatus(package_id, state, trouble=trouble)
        folder = self._client.store.content_folder(package_id, entry.version, entry.manifest)
        return PackageStatus(
            package_id,
            state,
            str(entry.version),
            entry.manifest,
            self._verified_bytes(package_id, entry.content_bytes),
            entry.content_bytes,
            str(folder) if is_ready else "",
            trouble,
        )

    def _state(self, package_id: str, *, is_wanted: bool, has_failed: bool) -> PackageState:
        content = self._client.opened_content
        if self.is_ready(package_id):
            return PackageState.READY
        if has_failed:
            return PackageState.FAILED
        if content and content.location(package_id):
            return PackageState.FETCHING
        return PackageState.WAITING if is_wanted else PackageState.UNKNOWN

    def _verified_bytes(self, package_id: str, content_bytes: int) -> int:
        content = self._client.opened_content
        if self.is_ready(package_id):
            return content_bytes
        return content.downloads.verified_bytes(package_id, content_bytes) if content else 0
