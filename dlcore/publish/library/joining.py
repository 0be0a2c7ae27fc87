"""Joins the shards of a library: puts what they have published into the catalog, by one change.

Guarantees: of what is new to the catalog, each manifest and each object is at the site then
(`lost_content`); its shard has looked at the objects of what is not new. The parts of a signed site
are not taken from the site itself: whoever can write there could choose what is signed.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from dlcore.errors import ConfigError, DlcoreError, LockedError, NotFoundError
from dlcore.model import CATALOG_KEY, CatalogEntry
from dlcore.publish.admission import with_entries
from dlcore.publish.destination import Destination
from dlcore.publish.library.lost_content import Entered, check_is_there
from dlcore.publish.library.one_content import Refusal
from dlcore.publish.library.shards import CatalogPart, Shard, read_part
from dlcore.publish.opening import open_destination
from dlcore.publish.policy import DEFAULT_POLICY, PublishPolicy
from dlcore.publish.prune_mark import PruneWatch, now_utc
from dlcore.publish.site_catalog import packages_of
from dlcore.publish.trusted_catalog import catalog_of

log = logging.getLogger("dlcore.publish")


class JoinedShards(msgspec.Struct, frozen=True):
    """The result of joining shards.

    Attributes:
        shards: Their number.
        entered: Number of packages whose entry in the catalog is new or another one.
        unchanged: Number of packages whose entry it had already.
        gone: Ids that the catalog has and the library did not. They stay published.
        refused: What the shards did not publish, or the catalog does not accept, and why.
    """

    shards: int
    entered: int
    unchanged: int
    gone: tuple[str, ...]
    refused: tuple[Refusal, ...]


def join_shards(
    shards: int,
    *,
    destination: str,
    parts: str = "",
    sign_with: Sequence[Path] = (),
    trust_root: Path | None = None,
    passphrase: bytes | None = None,
    policy: PublishPolicy = DEFAULT_POLICY,
) -> JoinedShards:
    """Put what the shards of a library have published into the catalog.

    The parts are removed afterwards. If this is killed, the same call does the rest.

    Args:
        shards: How many there are.
        destination: The site.
        parts: Where their parts are kept; empty for the site.
        sign_with: As of `publish`.
        trust_root: As of `publish`.
        passphrase: As of `publish`.
        policy: Sizes and limits.

    Raises:
        ConfigError: A shard has not finished, or the site was pruned since it began; or the site is
            signed, and the parts are kept there.
        NotFoundError: A shard has no part.
        IntegrityError: A manifest or an object that a part leads to is not at the site as it was
            published. Nothing was entered; the remedy names the shards to publish again.
        ManifestError: A part or the catalog is malformed.
        TrustError: The site's signatures are not what was signed last.
        StorageError: The disk failed.
        TransferError: The object store failed.
        LockedError: The site is being pruned.
    """
    target = open_destination(destination, policy)
    kept = open_destination(parts, policy) if parts else target
    if sign_with and _lies_in(kept, target):
        raise ConfigError(
            f"{target.name} is signed, and the parts of its shards are kept there: whoever can"
            " write to the site could choose what is signed",
            remedy="Publish the shards with --parts and a place where only publishers can write,"
            " and join them with the same.",
        )
    catalog = catalog_of(target, sign_with, trust_root, passphrase)
    watch = PruneWatch(target, policy, now_utc)
    found = [_read_finished(kept, Shard(number, shards)) for number in range(1, shards + 1)]
    for part in found:
        if part.pruned_by != watch.changed_by:
            raise _pruned_error(target, part.shard)
    catalog.check_root()
    published = packages_of(catalog.read(), target)
    new = [
        Entered(part.shard, package_id, entry)
        for part in found
        for package_id, entry in part.packages.items()
        if published.get(package_id) != entry
    ]
    check_is_there(target, new, policy.looked_at_at_once)
    refused: dict[str, DlcoreError] = {}

    def change(current: bytes | None) -> bytes | None:
        refused.clear()
        document = current
        for part in found:
            changed, reasons = with_entries(
                document,
                part.packages,
                replace=part.replaces,
                source=f"{target.name}/{CATALOG_KEY}",
            )
            document = document if changed is None else changed
            refused.update(reasons)
        return None if document == current else document

    if not watch.change_unless_pruned(catalog.change, change):
        raise _pruned_error(target, found[0].shard)
    kept.remove([part.shard.key for part in found])
    return _joined(found, published, refused)


def _lies_in(parts: Destination, target: Destination) -> bool:
    """Whether parts are kept at the site itself."""
    if parts.folder is not None and target.folder is not None:
        return parts.folder.resolve().is_relative_to(target.folder.resolve())
    return f"{parts.name.rstrip('/')}/".startswith(f"{target.name.rstrip('/')}/")


def _read_finished(parts: Destination, shard: Shard) -> CatalogPart:
    part = read_part(parts, shard)
    if part is None:
        raise NotFoundError(
            f"shard {shard} has no part at {parts.name}",
            remedy=f"Publish it with --shard {shard}, or say how many shards there are.",
        )
    if not part.is_complete:
        raise ConfigError(
            f"shard {shard} has not finished",
            remedy=f"Wait for it. If it was killed, publish it again with --shard {shard}: it goes"
            " on from what is there.",
        )
    return part


def _pruned_error(target: Destination, shard: Shard) -> LockedError:
    return LockedError(
        f"{target.name} was pruned since shard {shard} began, so what it found there may be gone",
        remedy=f"Publish it again with --shard {shard}, then join; what is stored is not sent"
        " again.",
    )


def _entries(parts: Iterable[CatalogPart]) -> dict[str, CatalogEntry]:
    return {key: entry for part in parts for key, entry in part.packages.items()}


def _joined(
    parts: Sequence[CatalogPart],
    published: Mapping[str, CatalogEntry],
    refused: Mapping[str, DlcoreError],
) -> JoinedShards:
    entries = {key: entry for key, entry in _entries(parts).items() if key not in refused}
    unchanged = sum(published.get(key) == entry for key, entry in entries.items())
    told = [*itertools.chain.from_iterable(part.refused for part in parts)]
    told += [Refusal.of(key, error) for key, error in refused.items()]
    log.info("%d shards are joined: %d packages", len(parts), len(entries))
    return JoinedShards(
        shards=len(parts),
        entered=len(entries) - unchanged,
        unchanged=unchanged,
        gone=tuple(sorted(key for part in parts for key in part.gone)),
        refused=tuple(sorted(told, key=lambda each: each.package_id)),
    )
