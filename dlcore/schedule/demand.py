"""Which blocks of one package are wanted, under way, or done.

A `Demand` keeps one byte per package-wide block number, so finding the next missing block is a
search at memory speed however large the package is. Small objects and the others are taken in step
(`backlog`), each sort in the manifest's order. A block under way belongs to the range that took it,
or to nobody but its strips while it is open; a raced block belongs to two ranges. Only its owners
can end its flight: a block that is fetched again elsewhere while the range that served it bad is
still running stays with its new range.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from dlcore.model import BlockRange, Manifest
from dlcore.schedule.backlog import MISSING, MISSING_SMALL, SMALL_BYTES, Backlog
from dlcore.schedule.strips import OpenBlock

FLYING, DONE = 2, 3  # besides the states that are missing
STRIPS = -1  # owner of an open block


class Demand:
    """The blocks of one package.

    Args:
        package: Its key.
        manifest: What the package consists of.
        have: One byte per block, non-zero where it is verified on disk already.

    Attributes:
        open: Block number -> block whose strips are being fetched.
        races: How often a block was raced, or its range called off.
        served_bad: Block number -> endpoints from which it did not match its digest; none if it
            was put together from several. Such a block is fetched whole.
        alone: Object that did not match as a whole -> who alone serves it from then on, so that it
            can be told whose bytes are wrong; empty until somebody has begun.
        failed_alone: Object -> endpoints that served it wrong, alone.
    """

    def __init__(self, package: str, manifest: Manifest, have: bytes | bytearray) -> None:
        self.package = package
        self.manifest = manifest
        self._states = bytearray(DONE if done else MISSING for done in have)
        self._owners: dict[int, tuple[int, ...]] = {}  # block under way -> ranges that fetch it
        self._backlogs = Backlog(MISSING), Backlog(MISSING_SMALL)
        self._fill_backlogs()
        self.open: dict[int, OpenBlock] = {}
        self.races: Counter[int] = Counter()
        self.served_bad: dict[int, set[str]] = {}
        self.alone: dict[int, str] = {}
        self.failed_alone: dict[int, set[str]] = {}

    @property
    def missing(self) -> int:
        """Number of blocks that nobody is fetching."""
        return sum(backlog.left for backlog in self._backlogs)

    @property
    def missing_bytes(self) -> int:
        """Length of the blocks that nobody is fetching."""
        return sum(backlog.left_bytes for backlog in self._backlogs)

    @property
    def unfinished(self) -> int:
        """Number of blocks that are not done."""
        return self.missing + len(self._owners)

    @property
    def is_complete(self) -> bool:
        """Whether every block is done."""
        return not self.missing and not self._owners

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing of it is under way or being verified."""
        return len(self._owners) == len(self.open) and all(
            block.is_resting for block in self.open.values()
        )

    # Taking

    def take(
        self,
        owner: int,
        holds: Callable[[int], bool],
        avoids: Callable[[int], bool],
        max_blocks: int,
    ) -> BlockRange | None:
        """Take the first run of missing blocks that the taker can serve; it is now under way.

        Args:
            owner: Number of the range that takes them, never used before.
            holds: Whether the taker's endpoint may serve the object of that index.
            avoids: Whether that endpoint should leave the block of that number to others.
            max_blocks: The longest run to take; 1 or more.

        Returns:
            The run, all in one object; None if the endpoint can serve nothing that is missing.
        """
        for backlog in sorted(self._backlogs, key=lambda backlog: -backlog.share):
            number = self._next(backlog, holds, avoids)
            if number is not None:
                blocks = self._run(backlog, number, max_blocks)
                self._begin(backlog, owner, blocks)
                return blocks
        return None

    def open_up(self, owner: int, blocks: BlockRange, endpoint: str) -> OpenBlock:
        """A block that was taken is fetched by strips."""
        (number,) = self._numbers(blocks)
        assert self._owners[number] == (owner,)
        self._owners[number] = (STRIPS,)
        start, end = self.manifest.range_span(blocks)
        opened = OpenBlock(number, blocks.object, blocks.first, end - start, endpoint)
        self.open[number] = opened
        return opened

    def break_open(self, owner: int, blocks: BlockRange, endpoint: str, arrived_bytes: int) -> bool:
        """A range ends within a block, of which so much arrived: others fetch the rest by strips.

        Returns:
            Whether they do. Not if the block is not the range's alone, or is to come from one hand.
        """
        (number,) = self._numbers(blocks)
        is_for_one = number in self.served_bad or blocks.object in self.alone
        if self._owners.get(number) != (owner,) or is_for_one:
            return False
        self.open_up(owner, blocks, endpoint).begins_at(arrived_bytes)
        return True

    def hand_over(self, old: int, new: int, blocks: BlockRange) -> None:
        """Blocks under way in one range now belong to another."""
        for number in self._numbers(blocks):
            if self._owners.get(number) == (old,):
                self._owners[number] = (new,)

    def race(self, owner: int, blocks: BlockRange) -> None:
        """Another range fetches a block that is under way."""
        (number,) = self._numbers(blocks)
        self.races[number] += 1
        self._owners[number] += (owner,)

    # Landing

    def done(self, owner: int, blocks: BlockRange) -> list[int]:
        """The blocks are verified and written.

        Returns:
            The ranges that lost a race for one of them.
        """
        losers: list[int] = []
        for number in self._numbers(blocks):
            owners = self._owners.get(number, ())
            if owner in owners:
                del self._owners[number]
                self.open.pop(number, None)
                self._states[number] = DONE
                losers += (other for other in owners if other != owner)
        return losers

    def bad(self, owner: int, object_index: int, block: int, endpoint: str) -> None:
        """A block from ``endpoint`` did not match: it is missing again, unless raced.

        An empty endpoint stands for several together.
        """
        number = self.manifest.block_number(object_index, block)
        culprits = self.served_bad.setdefault(number, set())
        if endpoint:
            culprits.add(endpoint)
        if owner == STRIPS:
            self.open.pop(number, None)
        self._give_back(owner, number)

    def close(self, opened: OpenBlock) -> None:
        """All strips of a block arrived, and it came to nothing: it is missing again."""
        del self.open[opened.number]
        self._give_back(STRIPS, opened.number)

    def undo(self, object_index: int) -> tuple[str, int]:
        """No block of the object counts any more: as a whole it did not match its digest.

        Returns:
            Whose fault it is, empty if several served it; and the bytes that are missing again.
        """
        culprit = self.alone.get(object_index, "")
        if culprit:
            self.failed_alone.setdefault(object_index, set()).add(culprit)
        self.alone[object_index] = ""
        undone_bytes = 0
        for block in range(self.manifest.block_count(object_index)):
            number = self.manifest.block_number(object_index, block)
            if self._states[number] == DONE:
                self._set_missing(number)
                start, end = self.manifest.block_span(object_index, block)
                undone_bytes += end - start
        return culprit, undone_bytes

    def give_back(self, owner: int, blocks: BlockRange) -> None:
        """What is still under way of a range is missing again, unless somebody races for it."""
        for number in self._numbers(blocks):
            self._give_back(owner, number)

    # Answers

    def is_servable(self, held: Callable[[int], bool]) -> bool:
        """Whether somebody holds an object with blocks that nobody is fetching.

        Args:
            held: Whether any endpoint in use holds the object of that index.
        """
        if any(held(block.object_index) for block in self.open.values()):
            return True
        return any(
            self._next(backlog, held, lambda _: False) is not None for backlog in self._backlogs
        )

    def _numbers(self, blocks: BlockRange) -> range:
        base = self.manifest.first_blocks[blocks.object]
        return range(base + blocks.first, base + blocks.last)

    def _fill_backlogs(self) -> None:
        states, block_bytes = self._states, self.manifest.block_bytes
        for index, item in enumerate(self.manifest.objects):
            first, last = self.manifest.first_blocks[index : index + 2]
            count = states.count(MISSING, first, last)
            if count:
                short_bytes = (last - first) * block_bytes - item.length_bytes
                ends_short = states[last - 1] == MISSING
                backlog = self._backlog(index)
                backlog.add(count, count * block_bytes - ends_short * short_bytes)
                states[first:last] = states[first:last].replace(
                    bytes([MISSING]), bytes([backlog.state])
                )

    def _backlog(self, object_index: int) -> Backlog:
        return self._backlogs[self.manifest.objects[object_index].length_bytes <= SMALL_BYTES]

    def _next(
        self, backlog: Backlog, holds: Callable[[int], bool], avoids: Callable[[int], bool]
    ) -> int | None:
        """The first missing block that somebody can serve; see `take`."""
        number = backlog.front = self._find(backlog, backlog.front)
        while number < len(self._states):
            object_index, _ = self.manifest.locate_block(number)
            if not holds(object_index):
                number = self._find(backlog, self.manifest.first_blocks[object_index + 1])
            elif number in self.served_bad and avoids(number):
                number = self._find(backlog, number + 1)
            else:
                return number
        return None

    def _find(self, backlog: Backlog, number: int) -> int:
        """The backlog's first missing block from that number on, or the number of all blocks."""
        found = self._states.find(backlog.state, number)
        return len(self._states) if found < 0 else found

    def _run(self, backlog: Backlog, number: int, max_blocks: int) -> BlockRange:
        """The missing blocks from that number on."""
        object_index, first = self.manifest.locate_block(number)
        limit = min(self.manifest.first_blocks[object_index + 1], number + max_blocks)
        end = number + 1
        while end < limit and self._states[end] == backlog.state and end not in self.served_bad:
            end += 1
        return BlockRange(object_index, first, first + end - number)

    def _begin(self, backlog: Backlog, owner: int, blocks: BlockRange) -> None:
        numbers = self._numbers(blocks)
        start, end = self.manifest.range_span(blocks)
        backlog.take(len(numbers), end - start)
        self._states[numbers.start : numbers.stop] = bytes([FLYING]) * len(numbers)
        self._owners.update(dict.fromkeys(numbers, (owner,)))

    def _give_back(self, owner: int, number: int) -> None:
        owners = self._owners.get(number, ())
        if owner not in owners:
            return
        if len(owners) > 1:
            self._owners[number] = tuple(other for other in owners if other != owner)
        else:
            del self._owners[number]
            self._set_missing(number)

    def _set_missing(self, number: int) -> None:
        object_index, block = self.manifest.locate_block(number)
        start, end = self.manifest.block_span(object_index, block)
        backlog = self._backlog(object_index)
        backlog.add(1, end - start)
        backlog.front = min(backlog.front, number)
        self._states[number] = backlog.state
