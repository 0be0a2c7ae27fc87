"""Where the entries of published contents go: into the catalog, or into the part of a shard.

Guarantees: everything that an entry names is durable at the site before the entry is. What a
pruning may have removed meanwhile is not entered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from dlcore.errors import DlcoreError
from dlcore.model import CatalogEntry
from dlcore.publish.library.one_content import Refusal

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
