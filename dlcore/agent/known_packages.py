"""Where each package stands, as far as it is known; no content is read, no network is asked.

The disk is asked whether what was complete is still there: it may have given way to others.

A package is named as it is among the downloads (`dlcore.engine.download.version_names`).
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from dlcore.agent.errors_over_http import trouble_of
from dlcore.agent.interface import PackageState, PackageStatus
from dlcore.engine.client import Client
from dlcore.engine.download.patch_names import patches_of
from dlcore.engine.download.version_names import package_id_of
from dlcore.engine.events import Event, PackageReady, PackageStarted
from dlcore.errors import DlcoreError
from dlcore.model import Catalog, CatalogEntry


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
        self._received_bytes = Counter[str]()  # by downloads that were closed
        self._locations: dict[str, str] = {}

    def use(self, catalog: Catalog) -> None:
        """A catalog is used from now on; with another one, packages may have other versions."""
        if catalog is not self.catalog:
            self.catalog = catalog
            self._ready.clear()

    def hear(self, event: Event) -> None:
        """Take note of an event: a listener of the engine's bus."""
        if isinstance(event, PackageReady):
            self._ready.add(event.package)
        elif isinstance(event, PackageStarted):
            self._ready.discard(event.package)

    async def put_away(self) -> None:
        """Stop all downloads, and remember what they have come to.

        Raises:
            DlcoreError: They cannot be stopped.
        """
        content = self._client.opened_content
        try:
            await self._client.stop_downloads()
        finally:
            if content:
                received_bytes = content.downloads.meter.received_bytes
                self._received_bytes.update(received_bytes)
                for name in received_bytes:
                    self._locations[name] = content.location(name) or self._locations.get(name, "")

    def _entry(self, name: str) -> CatalogEntry | None:
        known = self.catalog.packages.get(name) if self.catalog else None
        return known or self._client.catalogs.other_versions.get(name)

    def _folder(self, name: str, entry: CatalogEntry) -> Path:
        store = self._client.store
        return store.content_folder(package_id_of(name), entry.version, entry.manifest)

    def _is_in_place(self, name: str) -> bool:
        entry = self._entry(name)
        return entry is not None and self._folder(name, entry).exists()

    def proven(self, name: str) -> None:
        """A package was handed out."""
        self._ready.add(name)

    def is_ready(self, name: str) -> bool:
        """Whether a package is complete, and still there."""
        return name in self._ready and self._is_in_place(name)

    def missing_bytes(self, name: str) -> int:
        """How much of a package is not verified on disk; 0 if the catalog does not know it."""
        entry = self._entry(name)
        if entry is None:
            return 0
        there_bytes = self._verified_bytes(name, entry.content_bytes)
        return max(0, entry.content_bytes - there_bytes)

    def status(self, name: str, *, is_wanted: bool, error: DlcoreError | None) -> PackageStatus:
        """Where a package stands.

        Args:
            name: Its name.
            is_wanted: Whether somebody wants it or waits for it.
            error: Its last failure; None: it has not failed.
        """
        is_ready = self.is_ready(name)
        trouble = trouble_of(error) if error and not is_ready else None
        state = self._state(name, is_wanted=is_wanted, has_failed=trouble is not None)
        entry = self._entry(name)
        if entry is None:
            return PackageStatus(package_id_of(name), state, trouble=trouble, name=name)
        return PackageStatus(
            package_id_of(name),
            state,
            str(entry.version),
            entry.manifest,
            self._verified_bytes(name, entry.content_bytes),
            entry.content_bytes,
            str(self._folder(name, entry)) if is_ready else "",
            trouble,
            name=name,
            received_bytes=self._received(name),
            location=self._location(name),
            truth="content-library" if entry.content_hash else "manifest",
        )

    def _received(self, name: str) -> int:
        content = self._client.opened_content
        now_bytes = content.downloads.meter.received_bytes if content else Counter[str]()
        named = (name, patches_of(name))
        return sum(self._received_bytes[each] + now_bytes[each] for each in named)

    def _location(self, name: str) -> str:
        content = self._client.opened_content
        found = (content.location(name) if content else "") or self._locations.get(name, "")
        return found.removesuffix(name) + package_id_of(name) if found else ""

    def _state(self, name: str, *, is_wanted: bool, has_failed: bool) -> PackageState:
        content = self._client.opened_content
        if self.is_ready(name):
            return PackageState.READY
        if has_failed:
            return PackageState.FAILED
        if content and content.location(name):
            return PackageState.FETCHING
        return PackageState.WAITING if is_wanted else PackageState.UNKNOWN

    def _verified_bytes(self, name: str, content_bytes: int) -> int:
        content = self._client.opened_content
        if self.is_ready(name):
            return content_bytes
        return content.downloads.verified_bytes(name, content_bytes) if content else 0
