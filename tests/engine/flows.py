"""A request's flow that a test controls."""

from __future__ import annotations


class FreeFlow:
    """Holds nothing back, and counts.

    Attributes:
        received: The bytes of each read.
    """

    def __init__(self) -> None:
        self.received: list[int] = []

    def passed(self, count: int) -> bool:
        self.received.append(count)
        return True

    async def ready(self) -> None:
        return
