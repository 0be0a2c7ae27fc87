"""A catalog whose changes are noted in the history of the site.

Guarantees: the catalog never stops naming a manifest of which the history does not say that it was
published. If the rest cannot be noted after the change, whoever looks next does so.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from dlcore.errors import DlcoreError
from dlcore.publish.destination import Change, Destination
from dlcore.publish.history import history_of, look, named_in
from dlcore.publish.prune_mark import Now, now_utc
from dlcore.publish.site_catalog import NO_LISTS, PatchLists, SiteCatalog

log = logging.getLogger("dlcore.publish")


class NotedCatalog:
    """A `SiteCatalog`.

    Args:
        target: The site.
        catalog: Its catalog, signed or not.
        now: This machine's clock.
    """

    def __init__(self, target: Destination, catalog: SiteCatalog, now: Now = now_utc) -> None:
        self._target = target
        self._catalog = catalog
        self._now = now

    def read(self) -> bytes | None:
        """The document; raises as that of the catalog."""
        return self._catalog.read()

    def signed_patch_lists(self) -> Mapping[str, str] | None:
        """As that of the catalog; raises as `read`."""
        return self._catalog.signed_patch_lists()

    def check_root(self) -> None:
        """As that of the catalog."""
        self._catalog.check_root()

    def change(self, change: Change, patch_lists: PatchLists = NO_LISTS) -> None:
        """Replace it atomically; see `SiteCatalog.change`.

        Raises:
            ManifestError: The history is malformed. Nothing was changed.
        """
        is_noted = True

        def guarded(current: bytes | None) -> bytes | None:
            nonlocal is_noted
            document = change(current)
            is_noted = document is None or self._is_noted(current, document)
            return document if is_noted else None

        self._catalog.change(guarded, patch_lists)
        while not is_noted:
            look(self._target, self.read, self._now)
            self._catalog.change(guarded, patch_lists)
        try:
            look(self._target, self.read, self._now)
        except DlcoreError as error:  # the catalog is changed, and that is what was asked for
            log.warning("the next publisher notes what was replaced now: %s", error)

    def _is_noted(self, current: bytes | None, document: bytes) -> bool:
        """Whether all that the catalog would stop naming is noted as published."""
        name = self._target.name
        left = named_in(current, name) - named_in(document, name)
        history = history_of(self._target)
        published = history.published if history else {}
        return all(each in published and published[each] is None for each in left)
