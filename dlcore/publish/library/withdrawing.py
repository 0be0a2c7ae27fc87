"""Withdraws from the catalog of a site what a content library no longer has.

Their content stays until a pruning removes it, so that clients which began with the catalog before
can fetch the rest. The manifest of what is withdrawn is stored again first, as it is: so no pruning
removes it within a day, and it counts as replaced from then on by the site's clock too
(`replaced.old_versions`).

Guarantees: nothing is withdrawn unless all of the library could be read, and the number of what is
gone is the one that was confirmed. What another publisher has entered meanwhile stays. The catalog
is changed once; nothing is removed, neither before that change nor by it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from dlcore.errors import ConfigError
from dlcore.manifest import MAX_MANIFEST_BYTES, digest_of
from dlcore.model import CATALOG_KEY, CatalogEntry, manifest_key
from dlcore.publish.admission import without_entries
from dlcore.publish.destination import Destination
from dlcore.publish.documents import read_document
from dlcore.publish.library.contents import Contents
from dlcore.publish.prune_mark import PruneWatch
from dlcore.publish.reading import map_ahead
from dlcore.publish.site_catalog import SiteCatalog

log = logging.getLogger("dlcore.publish")


def check_withdrawal(contents: Contents, gone: Sequence[str], confirmed: int, site: str) -> None:
    """Refuse to withdraw what may not be gone, or is not what the user expects.

    Args:
        contents: What the library has.
        gone: Ids that the catalog has and the library does not.
        confirmed: How many the user expects.
        site: Name of the site, for the message.

    Raises:
        ConfigError: It is refused.
    """
    if contents.unreadable:
        package_id, error = next(iter(contents.unreadable.items()))
        others = len(contents.unreadable) - 1
        more = f", and of {others} more," if others else ""
        raise ConfigError(
            f"the library cannot be read as a whole, so nothing of {site} is withdrawn: what it has"
            f" of {package_id}{more} is not known: {error.message}",
            remedy="Repair the library, or publish without --withdraw-gone.",
        )
    if not contents.found:
        raise ConfigError(
            f"the library is empty, so nothing of {site} is withdrawn",
            remedy="Check that it is the right folder, and that its share is available.",
        )
    if len(gone) != confirmed:
        raise ConfigError(
            f"{len(gone)} {'content' if len(gone) == 1 else 'contents'} of {site} left the library,"
            f" not {confirmed}, so none is withdrawn",
            remedy="See which they are with --dry-run and without --withdraw-gone; then say how"
            " many.",
        )


def withdraw(
    target: Destination,
    catalog: SiteCatalog,
    entries: Mapping[str, CatalogEntry],
    watch: PruneWatch,
    at_once: int,
) -> tuple[str, ...]:
    """Take packages out of a catalog.

    Args:
        target: The site.
        catalog: Its catalog.
        entries: What it states of them, by package id. An entry that has changed since then stays.
        watch: Sees prunings since its beginning.
        at_once: How many manifests to store at the same time.

    Returns:
        Ids of what was withdrawn.

    Raises:
        LockedError: The site is being pruned. Nothing was withdrawn.
        StorageError: The site's disk failed.
        TransferError: The object store failed.
    """
    withdrawn: list[str] = []

    def change(current: bytes | None) -> bytes | None:
        source = f"{target.name}/{CATALOG_KEY}"
        document, withdrawn[:] = without_entries(current, entries, source=source)
        return document

    while True:
        for _ in map_ahead(lambda entry: _store_again(target, entry), entries.values(), at_once):
            pass
        target.sync()
        if watch.change_unless_pruned(catalog.change, change):
            break
    for package_id in withdrawn:
        log.info("%s: %s is withdrawn from the catalog", target.name, package_id)
    return tuple(withdrawn)


def _store_again(target: Destination, entry: CatalogEntry) -> None:
    """Store a manifest as it is, so that it is as old as its withdrawal."""
    key = manifest_key(entry.manifest)
    document = read_document(target, key, MAX_MANIFEST_BYTES)
    if document is not None and digest_of(document) == entry.manifest:  # else no client can use it
        target.write(key, [memoryview(document)], len(document))
