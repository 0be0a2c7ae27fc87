"""A range's flow that a test controls."""

from __future__ import annotations


class FreeFlow:
    """Holds nothing back; counts, and may be cut short.

    Args:
        last: The block before which the range is to end.
    """

    def __init__(self, last: int = 1 << 30) -> None:
        self.received: list[int] = []
        self.last = last

    def passed(self, count: int) -> bool:
        self.received.append(count)
        return True

    async def ready(self) -> None:
        return

    def last_block(self) -> int:
        return self.last
