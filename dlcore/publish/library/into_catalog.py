"""Enters published contents into the catalog of a site, and takes out what is withdrawn.

Guarantees: as of `entering`.
"""

from __future__ import annotations

from collections.abc import Sequence

from dlcore.errors import DlcoreError
from dlcore.model import CATALOG_KEY
from dlcore.publish.admission import with_entries
from dlcore.publish.destination import Destination
from dlcore.publish.library.entering import Entries, Refused
from dlcore.publish.library.one_content import Refusal
from dlcore.publish.library.withdrawing import withdraw
from dlcore.publish.policy import PublishPolicy
from dlcore.publish.prune_mark import Now, PruneWatch
from dlcore.publish.site_catalog import SiteCatalog


class IntoCatalog:
    """Enters contents into the catalog of a site.

    Args:
        target: The site.
        catalog: Its catalog.
        published: What the catalog states.
        replace: Whether other content of the same or a later version may be replaced.
        policy: Sizes and limits.
        now: This machine's clock.
    """

    def __init__(
        self,
        target: Destination,
        catalog: SiteCatalog,
        published: Entries,
        *,
        replace: bool,
        policy: PublishPolicy,
        now: Now,
    ) -> None:
        self._target = target
        self._catalog = catalog
        self._replace = replace
        self._policy = policy
        self._watch = PruneWatch(target, policy, now)
        self._published = dict(published)
        self.known: Entries = published
        self.documents = 0

    def begin(self) -> None:
        """Do nothing; see `Entering`. A catalog does not say what is finished."""

    def enter(self, entries: Entries) -> Refused | None:
        """See `Entering`."""
        if all(self._published.get(own) == entry for own, entry in entries.items()):
            return {}
        self._target.sync()
        refused: dict[str, DlcoreError] = {}
        is_changed = False

        def change(current: bytes | None) -> bytes | None:
            nonlocal is_changed
            refused.clear()
            document, reasons = with_entries(
                current,
                entries,
                replace=self._replace,
                source=f"{self._target.name}/{CATALOG_KEY}",
            )
            refused.update(reasons)
            is_changed = document is not None
            return document

        if not self._watch.change_unless_pruned(self._catalog.change, change):
            return None
        self._published.update({own: entry for own, entry in entries.items() if own not in refused})
        if is_changed:
            self.documents += 1
        return refused

    def finish(self, refused: Sequence[Refusal], gone: Sequence[str]) -> None:
        """Do nothing: the catalog says it all."""

    def withdraw(self, gone: Sequence[str]) -> tuple[str, ...]:
        """Take out what it stated when this began, unless it states something else by now.

        Returns:
            Ids of what was taken out; raises as `withdrawing.withdraw`.
        """
        entries = {own: self.known[own] for own in gone}
        at_once = self._policy.looked_at_at_once
        out = withdraw(self._target, self._catalog, entries, self._watch, at_once)
        if out:
            self.documents += 1
        return out
