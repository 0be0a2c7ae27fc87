"""Finds what shards have published and the site has lost since, before their parts are joined.

Guarantees: of each entry, the manifest is read, and each object is there with its length. No object
is read: a shard has hashed what it wrote, and ``dlcore verify`` reads all. It costs one document
for each entry and one look at each object, several at the same time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from dlcore.errors import IntegrityError
from dlcore.model import CatalogEntry, Manifest, manifest_key, object_key
from dlcore.publish.destination import Destination
from dlcore.publish.library.shards import Shard
from dlcore.publish.reading import map_ahead
from dlcore.publish.site import read_manifest
from dlcore.publish.stored import Wrong

MAX_NAMED: Final = 10
"""What is lost and named in the message; more would hide what to do about it."""


class Entered(NamedTuple):
    """What a shard has published of a package.

    Attributes:
        shard: The shard.
        package_id: The package.
        entry: Its entry for the catalog.
    """

    shard: Shard
    package_id: str
    entry: CatalogEntry


class _Lost(NamedTuple):
    entered: Entered
    key: str
    wrong: str

    def __str__(self) -> str:
        shard, package_id, _ = self.entered
        return f"{self.key} of {package_id} (shard {shard}) is {self.wrong}"


def check_is_there(target: Destination, entries: Sequence[Entered], at_once: int) -> None:
    """Refuse entries that lead to what is not at the site as it was published.

    Args:
        target: The site.
        entries: What is to be entered into its catalog.
        at_once: How many documents or objects to look at at the same time.

    Raises:
        IntegrityError: Something is not there as it was published; the shards are named.
        StorageError: The site's disk failed.
        TransferError: The object store failed.
    """
    lost = list(_lost(target, entries, at_once))
    if not lost:
        return
    named = "; ".join(map(str, lost[:MAX_NAMED]))
    more = f"; and {len(lost) - MAX_NAMED} more" if len(lost) > MAX_NAMED else ""
    shards = sorted({each.entered.shard for each in lost}, key=lambda shard: shard.number)
    again = ", ".join(f"--shard {shard}" for shard in shards)
    raise IntegrityError(
        f"{target.name} has lost what shards have published: {named}{more}",
        path=lost[0].key,
        remedy=f"Publish again: {again}; then join. What is stored is not sent again.",
    )


def _lost(target: Destination, entries: Sequence[Entered], at_once: int) -> Iterator[_Lost]:
    needed: dict[str, tuple[Entered, int]] = {}  # by its key, who needs an object, and its length
    found = map_ahead(lambda each: read_manifest(target, *each[1:]), entries, at_once)
    for entered, manifest in zip(entries, found, strict=True):
        if isinstance(manifest, Manifest):
            for item in manifest.objects:
                needed.setdefault(object_key(item.name), (entered, item.length_bytes))
        else:
            wrong, detail = manifest
            told = f"{wrong.value}{detail and f' ({detail})'}"
            yield _Lost(entered, manifest_key(entered.entry.manifest), told)
    there = map_ahead(target.find, needed, at_once)
    for (key, (entered, length_bytes)), stored in zip(needed.items(), there, strict=True):
        if stored is None:
            yield _Lost(entered, key, Wrong.MISSING.value)
        elif stored.length_bytes != length_bytes:
            is_short = stored.length_bytes < length_bytes
            yield _Lost(entered, key, (Wrong.SHORTER if is_short else Wrong.LONGER).value)
