"""Which blocks of one package are missing, promised, in flight, or verified, and who owns them.

A missing block is promised while an equal one is on its way or on disk: nobody fetches it, because
it will be copied (`equal_blocks`).

A block in flight is owned by the request that fetches it, by two requests if it is raced, or by a
`SplitBlock`. Only an owner can end that: a block that is fetched again elsewhere, while the
request that served it bad still runs, stays with its new owner.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from dlcore.model import BlockExtent, BlockInObject, BlockInPackage, Manifest, ObjectIndex
from dlcore.schedule.block_states import BlockStates
from dlcore.schedule.buffer_length import buffer_length
from dlcore.schedule.policy import Policy
from dlcore.schedule.split_block import SplitBlock
from dlcore.schedule.types import RequestNumber
from dlcore.schedule.whole_objects import WholeObjects


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
        self._states = BlockStates(
            manifest, verified, policy.small_object_bytes, self._tell_missing
        )
        self._owners: dict[BlockInPackage, tuple[RequestNumber, ...]] = {}
        self._split: dict[BlockInPackage, SplitBlock] = {}
        self._races: Counter[BlockInPackage] = Counter()
        self._served_bad: dict[BlockInPackage, set[str]] = {}
        self._whole_objects = WholeObjects(manifest, verified)

    def watch(
        self, equals: Mapping[BlockInPackage, object], changed: Callable[[BlockInPackage], None]
    ) -> None:
        """Some blocks have equals: `BlockStates.watch`."""
        self._states.watch(equals, changed)

    # Answers

    @property
    def missing(self) -> int:
        """Number of blocks that nobody is fetching, and that are not promised."""
        return self._states.missing

    @property
    def missing_bytes(self) -> int:
        """Length of these blocks."""
        return self._states.missing_bytes

    @property
    def promised(self) -> int:
        """Number of blocks that nobody fetches because they will be copied."""
        return self._states.promised

    @property
    def unverified(self) -> int:
        """Number of blocks that are not verified."""
        return self.missing + self.promised + len(self._owners) + len(self._split)

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

    def split_block(self, blocks: BlockExtent) -> SplitBlock | None:
        """The one block of the extent, if it is fetched in parts."""
        return self._split.get(self.manifest.block_number(blocks.object, blocks.first))

    def is_missing(self, number: BlockInPackage) -> bool:
        """Whether nobody is fetching a block, and it is not promised."""
        return self._states.is_missing(number)

    def is_promised(self, number: BlockInPackage) -> bool:
        """Whether a block will be copied."""
        return self._states.is_promised(number)

    def is_verified(self, number: BlockInPackage) -> bool:
        """Whether a block is verified."""
        return self._states.is_verified(number)

    def fetched_by(self, number: BlockInPackage) -> Collection[RequestNumber]:
        """The requests that fetch a block, or parts of it, now."""
        split = self._split.get(number)
        return split.in_flight if split else self._owners.get(number, ())

    def split_at_rest(self, number: BlockInPackage) -> SplitBlock | None:
        """A block that is fetched in parts, if none of them is in flight or being verified."""
        split = self._split.get(number)
        return split if split and split.is_at_rest else None

    def is_small(self, index: ObjectIndex) -> bool:
        """Whether a request for the object is mostly a round trip, and brings hardly a byte."""
        return self._states.is_small(index)

    def buffer_bytes(self, index: ObjectIndex) -> int:
        """Memory that a request for blocks of the object needs to begin with.

        One block; less for an object that is shorter than a block.
        """
        length_bytes = self.manifest.objects[index].length_bytes
        return buffer_length(length_bytes, self.manifest.block_bytes)

    def is_servable(self, is_held: Callable[[ObjectIndex], bool]) -> bool:
        """Whether a block that nobody is fetching is of an object for which ``is_held`` is true."""
        is_split_held = any(is_held(split.blocks.object) for split in self._split.values())
        return is_split_held or self._states.has_missing(is_held, self._served_bad)

    def races(self, number: BlockInPackage) -> int:
        """How often a block was raced, or the request for it cancelled because it was late."""
        return self._races[number]

    def is_raced(self, number: BlockInPackage) -> bool:
        """Whether two requests fetch a block now."""
        return len(self._owners.get(number, ())) > 1

    def was_rejected(self, number: BlockInPackage) -> bool:
        """Whether bytes for a block did not match its digest."""
        return number in self._served_bad

    def culprits(self, number: BlockInPackage) -> Collection[str]:
        """Endpoints that alone sent a block wrong."""
        return self._served_bad.get(number, ())

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
    ) -> BlockExtent | None:
        """The first extent of missing blocks that an endpoint can serve.

        Args:
            may_serve: Whether the endpoint may serve an object.
            avoids: Whether it should leave a block to other endpoints.
            max_blocks: The longest extent to return; at least 1.

        Returns:
            The extent, all in one object; None if the endpoint can serve nothing that is missing.
        """
        return self._states.next_missing(may_serve, self._served_bad, avoids, max_blocks)

    def next_rejected(self, is_left_to: Callable[[BlockInPackage], bool]) -> BlockExtent | None:
        """The first block that is missing after it did not match, and is left to an endpoint.

        Args:
            is_left_to: Whether the endpoint is the one to serve a block.
        """
        for number in sorted(self._served_bad):
            if self.is_missing(number) and is_left_to(number):
                index, block = self.manifest.locate_block(number)
                return BlockExtent.of(index, block, block + 1)
        return None

    def promise(self, number: BlockInPackage) -> None:
        """A missing block is not to be fetched: it will be copied."""
        self._states.promise(number)

    def end_promise(self, number: BlockInPackage) -> None:
        """A promised block is missing again."""
        self._states.end_promise(number)

    def begin(self, number: RequestNumber, blocks: BlockExtent, endpoint: str) -> None:
        """A request of an endpoint fetches missing blocks from now on."""
        self._states.begin(blocks)
        self._owners.update(dict.fromkeys(self._numbers(blocks), (number,)))
        self._whole_objects.began(blocks.object, endpoint)

    def split(self, blocks: BlockExtent, endpoint: str) -> SplitBlock:
        """A missing block is fetched in parts from now on."""
        self._states.begin(blocks)
        return self._begin_split(blocks, endpoint)

    def split_after_start(
        self, number: RequestNumber, blocks: BlockExtent, endpoint: str, arrived_bytes: int
    ) -> bool:
        """The rest of a block, of which a request brought the start, is fetched in parts.

        Returns:
            Whether that is so: `keeps_start`.
        """
        if not self.keeps_start(number, blocks):
            return False
        (block,) = self._numbers(blocks)
        del self._owners[block]
        self._begin_split(blocks, endpoint, arrived_bytes)
        return True

    def keeps_start(self, number: RequestNumber, blocks: BlockExtent) -> bool:
        """Whether the start of a block stays that a request brought.

        Not if the block is not the request's alone, or must come from one endpoint.
        """
        (block,) = self._numbers(blocks)
        needs_one_server = self._whole_objects.needs_one_server(blocks.object)
        is_alone = self._owners.get(block) == (number,)
        return is_alone and not (needs_one_server or block in self._served_bad)

    def hand_over(self, old: RequestNumber, new: RequestNumber, blocks: BlockExtent) -> None:
        """Blocks that one request was to fetch are another's from now on."""
        for block in self._numbers(blocks):
            if self._owners.get(block) == (old,):
                self._owners[block] = (new,)

    def race(self, number: RequestNumber, blocks: BlockExtent) -> None:
        """Another request fetches a block that is in flight."""
        (block,) = self._numbers(blocks)
        self._races[block] += 1
        self._owners[block] += (number,)

    def cancelled(self, number: BlockInPackage) -> None:
        """The request for a block was cancelled because it was late."""
        self._races[number] += 1

    # Blocks that come to an end

    def verified(
        self, number: RequestNumber, blocks: BlockExtent, endpoint: str
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
                self._states.set_verified(block)
                losers += (other for other in owners if other != number)
        return losers

    def found(self, number: BlockInPackage) -> SplitBlock | None:
        """A block is on disk, verified; nothing changes if a request fetches it.

        Returns:
            The block, if it was fetched in parts and none of them is in flight; it is not any more.
        """
        split = self.split_at_rest(number)
        if split:
            self._end_split(split)
            self._states.set_verified(number)
        elif self.is_missing(number) or self.is_promised(number):
            self._states.found(number)
        else:
            return None
        self._whole_objects.found(self.manifest.locate_block(number)[0])
        return split

    def split_verified(self, split: SplitBlock) -> None:
        """A block that was fetched in parts is verified and written."""
        self._whole_objects.served(split.blocks.object, split.served_by)
        self._end_split(split)
        self._states.set_verified(split.number)

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
        self._states.set_missing(split.number)

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
        first, end = self.manifest.first_blocks[index : index + 2]
        for number in range(first, end):
            if self.is_verified(BlockInPackage(number)):
                self._states.set_missing(BlockInPackage(number))
        return culprit

    def give_back(self, number: RequestNumber, blocks: BlockExtent) -> None:
        """What a request still owns of these blocks is missing again, unless it is raced."""
        for block in self._numbers(blocks):
            self._give_back(number, block)

    # Inside

    def _numbers(self, blocks: BlockExtent) -> list[BlockInPackage]:
        base = self.manifest.first_blocks[blocks.object]
        return [BlockInPackage(base + block) for block in range(blocks.first, blocks.end)]

    def _begin_split(
        self, blocks: BlockExtent, endpoint: str, arrived_bytes: int = 0
    ) -> SplitBlock:
        (number,) = self._numbers(blocks)
        start, end = self.manifest.extent_span(blocks)
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
            self._states.set_missing(block)

    def _tell_missing(self, more_bytes: int) -> None:
        if self._listener:
            self._listener.missing_changed(self, more_bytes)
