"""Blocks that are equal: one of them is fetched, and the others are copied from it.

Blocks with the same digest are a *group*, whichever of the wanted packages they belong to. As long
as one of a group is on its way, those that are missing are *promised*: nobody fetches them. When it
is verified, they are to be copied (`CopyBlocks`). If nothing comes of it, they are missing again.

Guarantees: a block waits only for one that is in flight; or for the rest of one that is fetched in
parts, if the package of that does not come later in deadline order. So no two wait for each other.
A promise ends with the request that it depends on, or when that is late (`Endgame.is_late`).

What each block of a group should be is found out anew after each input that changed one of them.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator
from functools import partial as partial_of
from typing import TypeAlias

from dlcore.model import DIGEST_BYTES, BlockInPackage, BlockRange, Manifest
from dlcore.schedule.block_map import BlockMap
from dlcore.schedule.types import CopyBlocks, Event

Place: TypeAlias = tuple[BlockMap, BlockInPackage]
"""A block of a package."""


class _Part(enum.Enum):
    """What a block is to the others of its group."""

    OPEN = enum.auto()  # it is missing or promised, and not being copied
    IN_FLIGHT = enum.auto()
    GIVEN_UP = enum.auto()  # the same, but nobody waits for it any more
    COPYING = enum.auto()  # it is being copied from the group's source
    VERIFIED = enum.auto()
    USELESS = enum.auto()  # the same, but it could not be read, or was altered on disk


class Group:
    """The blocks with one digest, of which there may be very many."""

    __slots__ = ("_open", "_parts", "_source")

    def __init__(self) -> None:
        self._parts: dict[Place, _Part] = {}
        self._open = 0
        self._source: Place | None = None

    @property
    def is_empty(self) -> bool:
        """Whether no wanted package has such a block."""
        return not self._parts

    @property
    def has_open(self) -> bool:
        """Whether a block is missing or promised, and not being copied."""
        return self._open > 0

    @property
    def open(self) -> list[Place]:
        """Those blocks."""
        return self._all(_Part.OPEN)

    @property
    def in_flight(self) -> list[Place]:
        """The blocks on their way for which others may wait."""
        return self._all(_Part.IN_FLIGHT)

    @property
    def source(self) -> Place | None:
        """The block from which others are copied; None if none is verified."""
        if self._source is None or self._parts.get(self._source) is not _Part.VERIFIED:
            self._source = next(iter(self._all(_Part.VERIFIED)), None)
        return self._source

    def note(self, place: Place) -> None:
        """A block is new here, or in another state."""
        block_map, number = place
        if block_map.is_verified(number):
            self._set(place, _Part.VERIFIED)
        elif block_map.is_missing(number) or block_map.is_promised(number):
            self._set(place, _Part.OPEN)
        else:
            self._set(place, _Part.IN_FLIGHT)

    def give_up(self) -> None:
        """Nobody waits any more for what is on its way now."""
        for place in self.in_flight:
            self._set(place, _Part.GIVEN_UP)

    def begin_copying(self) -> list[Place]:
        """All that are missing are going to be copied from the source.

        Returns:
            Those.
        """
        places = self.open
        for place in places:
            self._set(place, _Part.COPYING)
        return places

    def not_copied(self, place: Place) -> None:
        """A block could not be copied; no other is copied from the same one from now on."""
        if self._parts.get(place) is _Part.COPYING:
            self._set(place, _Part.OPEN)
            if source := self.source:
                self._set(source, _Part.USELESS)

    def remove(self, place: Place) -> None:
        """A block is not wanted any more."""
        if self._parts.pop(place, None) is _Part.OPEN:
            self._open -= 1

    def _set(self, place: Place, part: _Part) -> None:
        self._open += (part is _Part.OPEN) - (self._parts.get(place) is _Part.OPEN)
        self._parts[place] = part

    def _all(self, part: _Part) -> list[Place]:
        return [place for place, its in self._parts.items() if its is part]


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
        self._holders: dict[bytes, BlockMap] = {}  # whose block first had a digest
        self._groups: dict[bytes, Group] = {}  # of the digests that several blocks have
        self._shared: dict[BlockMap, dict[BlockInPackage, Group]] = {}
        self._changed: dict[Group, None] = {}
        self._waiting: dict[Group, None] = {}  # some are missing, and others on their way

    # What happens

    def add(self, block_map: BlockMap) -> None:
        """A package is wanted."""
        shared: dict[BlockInPackage, Group] = {}
        self._shared[block_map] = shared
        block_map.watch(shared, partial_of(self._note, block_map))
        met: dict[BlockMap, dict[bytes, Group]] = {}
        for number, digest in _digests(block_map.manifest):
            if known := self._groups.get(digest):
                self._join(known, block_map, number)
            elif holder := self._holders.get(digest):
                new = self._groups[digest] = Group()
                self._join(new, block_map, number)
                met.setdefault(holder, {})[digest] = new
            else:
                self._holders[digest] = block_map
        for holder, groups in met.items():
            for number, digest in _digests(holder.manifest):
                if met_group := groups.get(digest):
                    self._join(met_group, holder, number)

    def remove(self, block_map: BlockMap) -> None:
        """A package is complete, or not wanted any more."""
        for number, group in self._shared.pop(block_map, {}).items():
            group.remove((block_map, number))
            self._changed[group] = None
        block_map.watch({}, lambda _: None)
        for _, digest in _digests(block_map.manifest):
            if self._holders.get(digest) is block_map:
                del self._holders[digest]
            left = self._groups.get(digest)
            if left and left.is_empty:
                del self._groups[digest]

    def not_copied(self, block_map: BlockMap, numbers: Iterable[BlockInPackage]) -> None:
        """Blocks that were to be copied could not be."""
        for number in numbers:
            if group := self._shared.get(block_map, {}).get(number):
                group.not_copied((block_map, number))
                self._changed[group] = None

    def review(self, block_map: BlockMap, blocks: BlockRange) -> None:
        """It may be another request that brings these blocks, or none."""
        if shared := self._shared.get(block_map):
            base = block_map.manifest.first_blocks[blocks.object]
            for number in range(base + blocks.first, base + blocks.last):
                if group := shared.get(BlockInPackage(number)):
                    self._changed[group] = None

    def review_all(self) -> None:
        """The deadline order is another one, or endpoints hold other objects than before."""
        self._changed.update(self._waiting)

    def give_up(
        self, is_late: Callable[[Place, bool], bool], may_fetch: Callable[[Place], bool]
    ) -> None:
        """Wait no more for blocks that are late, if those that wait may be fetched instead.

        Args:
            is_late: Whether a block is late; told whether one that waits for it has an earlier
                deadline.
            may_fetch: Whether one that waits may be fetched.
        """
        for group in self._waiting:
            places = group.open
            first = min(self._rank(block_map.package) for block_map, _ in places)
            coming = [(place, first < self._rank(place[0].package)) for place in group.in_flight]
            if all(is_late(*each) for each in coming) and any(map(may_fetch, places)):
                group.give_up()
                self._changed[group] = None

    # What follows

    def settle(self) -> list[str]:
        """Make all blocks what they should be after the changes since the last call.

        Returns:
            The packages of which blocks are missing that were promised.
        """
        freed: dict[str, None] = {}
        while self._changed:
            changed, self._changed = self._changed, {}
            for group in changed:
                self._waiting.pop(group, None)
                if group.has_open:
                    self._settle(group, freed)
        return [*freed]

    def _settle(self, group: Group, freed: dict[str, None]) -> None:
        if source := group.source:
            self._copy(group, source)
            return
        if in_flight := group.in_flight:
            self._waiting[group] = None
        for block_map, number in group.open:
            waits = any(self._comes(place, block_map) for place in in_flight)
            if waits and block_map.is_missing(number):
                block_map.promise(number)
            elif not waits and block_map.is_promised(number):
                block_map.end_promise(number)
                freed[block_map.package] = None

    def _copy(self, group: Group, source: Place) -> None:
        """All that are missing are copied from one that is verified."""
        numbers: dict[str, list[BlockInPackage]] = {}
        for block_map, number in group.begin_copying():
            if block_map.is_missing(number):
                block_map.promise(number)
            numbers.setdefault(block_map.package, []).append(number)
        for package in sorted(numbers, key=self._rank):
            blocks = tuple(numbers[package])
            self._tell(CopyBlocks(package, blocks, source[0].package, source[1]))

    def _comes(self, place: Place, for_whom: BlockMap) -> bool:
        """Whether a block of a package may wait for another, which is on its way."""
        block_map, number = place
        if block_map.split_at_rest(number) is None:
            return True
        is_later = self._rank(block_map.package) > self._rank(for_whom.package)
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
