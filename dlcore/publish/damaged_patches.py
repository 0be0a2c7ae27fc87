"""Finds damaged patches of a version, and takes them away.

What a patch was made from is not known any more, so it is not made again here: publishing with the
old version (``patch_from``) does that. Clients need no patch: without the list they fetch blocks.

Guarantees: what is named was read and is wrong. The list goes first, so that no list names what is
not there because of this.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from dlcore.manifest import digest_of
from dlcore.model import Manifest, object_key, patch_list_key
from dlcore.patches import MAX_PATCH_LIST_BYTES
from dlcore.publish.destination import Destination
from dlcore.publish.documents import read_document
from dlcore.publish.objects import ObjectOutcome, distinct_objects, foreseen_outcomes, read_objects
from dlcore.publish.patch_lists import UnusableList, read_patch_list
from dlcore.publish.policy import PublishPolicy

log = logging.getLogger("dlcore.publish")


def damaged_patches(
    target: Destination,
    manifest: Manifest,
    digest: str,
    policy: PublishPolicy,
    *,
    signed: Mapping[str, str] | None = None,
    reads_all: bool = False,
) -> tuple[str, ...]:
    """The keys of a version's patch list and of its damaged objects; empty if all is right.

    Args:
        target: Where the version is published.
        manifest: What it consists of.
        digest: SHA-256 of the manifest document, hex.
        policy: Sizes and limits.
        signed: The SHA-256 of each patch list that was signed, by its manifest's; None if it is
            not known. Clients use no other patch list.
        reads_all: Whether objects are read though the destination recorded what they hold.

    Raises:
        StorageError: The disk failed.
        TransferError: The object store failed.
    """
    key = patch_list_key(digest)
    listed = read_patch_list(target, manifest, digest)
    if listed is None:
        return ()
    if isinstance(listed, UnusableList):
        return (key,)
    if signed is not None:
        document = read_document(target, key, MAX_PATCH_LIST_BYTES) or b""
        if digest_of(document) != signed.get(digest):
            return (key,)
    content = listed.content
    objects = distinct_objects(content)
    if reads_all:
        damaged = list(read_objects(target, content, objects, lambda _: None, policy))
    else:
        found = foreseen_outcomes(target, content, objects, lambda _: None, policy)
        damaged = [name for name, outcome in found.items() if outcome is not ObjectOutcome.PRESENT]
    return (key, *map(object_key, sorted(damaged))) if damaged else ()


def remove_patches(target: Destination, keys: tuple[str, ...]) -> None:
    """Remove what `damaged_patches` has found, durably.

    Raises:
        OwnershipError: There is a link in the place of one of them; it stays.
        StorageError: The disk failed.
        TransferError: The object store failed.
    """
    if not keys:
        return
    for key in keys:
        target.remove([key])
        log.warning("%s: removed %s, which was damaged", target.name, key)
    target.sync()
