"""Which blocks of one package are wanted, under way, or done.

A `Demand` keeps one byte per package-wide block number, so finding the next missing block is a
search at memory speed however large the package is. A block under way belongs to the range that
took it, and only that range can end its flight: a block that is fetched again elsewhere while the
range that served it bad is still running stays with its new range.
"""

from __future__ import annotations

from collections.abc import Callable

from dlcore.model import BlockRange, Manifest

MISSING, FLYING, DONE = 0, 1, 2


class Demand:
    """The blocks of one package.

    Args:
        manifest: What the package consists of.
        have: One byte per block, non-zero where it is verified on disk already.

    Attributes:
        missing: Number of blocks that nobody is fetching.
        served_bad: Block number -> endpoints from which it did not match its digest.
        alone: Object that did not match as a whole -> who alone serves it from then on, so that it
            can be told whose bytes are wrong; empty until somebody has begun.
        failed_alone: Object -> endpoints that served it wrong, alone.
    """

    def __init__(self, manifest: Manifest, have: bytes | bytearray) -> None:
        self.manifest = manifest
        self._states = bytearray(DONE if done else MISSING for done in have)
        self._owners: dict[int, int] = {}  # block under way -> the range that took it
        self.missing = self._states.count(MISSING)
        self.served_bad: dict[int, set[str]] = {}
        self.alone: dict[int, str] = {}
        self.failed_alone: dict[int, set[str]] = {}

    @property
    def flying(self) -> int:
        """Number of blocks under way."""
        return len(self._owners)

    @property
    def is_complete(self) -> bool:
        """Whether every block is done."""
        return not self.missing and not self._owners

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
            holds: Whether the taker's endpoint holds the object of that index.
            avoids: Whether that endpoint should leave the block of that number to others.
            most_blocks: The longest run to take; 1 or more.

        Returns:
            The run, all in one object; None if the endpoint can serve nothing that is missing.
        """
        number = self._states.find(MISSING)
        while number >= 0:
            object_index, block = self.manifest.locate_block(number)
            object_end = self.manifest.first_blocks[object_index + 1]
            if not holds(object_index):
                number = self._states.find(MISSING, object_end)
            elif number in self.served_bad and avoids(number):
                number = self._states.find(MISSING, number + 1)
            else:
                end = self._run_end(number, min(object_end, number + most_blocks))
                self._states[number:end] = bytes([FLYING]) * (end - number)
                self._owners.update(dict.fromkeys(range(number, end), owner))
                self.missing -= end - number
                return BlockRange(object_index, block, block + end - number)
        return None

    def done(self, owner: int, blocks: BlockRange) -> None:
        """The blocks are verified and written."""
        self._land(owner, self._numbers(blocks), DONE)

    def bad(self, owner: int, object_index: int, block: int, endpoint: str) -> None:
        """A block from ``endpoint`` did not match: it is missing again."""
        number = self.manifest.block_number(object_index, block)
        self.served_bad.setdefault(number, set()).add(endpoint)
        self._land(owner, range(number, number + 1), MISSING)

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
                self._states[number] = MISSING
                self.missing += 1
                start, end = self.manifest.block_span(object_index, block)
                undone_bytes += end - start
        return culprit, undone_bytes

    def give_back(self, owner: int, blocks: BlockRange) -> None:
        """What is still under way of a range is missing again."""
        self._land(owner, self._numbers(blocks), MISSING)

    def is_servable(self, held: Callable[[int], bool]) -> bool:
        """Whether somebody holds an object with missing blocks.

        Args:
            held: Whether any endpoint in use holds the object of that index.
        """
        number = self._states.find(MISSING)
        while number >= 0:
            object_index, _ = self.manifest.locate_block(number)
            if held(object_index):
                return True
            number = self._states.find(MISSING, self.manifest.first_blocks[object_index + 1])
        return False

    def _numbers(self, blocks: BlockRange) -> range:
        base = self.manifest.first_blocks[blocks.object]
        return range(base + blocks.first, base + blocks.last)

    def _run_end(self, number: int, limit: int) -> int:
        end = number + 1
        while end < limit and self._states[end] == MISSING and end not in self.served_bad:
            end += 1
        return end

    def _land(self, owner: int, numbers: range, state: int) -> None:
        """End the flight of those blocks that still belong to ``owner``."""
        for number in numbers:
            if self._owners.get(number) == owner:
                del self._owners[number]
                self._states[number] = state
                self.missing += state == MISSING
