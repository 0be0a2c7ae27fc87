"""The bytes of one request on their way in: counted, and held back to the caps.

What every sink tells and asks, whatever it does with the bytes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeAlias

from dlcore.engine.download.caps import BandwidthCaps
from dlcore.engine.download.ledger import OpenBytes
from dlcore.engine.download.meter import Meter
from dlcore.engine.download.patch_names import package_of
from dlcore.schedule import Request

Received: TypeAlias = Callable[[Request, int, float], None]
"""Hears of a request, a number of its bytes that arrived, and the time."""

Answered: TypeAlias = Callable[[str, float, float], None]
"""Hears of an endpoint, how long its answer took to begin, and the time."""


class Flow(Protocol):
    """One request, as its sink sees it."""

    @property
    def open_bytes(self) -> OpenBytes:
        """Bytes of the request that have arrived, while it is open whether they will be used."""
        ...

    def passed(self, count: int) -> bool:
        """Bytes arrived; whether more may be read now. If not, await `ready` first."""
        ...

    def dropped(self, count: int) -> bool:
        """Bytes arrived that are not for the sink; otherwise as `passed`."""
        ...

    async def ready(self) -> None:
        """Wait until more may be read."""
        ...


class RequestFlow:
    """The flow of a request from the network.

    Args:
        request: The request.
        received: Hears of the bytes.
        meter: Counts them.
        open_bytes: Has them until it is known what becomes of them.
        caps: Say how fast they may come.
        answered: Hears of the first bytes; None: it is not needed.
    """

    def __init__(
        self,
        request: Request,
        received: Received,
        meter: Meter,
        open_bytes: OpenBytes,
        caps: BandwidthCaps,
        answered: Answered | None = None,
    ) -> None:
        self._request = request
        self._received = received
        self._meter = meter
        self._open_bytes = open_bytes
        self._caps = caps
        self._answered = answered  # until the first bytes come
        self._now_s = asyncio.get_running_loop().time
        now_s = self._now_s()
        self._resume_at_s = now_s + caps.spend(request.endpoint, 0, now_s)
        self._asked_s = now_s

    @property
    def open_bytes(self) -> OpenBytes:
        """Bytes that have arrived, while it is open whether they will be used."""
        return self._open_bytes

    def passed(self, count: int) -> bool:
        """Count bytes that arrived; whether more may be read now."""
        now_s = self._now_s()
        self._count(count, now_s)
        self._open_bytes.received(count)
        self._received(self._request, count, now_s)
        return self._spend(count, now_s)

    def dropped(self, count: int) -> bool:
        """Count bytes that nobody wants. The scheduler reckons with those of the range only."""
        now_s = self._now_s()
        self._count(count, now_s)
        self._open_bytes.dropped(count)
        return self._spend(count, now_s)

    def _count(self, count: int, now_s: float) -> None:
        request = self._request
        if self._answered:
            self._answered(request.endpoint, now_s - self._asked_s, now_s)
            self._answered = None
        self._meter.received(package_of(request.package), request.endpoint, count, now_s)

    def _spend(self, count: int, now_s: float) -> bool:
        wait_s = self._caps.spend(self._request.endpoint, count, now_s)
        self._resume_at_s = now_s + wait_s
        return not wait_s

    async def ready(self) -> None:
        """Wait until the bytes that arrived are paid for."""
        await self._caps.wait(self._request.endpoint, self._resume_at_s)
        if self._answered:
            self._asked_s = self._now_s()  # nothing was asked before
