"""Which blocks of one package are wanted, under way, or done.

A `Demand` keeps one byte per package-wide block number, so finding the next missing block is a
search at memory speed however large the package is. A block under way belongs to the range that
took it, or to nobody but its strips while it is open; a raced block belongs to two ranges. Only
its owners can end its flight: a block that is fetched again elsewhere while the range that served
it bad is still running stays with its new range.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from dlcore.model import BlockRange, Manifest
from dlcore.schedule.strips import OpenBlock

MISSING, FLYING, DONE = 0, 1, 2
STRIPS = -1  # owner of an open block


class Demand:
    """The blocks of one package.

    Args:
        package: Its key.
        manifest: What the package consists of.
        have: One byte per block, non-zero where it is verified on disk already.

    Attributes:
        missing: Number of blocks that nobody is fetching.
        open: Block number -> block whose strips are being fetched.
        races: How often a block was raced.
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
        self._front = 0  # no block before it is missing
        self.missing = self._states.count(MISSING)
        self.open: dict[int, OpenBlock] = {}
        self.races: Counter[int] = Counter()
        self.served_bad: dict[int, set[str]] = {}
        self.alone: dict[int, str] = {}
        self.failed_alone: dict[int, set[str]] = {}

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
        most_blocks: int,
    ) -> BlockRange | None:
        """Take the first run of missing blocks that somebody can serve; it is now under way.

        Args:
            owner: Number of the range that takes them, never used before.
            holds: Whether the taker's endpoint may serve the object of that index.
            avoids: Whether that endpoint should leave the block of that number to others.
            most_blocks: The longest run to take; 1 or more.

        Returns:
            The run, all in one object; None if the endpoint can serve nothing that is missing.
        """
        number = self._front = self._find(self._front)
        while number < len(self._states):
            object_index, block = self.manifest.locate_block(number)
            object_end = self.manifest.first_blocks[object_index + 1]
            if not holds(object_index):
                number = self._find(object_end)
            elif number in self.served_bad and avoids(number):
                number = self._find(number + 1)
            else:
                end = self._run_end(number, min(object_end, number + most_blocks))
                self._states[number:end] = bytes([FLYING]) * (end - number)
                self._owners.update(dict.fromkeys(range(number, end), (owner,)))
                self.missing -= end - number
                return BlockRange(object_index, block, block + end - number)
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
        number = self._find(self._front)
        while number < len(self._states):
            object_index, _ = self.manifest.locate_block(number)
            if held(object_index):
                return True
            number = self._find(self.manifest.first_blocks[object_index + 1])
        return False

    def _numbers(self, blocks: BlockRange) -> range:
        base = self.manifest.first_blocks[blocks.object]
        return range(base + blocks.first, base + blocks.last)

    def _find(self, number: int) -> int:
        """The first missing block from that number on; the number of blocks if there is none."""
        found = self._states.find(MISSING, number)
        return len(self._states) if found < 0 else found

    def _run_end(self, number: int, limit: int) -> int:
        end = number + 1
        while end < limit and self._states[end] == MISSING and end not in self.served_bad:
            end += 1
        return end

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
        self._states[number] = MISSING
        self._front = min(self._front, number)
        self.missing += 1
