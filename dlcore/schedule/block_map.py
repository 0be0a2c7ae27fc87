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

    def is_missing(self, block: BlockInPackage) -> bool:
        """Whether nobody is fetching a block, and it is not promised."""
        return self._states.is_missing(block)

    def is_promised(self, block: BlockInPackage) -> bool:
        """Whether a block will be copied."""
        return self._states.is_promised(block)

    def is_verified(self, block: BlockInPackage) -> bool:
        """Whether a block is verified."""
        return self._states.is_verified(block)

    def fetched_by(self, block: BlockInPackage) -> Collection[RequestNumber]:
        """The requests that fetch a block, or parts of it, now."""
        split = self._split.get(block)
        return split.in_flight if split else self._owners.get(block, ())

    def split_at_rest(self, block: BlockInPackage) -> SplitBlock | None:
        """A block that is fetched in parts, if none of them is in flight or being verified."""
        split = self._split.get(block)
        return split if split and split.is_at_rest else None

    def is_small(self, object_index: ObjectIndex) -> bool:
        """Whether a request for the object is mostly a round trip, and brings hardly a byte."""
        return self._states.is_small(object_index)

    def buffer_bytes(self, object_index: ObjectIndex) -> int:
        """Memory that a request for blocks of the object needs to begin with.

        One block; less for an object that is shorter than a block.
        """
        length_bytes = self.manifest.objects[object_index].length_bytes
        return buffer_length(length_bytes, self.manifest.block_bytes)

    def is_servable(self, is_held: Callable[[ObjectIndex], bool]) -> bool:
        """Whether an object for which ``is_held`` is true has a block that nobody is fetching."""
        is_split_held = any(is_held(split.blocks.object) for split in self._split.values())
        return is_split_held or self._states.has_missing(is_held, self._served_bad)

    def races(self, block: BlockInPackage) -> int:
        """How often a block was raced, or the request for it cancelled because it was late."""
        return self._races[block]

    def is_raced(self, block: BlockInPackage) -> bool:
        """Whether two requests fetch a block now."""
        return len(self._owners.get(block, ())) > 1

    def was_rejected(self, block: BlockInPackage) -> bool:
        """Whether bytes for a block did not match its digest."""
        return block in self._served_bad

    def culprits(self, block: BlockInPackage) -> Collection[str]:
        """Endpoints that alone sent a block wrong."""
        return self._served_bad.get(block, ())

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
        for block in sorted(self._served_bad):
            if self.is_missing(block) and is_left_to(block):
                object_index, at = self.manifest.locate_block(block)
                return BlockExtent.of(object_index, at, at + 1)
        return None

    def promise(self, block: BlockInPackage) -> None:
        """A missing block is not to be fetched: it will be copied."""
        self._states.promise(block)

    def end_promise(self, block: BlockInPackage) -> None:
        """A promised block is missing again."""
        self._states.end_promise(block)

    def begin(self, request: RequestNumber, blocks: BlockExtent, endpoint: str) -> None:
        """A request of an endpoint fetches missing blocks from now on."""
        self._states.begin(blocks)
        self._owners.update(dict.fromkeys(self._in_package(blocks), (request,)))
        self._whole_objects.began(blocks.object, endpoint)

    def split(self, blocks: BlockExtent, endpoint: str) -> SplitBlock:
        """A missing block is fetched in parts from now on."""
        self._states.begin(blocks)
        return self._begin_split(blocks, endpoint)

    def split_after_start(
        self, request: RequestNumber, blocks: BlockExtent, endpoint: str, arrived_bytes: int
    ) -> bool:
        """A request brought the start of a block; the rest is fetched in parts from now on.

        Returns:
            Whether the start is kept (`keeps_start`); if not, nothing has changed.
        """
        if not self.keeps_start(request, blocks):
            return False
        (block,) = self._in_package(blocks)
        del self._owners[block]
        self._begin_split(blocks, endpoint, arrived_bytes)
        return True

    def keeps_start(self, request: RequestNumber, blocks: BlockExtent) -> bool:
        """Whether the start of a block that a request brought is kept.

        It is not if another request fetches the block too, or if all of the block must come from
        one endpoint.
        """
        (block,) = self._in_package(blocks)
        needs_one_server = self._whole_objects.needs_one_server(blocks.object)
        is_alone = self._owners.get(block) == (request,)
        return is_alone and not (needs_one_server or block in self._served_bad)

    def hand_over(self, old: RequestNumber, new: RequestNumber, blocks: BlockExtent) -> None:
        """Blocks that one request was to fetch are another's from now on."""
        for block in self._in_package(blocks):
            if self._owners.get(block) == (old,):
                self._owners[block] = (new,)

    def race(self, request: RequestNumber, blocks: BlockExtent) -> None:
        """Another request fetches a block that is in flight."""
        (block,) = self._in_package(blocks)
        self._races[block] += 1
        self._owners[block] += (request,)

    def note_late(self, block: BlockInPackage) -> None:
        """The request for a block is cancelled because it is late."""
        self._races[block] += 1

    # Blocks that come to an end

    def verified(
        self, request: RequestNumber, blocks: BlockExtent, endpoint: str
    ) -> list[RequestNumber]:
        """Blocks of a request to an endpoint are verified and written.

        Returns:
            The requests that lost a race for one of them.
        """
        self._whole_objects.served(blocks.object, {endpoint})
        losers: list[RequestNumber] = []
        for block in self._in_package(blocks):
            owners = self._owners.get(block, ())
            if request in owners:
                del self._owners[block]
                self._states.set_verified(block)
                losers += (other for other in owners if other != request)
        return losers

    def found(self, block: BlockInPackage) -> SplitBlock | None:
        """A block is on disk, verified; nothing changes if a request fetches it.

        Returns:
            The block, if it was fetched in parts and none of them is in flight; it is not any more.
        """
        split = self.split_at_rest(block)
        if split:
            self._end_split(split)
            self._states.set_verified(block)
        elif self.is_missing(block) or self.is_promised(block):
            self._states.found(block)
        else:
            return None
        self._whole_objects.found(self.manifest.locate_block(block)[0])
        return split

    def split_verified(self, split: SplitBlock) -> None:
        """A block that was fetched in parts is verified and written."""
        self._whole_objects.served(split.blocks.object, split.served_by)
        self._end_split(split)
        self._states.set_verified(split.block)

    def rejected(
        self,
        request: RequestNumber,
        object_index: ObjectIndex,
        block_in_object: BlockInObject,
        endpoint: str,
    ) -> None:
        """A block of a request did not match: it is missing again, unless it is raced."""
        block = self.manifest.block_number(object_index, block_in_object)
        self._served_bad.setdefault(block, set()).add(endpoint)
        self._give_back(request, block)

    def split_rejected(self, split: SplitBlock) -> str | None:
        """A block that was fetched in parts did not match: it is missing again.

        Returns:
            The endpoint that sent all of it; None if several did.
        """
        culprits = self._served_bad.setdefault(split.block, set())
        self.abandon(split)
        if len(split.served_by) != 1:
            return None
        culprits.update(split.served_by)
        return next(iter(split.served_by))

    def abandon(self, split: SplitBlock) -> None:
        """Nothing came of a block that was fetched in parts: it is missing again."""
        self._end_split(split)
        self._states.set_missing(split.block)

    def object_rejected(self, object_index: ObjectIndex, endpoints: Collection[str]) -> str | None:
        """An object did not match as a whole: all of its verified blocks are missing again.

        Args:
            object_index: The object.
            endpoints: Those that have delivered bytes of requests that are still in flight.

        Returns:
            The endpoint that sent all of it; None if several did.
        """
        self._whole_objects.served(object_index, endpoints)
        for split in self._split.values():
            if split.blocks.object == object_index:
                self._whole_objects.served(object_index, split.served_by)
        culprit = self._whole_objects.rejected(object_index)
        first, end = self.manifest.first_blocks[object_index : object_index + 2]
        for block in map(BlockInPackage, range(first, end)):
            if self.is_verified(block):
                self._states.set_missing(block)
        return culprit

    def give_back(self, request: RequestNumber, blocks: BlockExtent) -> None:
        """What a request still owns of these blocks is missing again, unless it is raced."""
        for block in self._in_package(blocks):
            self._give_back(request, block)

    # Inside

    def _in_package(self, blocks: BlockExtent) -> list[BlockInPackage]:
        base = self.manifest.first_blocks[blocks.object]
        return [BlockInPackage(base + block) for block in range(blocks.first, blocks.end)]

    def _begin_split(
        self, blocks: BlockExtent, endpoint: str, arrived_bytes: int = 0
    ) -> SplitBlock:
        (block,) = self._in_package(blocks)
        start, end = self.manifest.extent_span(blocks)
        split = SplitBlock(block, blocks, end - start, endpoint, arrived_bytes)
        self._split[block] = split
        if self._listener:
            self._listener.split_changed(self)
        return split

    def _end_split(self, split: SplitBlock) -> None:
        del self._split[split.block]
        if self._listener:
            self._listener.split_changed(self)

    def _give_back(self, request: RequestNumber, block: BlockInPackage) -> None:
        owners = self._owners.get(block, ())
        if request not in owners:
            return
        if len(owners) > 1:
            self._owners[block] = tuple(other for other in owners if other != request)
        else:
            del self._owners[block]
            self._states.set_missing(block)

    def _tell_missing(self, more_bytes: int) -> None:
        if self._listener:
            self._listener.missing_changed(self, more_bytes)
