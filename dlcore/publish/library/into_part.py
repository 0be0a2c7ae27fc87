"""Enters published contents into the part of a shard.

Guarantees: as of `entering`; a part that is not complete is never taken for one that is.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from dlcore.publish.destination import Destination
from dlcore.publish.library.entering import Entries, Refused
from dlcore.publish.library.one_content import Refusal
from dlcore.publish.library.shards import CatalogPart, Shard, read_part, write_part
from dlcore.publish.policy import PublishPolicy
from dlcore.publish.prune_mark import Now, PruneWatch


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
        self._part = CatalogPart(1, shard, False, pruned_by, replace, packages)
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

    def _write(self, part: CatalogPart) -> None:
        self._part = part
        if part != self._written:
            self._target.sync()
            write_part(self._parts, part)
            self._written = part
            self.documents += 1
