"""The state of each block of one package, and the search for the next missing one.

One byte for each block, so that finding the next missing block is a search at memory speed however
large the package is. Missing blocks of small objects and those of all other objects are two
backlogs, each in the manifest's order, that are taken in step.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping

from dlcore.model import BlockExtent, BlockInPackage, Manifest, ObjectIndex
from dlcore.schedule.backlog import MISSING, MISSING_SMALL, Backlog

IN_FLIGHT, VERIFIED, PROMISED = 2, 3, 4  # besides the two states of missing blocks
_STATE_AT_START = bytes([MISSING]) + bytes([VERIFIED]) * 255  # by whether it is on disk


class BlockStates:
    """The blocks of one package.

    Args:
        manifest: What the package consists of.
        verified: One byte per block, non-zero where it is verified on disk already.
        small_object_bytes: No longer object is a small one.
        tell_missing: Told how many bytes more are missing; or fewer, if negative.
    """

    def __init__(
        self,
        manifest: Manifest,
        verified: bytes | bytearray,
        small_object_bytes: int,
        tell_missing: Callable[[int], None],
    ) -> None:
        self._manifest = manifest
        self._small_object_bytes = small_object_bytes
        self._tell_missing = tell_missing
        self._states = bytearray(verified).translate(_STATE_AT_START)
        self._large, self._small = self._backlogs = Backlog(MISSING), Backlog(MISSING_SMALL)
        self._promised = 0
        self._equals: Mapping[BlockInPackage, object] = {}
        self._changed: Callable[[BlockInPackage], None] = lambda _: None
        self._fill_backlogs()

    def watch(
        self, equals: Mapping[BlockInPackage, object], changed: Callable[[BlockInPackage], None]
    ) -> None:
        """Some blocks have equals, in this package or in others.

        Args:
            equals: Number of each such block -> what stands for its digest; a live view.
            changed: Hears the number of each such block when it is missing, in flight, or
                verified from now on.
        """
        self._equals, self._changed = equals, changed

    # Answers

    @property
    def missing(self) -> int:
        """Number of blocks that nobody is fetching, and that are not promised."""
        return self._large.left + self._small.left

    @property
    def missing_bytes(self) -> int:
        """Length of these blocks."""
        return self._large.left_bytes + self._small.left_bytes

    @property
    def promised(self) -> int:
        """Number of blocks that nobody fetches because they will be copied."""
        return self._promised

    def is_missing(self, number: BlockInPackage) -> bool:
        """Whether nobody is fetching a block, and it is not promised."""
        return self._states[number] in {MISSING, MISSING_SMALL}

    def is_promised(self, number: BlockInPackage) -> bool:
        """Whether a block is promised."""
        return self._states[number] == PROMISED

    def is_verified(self, number: BlockInPackage) -> bool:
        """Whether a block is verified."""
        return self._states[number] == VERIFIED

    def is_small(self, index: ObjectIndex) -> bool:
        """Whether a request for the object is mostly a round trip, and brings hardly a byte."""
        return self._manifest.objects[index].length_bytes <= self._small_object_bytes

    def has_missing(
        self, may_serve: Callable[[ObjectIndex], bool], rejected: Container[BlockInPackage]
    ) -> bool:
        """Whether an object for which ``may_serve`` is true has a missing block."""
        return any(
            self._first_missing(backlog, may_serve, rejected, lambda _: False) is not None
            for backlog in self._backlogs
        )

    def next_missing(
        self,
        may_serve: Callable[[ObjectIndex], bool],
        rejected: Container[BlockInPackage],
        avoids: Callable[[BlockInPackage], bool],
        max_blocks: int,
    ) -> BlockExtent | None:
        """The first extent of missing blocks that can be served.

        Args:
            may_serve: Whether an object may be served.
            rejected: Blocks that did not match their digests. None follows others in an extent.
            avoids: Whether one of those is left to others.
            max_blocks: The longest extent to return; at least 1.

        Returns:
            The extent, all in one object, no two of its blocks equal; None if there is none.
        """
        for backlog in sorted(self._backlogs, key=lambda backlog: -backlog.share):
            number = self._first_missing(backlog, may_serve, rejected, avoids)
            if number is not None:
                return self._extent(backlog, number, rejected, max_blocks)
        return None

    # Changes

    def begin(self, blocks: BlockExtent) -> None:
        """Missing blocks are in flight."""
        self._take(blocks)
        base = self._manifest.first_blocks[blocks.object]
        first, end = base + blocks.first, base + blocks.end
        self._states[first:end] = bytes([IN_FLIGHT]) * (end - first)
        if self._equals:
            for number in range(first, end):
                self._tell_changed(BlockInPackage(number))
        self._tell_missing(-self._length_bytes(blocks))

    def promise(self, number: BlockInPackage) -> None:
        """A missing block is not to be fetched: it will be copied."""
        blocks = self._one(number)
        self._take(blocks)
        self._states[number] = PROMISED
        self._promised += 1
        self._tell_missing(-self._length_bytes(blocks))

    def end_promise(self, number: BlockInPackage) -> None:
        """A promised block is missing."""
        self._promised -= 1
        self.set_missing(number)

    def found(self, number: BlockInPackage) -> None:
        """A block that is missing or promised is on disk."""
        if self.is_promised(number):
            self._promised -= 1
        else:
            blocks = self._one(number)
            self._take(blocks)
            self._tell_missing(-self._length_bytes(blocks))
        self.set_verified(number)

    def set_verified(self, number: BlockInPackage) -> None:
        """A block that was in flight is verified."""
        self._states[number] = VERIFIED
        self._tell_changed(number)

    def set_missing(self, number: BlockInPackage) -> None:
        """A block that was not missing is missing again."""
        blocks = self._one(number)
        length_bytes = self._length_bytes(blocks)
        backlog = self._backlog(blocks.object)
        backlog.add_again(number, length_bytes)
        self._states[number] = backlog.state
        self._tell_changed(number)
        self._tell_missing(length_bytes)

    # Inside

    def _fill_backlogs(self) -> None:
        states, block_bytes = self._states, self._manifest.block_bytes
        for index, item in enumerate(self._manifest.objects):
            first, end = self._manifest.first_blocks[index : index + 2]
            count = states.count(MISSING, first, end)
            if count:
                length_bytes = count * block_bytes
                if states[end - 1] == MISSING:
                    length_bytes -= (end - first) * block_bytes - item.length_bytes
                backlog = self._backlog(ObjectIndex(index))
                backlog.add(count, length_bytes)
                states[first:end] = states[first:end].replace(
                    bytes([MISSING]), bytes([backlog.state])
                )

    def _backlog(self, index: ObjectIndex) -> Backlog:
        return self._small if self.is_small(index) else self._large

    def _first_missing(
        self,
        backlog: Backlog,
        may_serve: Callable[[ObjectIndex], bool],
        rejected: Container[BlockInPackage],
        avoids: Callable[[BlockInPackage], bool],
    ) -> BlockInPackage | None:
        """The backlog's first block that can be served; see `next_missing`."""
        number = self._find(backlog, backlog.front)
        backlog.advance(number)
        while number < len(self._states):
            index, _ = self._manifest.locate_block(number)
            if not may_serve(index):
                number = self._find(backlog, self._manifest.first_blocks[index + 1])
            elif number in rejected and avoids(number):
                number = self._find(backlog, number + 1)
            else:
                return number
        return None

    def _find(self, backlog: Backlog, number: int) -> BlockInPackage:
        """The backlog's first block from that number on, or the number of all blocks."""
        found = self._states.find(backlog.state, number)
        return BlockInPackage(len(self._states) if found < 0 else found)

    def _extent(
        self,
        backlog: Backlog,
        number: BlockInPackage,
        rejected: Container[BlockInPackage],
        max_blocks: int,
    ) -> BlockExtent:
        """The missing blocks from that number on."""
        index, first = self._manifest.locate_block(number)
        limit = min(self._manifest.first_blocks[index + 1], number + max_blocks)
        end = number + 1
        while end < limit and self._states[end] == backlog.state and end not in rejected:
            if self._repeats(number, end):
                break
            end += 1
        return BlockExtent.of(index, first, first + end - number)

    def _repeats(self, first: int, number: int) -> bool:
        """Whether a block equals one of those from ``first`` on that come before it."""
        wanted = self._equals.get(BlockInPackage(number))
        return wanted is not None and any(
            self._equals.get(BlockInPackage(other)) is wanted for other in range(first, number)
        )

    def _take(self, blocks: BlockExtent) -> None:
        count = blocks.end - blocks.first
        self._backlog(blocks.object).take(count, self._length_bytes(blocks))

    def _one(self, number: BlockInPackage) -> BlockExtent:
        index, block = self._manifest.locate_block(number)
        return BlockExtent.of(index, block, block + 1)

    def _length_bytes(self, blocks: BlockExtent) -> int:
        start, end = self._manifest.extent_span(blocks)
        return end - start

    def _tell_changed(self, number: BlockInPackage) -> None:
        if number in self._equals:
            self._changed(number)
