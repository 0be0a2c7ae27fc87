"""Notices that a response receives too little for too long.

Guarantees: costs one timer for each stall period, not one for each read. Only time spent waiting
for the network counts, so neither a slow disk nor a cap of our own is taken for a stall.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from dlcore.transfer.policy import TransferPolicy


class StallTimer:
    """Calls ``on_stall`` once if ``stall_s`` seconds of waiting bring too few bytes.

    Too few is less than ``min_bytes_per_s * stall_s``. The seconds are counted from the last
    moment at which that many bytes had arrived. Silence is noticed at most ``stall_s`` after the
    last byte, or twice that if it begins while the timer is paused.

    The timer begins paused.

    Args:
        policy: Gives ``stall_s`` and ``min_bytes_per_s``.
        on_stall: Called from the event loop.

    Attributes:
        has_expired: Whether ``on_stall`` was called.
    """

    def __init__(self, policy: TransferPolicy, on_stall: Callable[[], None]) -> None:
        self.has_expired = False
        self._stall_s = policy.stall_s
        self._min_bytes = policy.min_bytes_per_s * policy.stall_s
        self._on_stall = on_stall
        self._loop = asyncio.get_running_loop()
        self._since_s = self._paused_at_s = self._loop.time()
        self._is_running = False
        self._received_bytes = 0
        self._timer = self._loop.call_at(self._since_s + self._stall_s, self._check)

    def resume(self) -> None:
        """Count the time from now on: the next bytes are awaited."""
        self._since_s += self._loop.time() - self._paused_at_s
        self._is_running = True

    def pause(self) -> None:
        """Stop counting: nothing is awaited from the network."""
        self._paused_at_s = self._loop.time()
        self._is_running = False

    def received(self, count_bytes: int) -> None:
        """Note that bytes have arrived."""
        self._received_bytes += count_bytes
        if self._received_bytes >= self._min_bytes:
            self._received_bytes = 0
            self._since_s = self._loop.time()

    def stop(self) -> None:
        """End the timer for good."""
        self._timer.cancel()

    def _check(self) -> None:
        if not self._is_running:
            self._timer = self._loop.call_later(self._stall_s, self._check)
        elif self._loop.time() >= self._since_s + self._stall_s:
            self.has_expired = True
            self._on_stall()
        else:
            self._timer = self._loop.call_at(self._since_s + self._stall_s, self._check)
