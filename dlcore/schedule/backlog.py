"""What is missing of a package: a backlog of small objects, and one of all others.

A request for a small object takes its connection about a round trip and brings hardly a byte; one
for a range of a longer object may fill the link by itself. Taken one after the other, the link
would be idle while there are only small ones, and the round trips would have to wait while there
are only long ones. Taken in step, as here, whichever of the two is the bottleneck is busy from the
beginning to the end; and neither long ranges nor a crowd of round trips are left for the end.
"""

from __future__ import annotations

MISSING, MISSING_SMALL = 0, 1  # states of a block, by the backlog that it is in
SMALL_BYTES = 128 << 10  # a longer object takes its connection longer than a usual round trip


class Backlog:
    """The missing blocks of one sort.

    Attributes:
        state: Of these blocks.
        front: No block before it is missing.
        left: Number of them.
        left_bytes: Their length.
    """

    def __init__(self, state: int) -> None:
        self.state = state
        self.front = 0
        self.left = self.left_bytes = 0
        self._whole = 0  # the most there ever were

    @property
    def share(self) -> float:
        """How much of it is left; the one with more of it is behind, and its turn is next."""
        return self.left / self._whole if self._whole else 0.0

    def add(self, count: int, length_bytes: int) -> None:
        """Blocks are missing, for the first time or again."""
        self.left += count
        self.left_bytes += length_bytes
        self._whole = max(self._whole, self.left)

    def take(self, count: int, length_bytes: int) -> None:
        """Blocks are under way."""
        self.left -= count
        self.left_bytes -= length_bytes
