"""A request's flow that a test controls."""

from __future__ import annotations

from dlcore.engine.download.ledger import Account, Ledger


class FreeFlow:
    """Holds nothing back, and counts.

    Attributes:
        received: The bytes of each read.
        account: Has them.
    """

    def __init__(self, account: Account | None = None) -> None:
        self.received: list[int] = []
        self.account = account or Ledger().open()

    def passed(self, count: int) -> bool:
        self.received.append(count)
        self.account.received(count)
        return True

    def dropped(self, count: int) -> bool:
        self.account.dropped(count)
        return True

    async def ready(self) -> None:
        return
