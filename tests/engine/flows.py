"""A request's flow that a test controls."""

from __future__ import annotations

from dlcore.engine.download.ledger import Ledger, OpenBytes


class FreeFlow:
    """Holds nothing back, and counts.

    Attributes:
        received: The bytes of each read.
        open_bytes: Has them.
    """

    def __init__(self, open_bytes: OpenBytes | None = None) -> None:
        self.received: list[int] = []
        self.open_bytes = open_bytes or Ledger().open()

    def passed(self, count: int) -> bool:
        self.received.append(count)
        self.open_bytes.received(count)
        return True

    def dropped(self, count: int) -> bool:
        self.open_bytes.dropped(count)
        return True

    async def ready(self) -> None:
        return
