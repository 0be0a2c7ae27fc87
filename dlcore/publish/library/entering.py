"""Where the entries of published contents go: into the catalog, or into the part of a shard.

Guarantees: everything that an entry names is durable at the site before the entry is. What a
pruning may have removed meanwhile is not entered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from dlcore.errors import DlcoreError
from dlcore.model import CATALOG_KEY, CatalogEntry
from dlcore.publish.admission import with_entries
from dlcore.publish.destination import Destination
from dlcore.publish.library.one_content import Refusal
from dlcore.publish.library.shards import Part, Shard, read_part, write_part
from dlcore.publish.library.withdrawing import withdraw
from dlcore.publish.policy import PublishPolicy
from dlcore.publish.prune_mark import Now, PruneWatch
from dlcore.publish.site_catalog import SiteCatalog

Entries = Mapping[str, CatalogEntry]
Refused = Mapping[str, DlcoreError]


class Entering(Protocol):
    """Where entries go."""

    @property
    def known(self) -> Entries:
        """What is at the site already, by package id, when this began."""
        ...

    def begin(self) -> None:
        """Publishing begins: what an earlier one has finished is not finished any more."""
        ...

    def enter(self, entries: Entries) -> Refused | None:
        """Enter published contents.

        Returns:
            Why some were refused. None if the site was pruned since they were looked at: nothing
            was entered, and their objects must be looked at again.
        """
        ...

    def finish(self, refused: Sequence[Refusal], gone: Sequence[str]) -> None:
        """Say that nothing follows, and what else there is to tell."""
        ...

    @property
    def documents(self) -> int:
        """How often a document was written."""
        ...


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
        """See `Entering`. The catalog says of nothing that it is finished."""

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
        self.documents += is_changed
        return refused

    def finish(self, refused: Sequence[Refusal], gone: Sequence[str]) -> None:
        """Nothing: the catalog says it all."""

    def withdraw(self, gone: Sequence[str]) -> tuple[str, ...]:
        """Take out what it stated when this began, unless it states something else by now.

        Returns:
            Ids of what was taken out; raises as `withdrawing.withdraw`.
        """
        entries = {own: self.known[own] for own in gone}
        at_once = self._policy.looked_at_at_once
        out = withdraw(self._target, self._catalog, entries, self._watch, at_once)
        self.documents += bool(out)
        return out


class IntoPart:
    """Enters contents into the part of a shard.

    Args:
        target: The site.
        parts: Where parts are kept.
        shard: Which one.
        published: What the catalog states.
        replace: Whether other content of the same or a later version may be replaced.
        policy: Sizes and limits.
        now: This machine's clock.
    """

    def __init__(
        self,
        target: Destination,
        parts: Destination,
        shard: Shard,
        published: Entries,
        *,
        replace: bool,
        policy: PublishPolicy,
        now: Now,
    ) -> None:
        self._target = target
        self._parts = parts
        pruned_by = PruneWatch(target, policy, now).changed_by
        self._written = read_part(parts, shard)
        packages = self._written.packages if self._written else {}
        self._part = Part(1, shard, False, pruned_by, replace, packages)
        self._confirmed: set[str] = set()  # of the packages, those that this run has published
        self.known: Entries = {**published, **packages}
        self.documents = 0

    def begin(self) -> None:
        """See `Entering`. Whoever joins the parts does not take the earlier one for this one."""
        if self._written and self._written.is_complete:
            self._write(self._part)

    def enter(self, entries: Entries) -> Refused | None:
        """See `Entering`. A pruning is noticed by whoever joins the parts."""
        self._confirmed.update(entries)
        packages = {**self._part.packages, **entries}
        if packages != self._part.packages:
            self._write(msgspec.structs.replace(self._part, packages=packages))
        return {}

    def finish(self, refused: Sequence[Refusal], gone: Sequence[str]) -> None:
        """See `Entering`. What only an earlier run has published is not in the library now."""
        packages = {
            own: entry for own, entry in self._part.packages.items() if own in self._confirmed
        }
        self._write(
            msgspec.structs.replace(
                self._part,
                is_complete=True,
                packages=packages,
                refused=tuple(refused),
                gone=tuple(gone),
            )
        )

    def _write(self, part: Part) -> None:
        self._part = part
        if part != self._written:
            self._target.sync()
            write_part(self._parts, part)
            self._written = part
            self.documents += 1
