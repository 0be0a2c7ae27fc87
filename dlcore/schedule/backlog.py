"""The missing blocks of one sort: those of small objects, or those of all others.

A request for a small object occupies its connection for about a round trip and brings hardly a
byte; a request for blocks of a longer object may fill the link by itself. Taken one sort after the
other, the link would be idle while there are only small ones, and the round trips would have to
wait while there are only long ones. Taken in step, whichever of the two is the bottleneck is busy
from the beginning to the end, and neither long requests nor many round trips are left for the end.
"""

from __future__ import annotations

MISSING, MISSING_SMALL = 0, 1  # states of a block, by the backlog that it is in


class Backlog:
    """The missing blocks of one sort, counted.

    Args:
        state: The state that marks these blocks in the package's map.
    """

    def __init__(self, state: int) -> None:
        self.state = state
        self._front = 0
        self._left = self._left_bytes = 0
        self._max_left = 0

    @property
    def front(self) -> int:
        """No block with a lower number is missing."""
        return self._front

    @property
    def left(self) -> int:
        """Number of missing blocks."""
        return self._left

    @property
    def left_bytes(self) -> int:
        """Length of the missing blocks."""
        return self._left_bytes

    @property
    def share(self) -> float:
        """Share of the blocks that is left; the backlog with more left is the next to be taken."""
        return self._left / self._max_left if self._max_left else 0.0

    def add(self, count: int, length_bytes: int) -> None:
        """Blocks are missing."""
        self._left += count
        self._left_bytes += length_bytes
        self._max_left = max(self._max_left, self._left)

    def add_again(self, number: int, length_bytes: int) -> None:
        """The block of that number is missing again."""
        self.add(1, length_bytes)
        self._front = min(self._front, number)

    def take(self, count: int, length_bytes: int) -> None:
        """Blocks are in flight."""
        self._left -= count
        self._left_bytes -= length_bytes

    def advance(self, front: int) -> None:
        """The first missing block is the one of that number."""
        self._front = front
