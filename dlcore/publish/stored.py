"""Compares stored objects with their manifest: which blocks are wrong, and which files need them.

Guarantees: content is read in spans of whole blocks, and each worker holds one span in memory. What
is not reported was read completely and matched its digests.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterator
from typing import NamedTuple

from dlcore.model import (
    DIGEST_BYTES,
    BlockInObject,
    FileExtent,
    Manifest,
    Object,
    ObjectIndex,
    object_key,
)
from dlcore.native import verify_blocks
from dlcore.publish.destination import Site
from dlcore.publish.progress import Advance


class Wrong(enum.StrEnum):
    """What is wrong with something that was published."""

    MISSING = "missing"
    SHORTER = "shorter"
    LONGER = "longer"
    MISMATCH = "mismatch"
    MALFORMED = "malformed"  # a document that breaks the rules of its format
    CONTRADICTION = "contradiction"  # a manifest that is not what the catalog says about it


class Damage(NamedTuple):
    """How a stored object differs from its manifest.

    Attributes:
        wrong: What is wrong.
        blocks: The blocks that do not match; all of the object's if its length is wrong or if it
            has one digest for the whole.
    """

    wrong: Wrong
    blocks: tuple[BlockInObject, ...]


def damage_of(
    site: Site, manifest: Manifest, index: ObjectIndex, span_bytes: int, advance: Advance
) -> Damage | None:
    """Read a stored object and compare all of it with the manifest.

    Args:
        site: Where it is stored.
        manifest: The package.
        index: Which of its objects.
        span_bytes: Number of bytes to read at a time.
        advance: Called as bytes are read; it may raise, to end the check.

    Returns:
        What is wrong; None if the object is right.

    Raises:
        DlcoreError: It cannot be read.
    """
    item = manifest.objects[index]
    every = tuple(BlockInObject(block) for block in range(manifest.block_count(index)))
    stored = site.find(object_key(item.name))
    if stored is None:
        return Damage(Wrong.MISSING, every)
    if stored.length_bytes != item.length_bytes:
        is_short = stored.length_bytes < item.length_bytes
        return Damage(Wrong.SHORTER if is_short else Wrong.LONGER, every)
    try:
        if item.digests:
            bad = tuple(_bad_blocks(site, item, manifest.block_bytes, span_bytes, advance))
        else:
            bad = () if _matches_whole(site, item, span_bytes, advance) else every
    except _EndedEarlyError:
        return Damage(Wrong.SHORTER, every)
    return Damage(Wrong.MISMATCH, bad) if bad else None


def files_of(
    site: Site, manifest: Manifest, index: ObjectIndex, damage: Damage
) -> dict[BlockInObject, list[str]]:
    """The paths of the files that need each block that is wrong.

    If packed files share a block that does not match, their own digests tell which of them are
    wrong. If all of them match, the manifest contradicts itself, and all are named.
    """
    named = {}
    for block in damage.blocks:
        extents = list(manifest.file_extents(index, *manifest.block_span(index, block)))
        if damage.wrong is Wrong.MISMATCH:
            extents = [e for e in extents if not _is_right(site, manifest, e)] or extents
        named[block] = [manifest.files[extent.file].path for extent in extents]
    return named


def _bad_blocks(
    site: Site, item: Object, block_bytes: int, span_bytes: int, advance: Advance
) -> Iterator[BlockInObject]:
    for start, data in _spans(site, item, max(span_bytes, block_bytes)):
        first = start // block_bytes
        count = -(-len(data) // block_bytes)
        expected = item.digests[first * DIGEST_BYTES : (first + count) * DIGEST_BYTES]
        for block in verify_blocks(data, block_bytes, expected):
            yield BlockInObject(first + block)
        advance(len(data))


def _matches_whole(site: Site, item: Object, span_bytes: int, advance: Advance) -> bool:
    digest = hashlib.sha256()
    for _, data in _spans(site, item, span_bytes):
        digest.update(data)
        advance(len(data))
    return digest.digest() == item.sha256


def _spans(site: Site, item: Object, step: int) -> Iterator[tuple[int, memoryview]]:
    for start in range(0, item.length_bytes, step):
        end = min(start + step, item.length_bytes)
        data = site.read(object_key(item.name), start, end)
        if len(data) < end - start:
            raise _EndedEarlyError
        yield start, data


class _EndedEarlyError(Exception):
    """An object became shorter while it was read."""


def _is_right(site: Site, manifest: Manifest, extent: FileExtent) -> bool:
    file = manifest.files[extent.file]
    if not file.sha256:
        return False
    name = manifest.objects[file.object].name
    end = file.offset_bytes + file.length_bytes
    return hashlib.sha256(site.read(object_key(name), file.offset_bytes, end)).digest() == (
        file.sha256
    )
