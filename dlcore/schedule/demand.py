"""Which blocks of one package are wanted, under way, or done.

A `Demand` keeps one byte per package-wide block number, so finding the next missing block is a
search at memory speed however large the package is.
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
        flying: Number of blocks under way.
        served_bad: Block number -> endpoints from which it did not match its digest.
    """

    def __init__(self, manifest: Manifest, have: bytes | bytearray) -> None:
        self.manifest = manifest
        self._states = bytearray(DONE if done else MISSING for done in have)
        self.missing = self._states.count(MISSING)
        self.flying = 0
        self.served_bad: dict[int, set[str]] = {}

    @property
    def is_complete(self) -> bool:
        """Whether every block is done."""
        return not self.missing and not self.flying

    def take(
        self, holds: Callable[[int], bool], avoids: Callable[[int], bool], most_blocks: int
    ) -> BlockRange | None:
        """Take the first run of missing blocks that somebody can serve; it is now under way.

        Args:
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
                self._move(number, end, MISSING, FLYING)
                return BlockRange(object_index, block, block + end - number)
        return None

    def done(self, blocks: BlockRange) -> None:
        """The blocks are verified and written."""
        self._move(*self._numbers(blocks), FLYING, DONE)

    def bad(self, object_index: int, block: int, endpoint: str) -> None:
        """A block from ``endpoint`` did not match: it is missing again."""
        number = self.manifest.block_number(object_index, block)
        self.served_bad.setdefault(number, set()).add(endpoint)
        self._move(number, number + 1, FLYING, MISSING)

    def undo(self, object_index: int) -> None:
        """No block of the object counts any more: as a whole it did not match its digest."""
        firsts = self.manifest.first_blocks
        self._move(firsts[object_index], firsts[object_index + 1], DONE, MISSING)

    def give_back(self, blocks: BlockRange) -> None:
        """What is still under way of a range is missing again."""
        self._move(*self._numbers(blocks), FLYING, MISSING)

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

    def _numbers(self, blocks: BlockRange) -> tuple[int, int]:
        base = self.manifest.first_blocks[blocks.object]
        return base + blocks.first, base + blocks.last

    def _run_end(self, number: int, limit: int) -> int:
        end = number + 1
        while end < limit and self._states[end] == MISSING and end not in self.served_bad:
            end += 1
        return end

    def _move(self, start: int, end: int, old: int, new: int) -> None:
        """Change every block of ``[start, end)`` that is ``old`` to ``new``."""
        for number in range(start, end):
            if self._states[number] == old:
                self._states[number] = new
                self.missing += (new == MISSING) - (old == MISSING)
                self.flying += (new == FLYING) - (old == FLYING)
