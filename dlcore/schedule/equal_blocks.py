"""Blocks that are equal: one of them is fetched, and the others are copied from it.

Blocks with the same digest are a *group*, whichever of the wanted packages they belong to. As long
as one of a group is on its way, those that are missing are *promised*: nobody fetches them. When it
is verified, they are to be copied (`CopyBlocks`). If nothing comes of it, they are missing again.

Guarantees: a block waits only for one that is in flight; or for the rest of one that is fetched in
parts, if the package of that does not come later in deadline order. So no two wait for each other.
A promise ends with the request that it depends on, or when that is late (`Endgame.is_late`).

What each block of a group should be is found out again after each input that changed one of them.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator
from functools import partial as partial_of
from typing import TypeAlias

from dlcore.model import DIGEST_BYTES, BlockExtent, BlockInPackage, Manifest
from dlcore.schedule.block_map import BlockMap
from dlcore.schedule.types import CopyBlocks, Event

PackageBlock: TypeAlias = tuple[BlockMap, BlockInPackage]
"""A block of a package."""


class _Role(enum.Enum):
    """What a block is to the others of its group."""

    OPEN = enum.auto()  # it is missing or promised, and not being copied
    IN_FLIGHT = enum.auto()
    GIVEN_UP = enum.auto()  # the same, but nobody waits for it any more
    COPYING = enum.auto()  # it is being copied from the group's source
    VERIFIED = enum.auto()
    USELESS = enum.auto()  # the same, but it could not be read, or was altered on disk


class Group:
    """The blocks with one digest, of which there may be very many."""

    __slots__ = ("_open", "_roles", "_source")

    def __init__(self) -> None:
        self._roles: dict[PackageBlock, _Role] = {}
        self._open = 0
        self._source: PackageBlock | None = None

    @property
    def is_empty(self) -> bool:
        """Whether no wanted package has such a block."""
        return not self._roles

    @property
    def has_open(self) -> bool:
        """Whether a block is missing or promised, and not being copied."""
        return self._open > 0

    @property
    def open(self) -> list[PackageBlock]:
        """Those blocks."""
        return self._all(_Role.OPEN)

    @property
    def in_flight(self) -> list[PackageBlock]:
        """The blocks on their way for which others may wait."""
        return self._all(_Role.IN_FLIGHT)

    @property
    def source(self) -> PackageBlock | None:
        """The block from which others are copied; None if none is verified."""
        if self._source is None or self._roles.get(self._source) is not _Role.VERIFIED:
            self._source = next(iter(self._all(_Role.VERIFIED)), None)
        return self._source

    def note(self, block: PackageBlock) -> None:
        """A block is new here, or in another state."""
        block_map, number = block
        if block_map.is_verified(number):
            self._set(block, _Role.VERIFIED)
        elif block_map.is_missing(number) or block_map.is_promised(number):
            self._set(block, _Role.OPEN)
        else:
            self._set(block, _Role.IN_FLIGHT)

    def give_up(self) -> None:
        """Nobody waits any more for what is on its way now."""
        for block in self.in_flight:
            self._set(block, _Role.GIVEN_UP)

    def begin_copying(self) -> list[PackageBlock]:
        """All that are missing are going to be copied from the source.

        Returns:
            Those.
        """
        blocks = self.open
        for block in blocks:
            self._set(block, _Role.COPYING)
        return blocks

    def not_copied(self, block: PackageBlock) -> None:
        """A block could not be copied; no other is copied from the same one from now on."""
        if self._roles.get(block) is _Role.COPYING:
            self._set(block, _Role.OPEN)
            if source := self.source:
                self._set(source, _Role.USELESS)

    def remove(self, block: PackageBlock) -> None:
        """A block is not wanted any more."""
        if self._roles.pop(block, None) is _Role.OPEN:
            self._open -= 1

    def _set(self, block: PackageBlock, role: _Role) -> None:
        if self._roles.get(block) is _Role.OPEN:
            self._open -= 1
        if role is _Role.OPEN:
            self._open += 1
        self._roles[block] = role

    def _all(self, role: _Role) -> list[PackageBlock]:
        return [block for block, its in self._roles.items() if its is role]


class EqualBlocks:
    """The equal blocks of all wanted packages.

    Args:
        rank: Place of a package in the deadline order; infinite if it is not to be served.
        is_continued: Whether a block of which parts have arrived, and none is in flight, is going
            to be continued.
        tell: Hears what is to be copied.
    """

    def __init__(
        self,
        rank: Callable[[str], float],
        is_continued: Callable[[BlockMap, BlockInPackage], bool],
        tell: Callable[[Event], None],
    ) -> None:
        self._rank = rank
        self._is_continued = is_continued
        self._tell = tell
        self._first_with: dict[bytes, BlockMap] = {}  # the first package with a digest
        self._groups: dict[bytes, Group] = {}  # of the digests that several blocks have
        self._shared: dict[BlockMap, dict[BlockInPackage, Group]] = {}
        self._changed: dict[Group, None] = {}
        self._waiting: dict[Group, None] = {}  # some are missing, and others on their way

    # What happens

    def add(self, block_map: BlockMap) -> None:
        """A package is wanted.

        A digest gets its group when a second block has it. Then the first one joins as well: it is
        found among the digests of its package, which are walked once for all of its new groups.
        """
        shared: dict[BlockInPackage, Group] = {}
        self._shared[block_map] = shared
        block_map.watch(shared, partial_of(self._note, block_map))
        new_groups: dict[BlockMap, dict[bytes, Group]] = {}  # by the package that has the first
        for number, digest in _digests(block_map.manifest):
            if group := self._groups.get(digest):
                self._join(group, block_map, number)
            elif first := self._first_with.get(digest):
                group = self._groups[digest] = Group()
                self._join(group, block_map, number)
                new_groups.setdefault(first, {})[digest] = group
            else:
                self._first_with[digest] = block_map
        for first, groups in new_groups.items():
            for number, digest in _digests(first.manifest):
                if group := groups.get(digest):
                    self._join(group, first, number)

    def remove(self, block_map: BlockMap) -> None:
        """A package is complete, or not wanted any more."""
        for number, group in self._shared.pop(block_map, {}).items():
            group.remove((block_map, number))
            self._changed[group] = None
        block_map.watch({}, lambda _: None)
        for _, digest in _digests(block_map.manifest):
            if self._first_with.get(digest) is block_map:
                del self._first_with[digest]
            left = self._groups.get(digest)
            if left and left.is_empty:
                del self._groups[digest]

    def not_copied(self, block_map: BlockMap, numbers: Iterable[BlockInPackage]) -> None:
        """Blocks that were to be copied could not be."""
        for number in numbers:
            if group := self._shared.get(block_map, {}).get(number):
                group.not_copied((block_map, number))
                self._changed[group] = None

    def review(self, block_map: BlockMap, blocks: BlockExtent) -> None:
        """It may be another request that brings these blocks, or none."""
        if shared := self._shared.get(block_map):
            base = block_map.manifest.first_blocks[blocks.object]
            for number in range(base + blocks.first, base + blocks.end):
                if group := shared.get(BlockInPackage(number)):
                    self._changed[group] = None

    def review_all(self) -> None:
        """The deadline order is another one, or endpoints hold other objects than before."""
        self._changed.update(self._waiting)

    def give_up(
        self,
        is_late: Callable[[PackageBlock, bool], bool],
        may_fetch: Callable[[PackageBlock], bool],
    ) -> None:
        """Wait no more for blocks that are late, if those that wait may be fetched instead.

        Args:
            is_late: Whether a block is late; told whether one that waits for it has an earlier
                deadline.
            may_fetch: Whether one that waits may be fetched.
        """
        for group in self._waiting:
            blocks = group.open
            first = min(self._rank(block_map.package) for block_map, _ in blocks)
            coming = [(block, first < self._rank(block[0].package)) for block in group.in_flight]
            if all(is_late(*each) for each in coming) and any(map(may_fetch, blocks)):
                group.give_up()
                self._changed[group] = None

    # What follows

    def update(self) -> list[str]:
        """Promise, copy or give up blocks, as the changes since the last call demand.

        Returns:
            The packages that have missing blocks again which were promised before.
        """
        freed: dict[str, None] = {}
        while self._changed:
            changed, self._changed = self._changed, {}
            for group in changed:
                self._waiting.pop(group, None)
                if group.has_open:
                    self._update(group, freed)
        return [*freed]

    def _update(self, group: Group, freed: dict[str, None]) -> None:
        if source := group.source:
            self._copy(group, source)
            return
        if in_flight := group.in_flight:
            self._waiting[group] = None
        for block_map, number in group.open:
            waits = any(self._comes(block, block_map) for block in in_flight)
            if waits and block_map.is_missing(number):
                block_map.promise(number)
            elif not waits and block_map.is_promised(number):
                block_map.end_promise(number)
                freed[block_map.package] = None

    def _copy(self, group: Group, source: PackageBlock) -> None:
        """All that are missing are copied from one that is verified."""
        numbers: dict[str, list[BlockInPackage]] = {}
        for block_map, number in group.begin_copying():
            if block_map.is_missing(number):
                block_map.promise(number)
            numbers.setdefault(block_map.package, []).append(number)
        for package in sorted(numbers, key=self._rank):
            blocks = tuple(numbers[package])
            self._tell(CopyBlocks(package, blocks, source[0].package, source[1]))

    def _comes(self, block: PackageBlock, waiting: BlockMap) -> bool:
        """Whether a block of a package may wait for another, which is on its way."""
        block_map, number = block
        if block_map.split_at_rest(number) is None:
            return True
        is_later = self._rank(block_map.package) > self._rank(waiting.package)
        return not is_later and self._is_continued(block_map, number)

    def _join(self, group: Group, block_map: BlockMap, number: BlockInPackage) -> None:
        self._shared[block_map][number] = group
        group.note((block_map, number))
        self._changed[group] = None

    def _note(self, block_map: BlockMap, number: BlockInPackage) -> None:
        """A block is missing, in flight or verified now."""
        group = self._shared[block_map][number]
        group.note((block_map, number))
        self._changed[group] = None


def _digests(manifest: Manifest) -> Iterator[tuple[BlockInPackage, bytes]]:
    """Number of each block that has a digest, and that digest with the block's length.

    The digest of an object of one block is that of the block. Manifests may be wrong: what has the
    same digest and another length is not equal.
    """
    for index, item in enumerate(manifest.objects):
        digests = item.digests
        if not digests and item.length_bytes <= manifest.block_bytes:
            digests = item.sha256
        first = manifest.first_blocks[index]
        for block in range(len(digests) // DIGEST_BYTES):
            length_bytes = min(
                manifest.block_bytes, item.length_bytes - block * manifest.block_bytes
            )
            digest = digests[block * DIGEST_BYTES : (block + 1) * DIGEST_BYTES]
            yield BlockInPackage(first + block), digest + length_bytes.to_bytes(8, "big")
