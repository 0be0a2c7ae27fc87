"""Which blocks of one package are missing, in flight, or verified.

A `BlockMap` keeps one byte per block of the package, so that finding the next missing block is a
search at memory speed however large the package is. Missing blocks of small objects and those of
all other objects are two backlogs, each in the manifest's order, that are taken in step.

A block in flight is owned by the request that fetches it, by two requests if it is raced, or by a
`SplitBlock`. Only an owner can end that: a block that is fetched again elsewhere, while the
request that served it bad still runs, stays with its new owner.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from typing import Protocol

from dlcore.model import BlockInObject, BlockInPackage, BlockRange, Manifest, ObjectIndex
from dlcore.schedule.backlog import MISSING, MISSING_SMALL, Backlog
from dlcore.schedule.policy import Policy
from dlcore.schedule.split_block import SplitBlock
from dlcore.schedule.types import RequestNumber
from dlcore.schedule.whole_objects import WholeObjects

IN_FLIGHT, VERIFIED = 2, 3  # besides the two states of missing blocks


_STATE_AT_START = bytes([MISSING]) + bytes([VERIFIED]) * 255  # by whether it is on disk


class BlockMapListener(Protocol):
    """Hears what changes in the blocks of packages."""

    def missing_changed(self, block_map: BlockMap, more_bytes: int) -> None:
        """More blocks are missing; or fewer, if the length is negative."""
        ...

    def split_changed(self, block_map: BlockMap) -> None:
        """A block is fetched in parts from now on, or not any more."""
        ...


class BlockMap:
    """The blocks of one package.

    Args:
        package: Its key.
        manifest: What the package consists of.
        verified: One byte per block, non-zero where it is verified on disk already.
        policy: Says what a small object is.
        listener: Hears what changes from now on, if there is one.
    """

    def __init__(
        self,
        package: str,
        manifest: Manifest,
        verified: bytes | bytearray,
        policy: Policy,
        listener: BlockMapListener | None = None,
    ) -> None:
        self.package = package
        self.manifest = manifest
        self._policy = policy
        self._listener = listener
        self._states = bytearray(verified).translate(_STATE_AT_START)
        self._owners: dict[BlockInPackage, tuple[RequestNumber, ...]] = {}
        self._split: dict[BlockInPackage, SplitBlock] = {}
        self._large, self._small = self._backlogs = Backlog(MISSING), Backlog(MISSING_SMALL)
        self._fill_backlogs()
        self._races: Counter[BlockInPackage] = Counter()
        self._served_bad: dict[BlockInPackage, set[str]] = {}
        self._whole_objects = WholeObjects(manifest, verified)

    # Answers

    @property
    def missing(self) -> int:
        """Number of blocks that nobody is fetching."""
        return self._large.left + self._small.left

    @property
    def missing_bytes(self) -> int:
        """Length of the blocks that nobody is fetching."""
        return self._large.left_bytes + self._small.left_bytes

    @property
    def unverified(self) -> int:
        """Number of blocks that are not verified."""
        return self.missing + len(self._owners) + len(self._split)

    @property
    def is_complete(self) -> bool:
        """Whether every block is verified."""
        return not self.unverified

    @property
    def has_work(self) -> bool:
        """Whether a block is missing, or fetched in parts."""
        return bool(self.missing or self._split)

    @property
    def split_blocks(self) -> Collection[SplitBlock]:
        """The blocks that are fetched in parts, oldest first."""
        return self._split.values()

    def split_block(self, blocks: BlockRange) -> SplitBlock | None:
        """The one block of the run, if it is fetched in parts."""
        return self._split.get(self.manifest.block_number(blocks.object, blocks.first))

    def is_small(self, index: ObjectIndex) -> bool:
        """Whether a request for the object is mostly a round trip, and brings hardly a byte."""
        return self.manifest.objects[index].length_bytes <= self._policy.small_object_bytes

    def buffer_bytes(self, index: ObjectIndex) -> int:
        """Memory that a request for blocks of the object needs to begin with.

        One block; less for an object that is shorter than a block, in few lengths, so that
        buffers can be used again.
        """
        length_bytes = self.manifest.objects[index].length_bytes
        rounded_bytes = 1 << (length_bytes - 1).bit_length()
        return min(max(rounded_bytes, self._policy.min_buffer_bytes), self.manifest.block_bytes)

    def is_servable(self, is_held: Callable[[ObjectIndex], bool]) -> bool:
        """Whether a block that nobody is fetching is of an object for which ``is_held`` is true."""
        return any(is_held(split.blocks.object) for split in self._split.values()) or any(
            self._first_missing(backlog, is_held, lambda _: False) is not None
            for backlog in self._backlogs
        )

    def races(self, number: BlockInPackage) -> int:
        """How often a block was raced, or the request for it cancelled because it was late."""
        return self._races[number]

    def is_raced(self, number: BlockInPackage) -> bool:
        """Whether two requests fetch a block now."""
        return len(self._owners.get(number, ())) > 1

    def served_bad(self, number: BlockInPackage) -> Collection[str] | None:
        """Endpoints whose bytes for a block did not match its digest; None if none was rejected.

        It is empty if the rejected bytes came from several endpoints together.
        """
        return self._served_bad.get(number)

    @property
    def whole_objects(self) -> WholeObjects:
        """The objects that have only one digest, and who served them."""
        return self._whole_objects

    # Blocks that get in flight

    def next_missing(
        self,
        may_serve: Callable[[ObjectIndex], bool],
        avoids: Callable[[BlockInPackage], bool],
        max_blocks: int,
    ) -> BlockRange | None:
        """The first run of missing blocks that an endpoint can serve.

        Args:
            may_serve: Whether the endpoint may serve an object.
            avoids: Whether it should leave a block to other endpoints.
            max_blocks: The longest run to return; at least 1.

        Returns:
            The run, all in one object; None if the endpoint can serve nothing that is missing.
        """
        for backlog in sorted(self._backlogs, key=lambda backlog: -backlog.share):
            number = self._first_missing(backlog, may_serve, avoids)
            if number is not None:
                return self._run(backlog, number, max_blocks)
        return None

    def next_rejected(self, is_left_to: Callable[[BlockInPackage], bool]) -> BlockRange | None:
        """The first block that is missing after it did not match, and is left to an endpoint.

        Args:
            is_left_to: Whether the endpoint is the one to serve a block.
        """
        for number in sorted(self._served_bad):
            is_missing = self._states[number] in {MISSING, MISSING_SMALL}
            if is_missing and is_left_to(number):
                index, block = self.manifest.locate_block(number)
                return BlockRange.of(index, block, block + 1)
        return None

    def begin(self, number: RequestNumber, blocks: BlockRange, endpoint: str) -> None:
        """A request of an endpoint fetches missing blocks from now on."""
        self._leave_backlog(blocks)
        self._owners.update(dict.fromkeys(self._numbers(blocks), (number,)))
        self._whole_objects.began(blocks.object, endpoint)

    def split(self, blocks: BlockRange, endpoint: str) -> SplitBlock:
        """A missing block is fetched in parts from now on."""
        self._leave_backlog(blocks)
        return self._begin_split(blocks, endpoint)

    def split_after_start(
        self, number: RequestNumber, blocks: BlockRange, endpoint: str, arrived_bytes: int
    ) -> bool:
        """The rest of a block, of which a request brought the start, is fetched in parts.

        Returns:
            Whether that is so. Not if the block is not the request's alone, or must come from one
            endpoint.
        """
        (block,) = self._numbers(blocks)
        must_be_whole = block in self._served_bad or self._whole_objects.needs_one_server(
            blocks.object
        )
        if self._owners.get(block) != (number,) or must_be_whole:
            return False
        del self._owners[block]
        self._begin_split(blocks, endpoint, arrived_bytes)
        return True

    def hand_over(self, old: RequestNumber, new: RequestNumber, blocks: BlockRange) -> None:
        """Blocks that one request was to fetch are another's from now on."""
        for block in self._numbers(blocks):
            if self._owners.get(block) == (old,):
                self._owners[block] = (new,)

    def race(self, number: RequestNumber, blocks: BlockRange) -> None:
        """Another request fetches a block that is in flight."""
        (block,) = self._numbers(blocks)
        self._races[block] += 1
        self._owners[block] += (number,)

    def cancelled(self, number: BlockInPackage) -> None:
        """The request for a block was cancelled because it was late."""
        self._races[number] += 1

    # Blocks that come to an end

    def verified(
        self, number: RequestNumber, blocks: BlockRange, endpoint: str
    ) -> list[RequestNumber]:
        """Blocks of a request to an endpoint are verified and written.

        Returns:
            The requests that lost a race for one of them.
        """
        self._whole_objects.served(blocks.object, {endpoint})
        losers: list[RequestNumber] = []
        for block in self._numbers(blocks):
            owners = self._owners.get(block, ())
            if number in owners:
                del self._owners[block]
                self._states[block] = VERIFIED
                losers += (other for other in owners if other != number)
        return losers

    def found(self, number: BlockInPackage) -> SplitBlock | None:
        """A block is on disk, verified; nothing changes if a request fetches it.

        Returns:
            The block, if it was fetched in parts and none of them is in flight; it is not any more.
        """
        split = self._split.get(number)
        if split and split.is_at_rest:
            self._end_split(split)
        elif self._states[number] in {MISSING, MISSING_SMALL}:
            index, block = self.manifest.locate_block(number)
            self._leave_backlog(BlockRange.of(index, block, block + 1))
        else:
            return None
        self._states[number] = VERIFIED
        self._whole_objects.found(self.manifest.locate_block(number)[0])
        return split

    def split_verified(self, split: SplitBlock) -> None:
        """A block that was fetched in parts is verified and written."""
        self._whole_objects.served(split.blocks.object, split.served_by)
        self._end_split(split)
        self._states[split.number] = VERIFIED

    def rejected(
        self, number: RequestNumber, index: ObjectIndex, block: BlockInObject, endpoint: str
    ) -> None:
        """A block of a request did not match: it is missing again, unless it is raced."""
        block_number = self.manifest.block_number(index, block)
        self._served_bad.setdefault(block_number, set()).add(endpoint)
        self._give_back(number, block_number)

    def split_rejected(self, split: SplitBlock) -> str | None:
        """A block that was fetched in parts did not match: it is missing again.

        Returns:
            The endpoint that sent all of it; None if several did.
        """
        culprits = self._served_bad.setdefault(split.number, set())
        self.abandon(split)
        if len(split.served_by) != 1:
            return None
        culprits.update(split.served_by)
        return next(iter(split.served_by))

    def abandon(self, split: SplitBlock) -> None:
        """Nothing came of a block that was fetched in parts: it is missing again."""
        self._end_split(split)
        self._set_missing(split.number)

    def object_rejected(self, index: ObjectIndex, endpoints: Collection[str]) -> str | None:
        """An object did not match as a whole: all of its verified blocks are missing again.

        Args:
            index: The object.
            endpoints: Those that have delivered bytes of requests that are still in flight.

        Returns:
            The endpoint that sent all of it; None if several did.
        """
        self._whole_objects.served(index, endpoints)
        for split in self._split.values():
            if split.blocks.object == index:
                self._whole_objects.served(index, split.served_by)
        culprit = self._whole_objects.rejected(index)
        first, last = self.manifest.first_blocks[index : index + 2]
        for number in range(first, last):
            if self._states[number] == VERIFIED:
                self._set_missing(BlockInPackage(number))
        return culprit

    def give_back(self, number: RequestNumber, blocks: BlockRange) -> None:
        """What a request still owns of these blocks is missing again, unless it is raced."""
        for block in self._numbers(blocks):
            self._give_back(number, block)

    # Inside

    def _numbers(self, blocks: BlockRange) -> list[BlockInPackage]:
        base = self.manifest.first_blocks[blocks.object]
        return [BlockInPackage(base + block) for block in range(blocks.first, blocks.last)]

    def _fill_backlogs(self) -> None:
        states, block_bytes = self._states, self.manifest.block_bytes
        for index, item in enumerate(self.manifest.objects):
            first, last = self.manifest.first_blocks[index : index + 2]
            count = states.count(MISSING, first, last)
            if count:
                length_bytes = count * block_bytes
                if states[last - 1] == MISSING:
                    length_bytes -= (last - first) * block_bytes - item.length_bytes
                backlog = self._backlog(ObjectIndex(index))
                backlog.add(count, length_bytes)
                states[first:last] = states[first:last].replace(
                    bytes([MISSING]), bytes([backlog.state])
                )

    def _backlog(self, index: ObjectIndex) -> Backlog:
        return self._small if self.is_small(index) else self._large

    def _first_missing(
        self,
        backlog: Backlog,
        may_serve: Callable[[ObjectIndex], bool],
        avoids: Callable[[BlockInPackage], bool],
    ) -> BlockInPackage | None:
        """The backlog's first block that can be served; see `next_missing`."""
        number = self._find(backlog, backlog.front)
        backlog.advance(number)
        while number < len(self._states):
            index, _ = self.manifest.locate_block(number)
            if not may_serve(index):
                number = self._find(backlog, self.manifest.first_blocks[index + 1])
            elif number in self._served_bad and avoids(number):
                number = self._find(backlog, number + 1)
            else:
                return number
        return None

    def _find(self, backlog: Backlog, number: int) -> BlockInPackage:
        """The backlog's first block from that number on, or the number of all blocks."""
        found = self._states.find(backlog.state, number)
        return BlockInPackage(len(self._states) if found < 0 else found)

    def _run(self, backlog: Backlog, number: BlockInPackage, max_blocks: int) -> BlockRange:
        """The missing blocks from that number on."""
        index, first = self.manifest.locate_block(number)
        limit = min(self.manifest.first_blocks[index + 1], number + max_blocks)
        end = number + 1
        while end < limit and self._states[end] == backlog.state and end not in self._served_bad:
            end += 1
        return BlockRange.of(index, first, first + end - number)

    def _leave_backlog(self, blocks: BlockRange) -> None:
        numbers = self._numbers(blocks)
        start, end = self.manifest.range_span(blocks)
        self._backlog(blocks.object).take(len(numbers), end - start)
        self._states[numbers[0] : numbers[-1] + 1] = bytes([IN_FLIGHT]) * len(numbers)
        self._tell_missing(start - end)

    def _begin_split(self, blocks: BlockRange, endpoint: str, arrived_bytes: int = 0) -> SplitBlock:
        (number,) = self._numbers(blocks)
        start, end = self.manifest.range_span(blocks)
        split = SplitBlock(number, blocks, end - start, endpoint, arrived_bytes)
        self._split[number] = split
        if self._listener:
            self._listener.split_changed(self)
        return split

    def _end_split(self, split: SplitBlock) -> None:
        del self._split[split.number]
        if self._listener:
            self._listener.split_changed(self)

    def _give_back(self, number: RequestNumber, block: BlockInPackage) -> None:
        owners = self._owners.get(block, ())
        if number not in owners:
            return
        if len(owners) > 1:
            self._owners[block] = tuple(other for other in owners if other != number)
        else:
            del self._owners[block]
            self._set_missing(block)

    def _set_missing(self, number: BlockInPackage) -> None:
        index, block = self.manifest.locate_block(number)
        start, end = self.manifest.block_span(index, block)
        backlog = self._backlog(index)
        backlog.add_again(number, end - start)
        self._states[number] = backlog.state
        self._tell_missing(end - start)

    def _tell_missing(self, more_bytes: int) -> None:
        if self._listener:
            self._listener.missing_changed(self, more_bytes)
