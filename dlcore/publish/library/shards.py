"""Divides the contents of a library among machines: each publishes a shard, and one joins them.

Each shard writes what it has published to a document of its own, its *part*, and leaves the catalog
alone. Joining puts the entries of all parts into the catalog by one change. So a client sees all of
it or nothing, and only the machine that joins needs the keys of a signed site.

Guarantees: a part names only what is durable at the site. Parts are joined only if all shards have
finished and nothing was pruned since they began. A shard that was killed goes on from its part.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

import msgspec

from dlcore.errors import ConfigError, ManifestError
from dlcore.model import CatalogEntry
from dlcore.publish.destination import Destination
from dlcore.publish.library.one_content import Refusal

MAX_SHARDS: Final = 1000
_WRITTEN = re.compile(r"([0-9]{1,4})/([0-9]{1,4})", re.ASCII)


class Shard(msgspec.Struct, frozen=True):
    """One of the shards.

    Attributes:
        number: Counted from 1.
        of: How many there are.
    """

    number: int = 1
    of: int = 1

    def holds(self, package_id: str) -> bool:
        """Whether something is published by this shard: each id by exactly one of them."""
        digest = hashlib.sha256(package_id.encode()).digest()
        return int.from_bytes(digest[:8], "big") % self.of == self.number - 1

    @property
    def key(self) -> str:
        """Where its part is stored."""
        return f"shards/{self.number}-of-{self.of}.json"

    def __str__(self) -> str:
        """As people write it."""
        return f"{self.number}/{self.of}"


ALL: Final = Shard()
"""The whole library."""


def parse_shard(text: str) -> Shard:
    """Read a shard as people write it, ``2/4``.

    Raises:
        ConfigError: It does not name a shard; the user's fault.
    """
    found = _WRITTEN.fullmatch(text)
    shard = Shard(int(found[1]), int(found[2])) if found else Shard(0, 0)
    if not (1 <= shard.number <= shard.of and 2 <= shard.of <= MAX_SHARDS):
        raise ConfigError(
            f"'{text}' is not a shard",
            remedy=f"Write its number and how many there are, 2 to {MAX_SHARDS}, such as 2/4.",
        )
    return shard


class CatalogPart(msgspec.Struct, frozen=True):
    """What a shard has published so far.

    Attributes:
        schema: 1.
        shard: Which one.
        is_complete: Whether it has finished.
        pruned_by: Which pruning of the site was the last one when it began (`PruneWatch`).
        replaces: Whether other content of the same or a later version may be replaced.
        packages: Entries for the catalog, by package id.
        refused: What was not published.
        gone: Ids that the catalog has and the library does not.
    """

    schema: int
    shard: Shard
    is_complete: bool
    pruned_by: str
    replaces: bool
    packages: dict[str, CatalogEntry] = {}
    refused: tuple[Refusal, ...] = ()
    gone: tuple[str, ...] = ()


def read_part(parts: Destination, shard: Shard) -> CatalogPart | None:
    """The part of a shard; None if it has none yet.

    Args:
        parts: Where parts are kept.
        shard: Which one.

    Raises:
        ManifestError: It is malformed.
        StorageError: The disk failed.
        TransferError: The object store failed.
    """
    document = parts.read_whole(shard.key)
    return None if document is None else decode_part(document, shard, parts.name)


def decode_part(document: bytes, shard: Shard, site_name: str) -> CatalogPart:
    """Read the document of a shard's part.

    Raises:
        ManifestError: It is malformed, or of another shard.
    """
    try:
        part = msgspec.json.decode(document, type=CatalogPart)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        part = None
    if part is None or part.schema != 1 or part.shard != shard:
        raise ManifestError(
            f"{site_name}/{shard.key} is not what dlcore publish --shard writes",
            remedy="Remove it, and publish this shard again; what is stored is not sent again.",
        )
    return part


def write_part(parts: Destination, part: CatalogPart) -> None:
    """Write the part of a shard, durably; it replaces the one that was there."""
    document = msgspec.json.encode(part)
    parts.write(part.shard.key, [memoryview(document)], len(document))
    parts.sync()
