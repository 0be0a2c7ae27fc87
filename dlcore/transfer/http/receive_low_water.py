"""The receive low-water mark: how many bytes the kernel collects before a connection is read.

A read costs the same for one packet as for a megabyte. A fast connection that wakes the process for
each packet therefore takes several times the processor time. `SO_RCVLOWAT` tells the kernel to wake
it only when a certain number of bytes has arrived: here, as many as arrive in
``low_water_delay_s``.

Guarantees: the kernel waits only for bytes that are still to come, so neither the end of a body nor
the headers of the next response are delayed. If a connection falls silent for
``low_water_silence_s``, the mark falls to 1. What has arrived is then read, counts as progress, and
is not lost if the connection breaks.

Only on Linux, with asyncio's own event loop; elsewhere nothing is changed.

Source: socket(7).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from asyncio import trsock
from collections.abc import Callable

from dlcore.transfer.policy import TransferPolicy

MAX_TLS_READ_BYTES = 256 << 10
"""What asyncio reads of a TLS connection at a time. Source: ``SSLProtocol.max_size``."""

MAX_TLS_HELD_BYTES = 2 * MAX_TLS_READ_BYTES
"""What asyncio may hold of a TLS connection already; the kernel will not see it again."""


def low_water_mark(
    received_bytes: int, elapsed_s: float, left_bytes: int, policy: TransferPolicy
) -> int:
    """Decide how many bytes the kernel should collect for the next read.

    Args:
        received_bytes: Length of the body so far.
        elapsed_s: Time in which these arrived.
        left_bytes: Bytes that the kernel will still receive.
        policy: Gives the delay, the minimum and the maximum.

    Returns:
        1 (read whatever comes), or from ``min_low_water_bytes`` to ``max_low_water_bytes``: a
        power of two, or all of ``left_bytes``. It never exceeds ``received_bytes``, because the
        first moments tell little about the throughput.
    """
    delay_s = policy.low_water_delay_s
    wanted = min(
        int(received_bytes * delay_s / max(elapsed_s, delay_s)), policy.max_low_water_bytes
    )
    if min(wanted, left_bytes) < policy.min_low_water_bytes:
        return 1
    return min(left_bytes, 1 << (wanted.bit_length() - 1))


class ReceiveLowWater:
    """Adjusts the mark of one connection while a body arrives; must be stopped.

    Args:
        connection: The socket, as the event loop gives it.
        loop: The event loop.
        policy: Gives the delays and limits.
        is_tls: Whether the body comes over TLS.
        is_bounded: Whether the receive window is bounded now. Then every byte is read as it comes:
            the window would close while the kernel collects, and the queue could not be watched.
    """

    def __init__(
        self,
        connection: object,
        loop: asyncio.AbstractEventLoop,
        policy: TransferPolicy,
        *,
        is_tls: bool,
        is_bounded: Callable[[], bool] = lambda: False,
    ) -> None:
        self._socket: trsock.TransportSocket | None = None
        if sys.platform == "linux" and isinstance(connection, trsock.TransportSocket):
            self._socket = connection
        self._loop = loop
        self._policy = policy
        self._is_tls = is_tls
        self._is_bounded = is_bounded
        self._started_at_s = loop.time()
        self._received_bytes = 0
        self._mark = 1
        self._is_silent = False
        self._timer = loop.call_later(policy.low_water_silence_s, self._check_silence)

    def received(self, count_bytes: int, left_bytes: int) -> None:
        """Note that ``count_bytes`` of the body were read and ``left_bytes`` are still missing."""
        if self._socket is None:
            return
        self._is_silent = False
        self._received_bytes += count_bytes
        if self._is_bounded():
            self._set(1)
            return
        unseen_bytes = left_bytes - MAX_TLS_HELD_BYTES if self._is_tls else left_bytes
        elapsed_s = self._loop.time() - self._started_at_s
        mark = low_water_mark(self._received_bytes, elapsed_s, unseen_bytes, self._policy)
        self._set(min(mark, MAX_TLS_READ_BYTES) if self._is_tls else mark)

    def stop(self) -> None:
        """End the timer: the body is complete, or it is not read any more."""
        self._timer.cancel()

    def _check_silence(self) -> None:
        if self._is_silent:
            self._set(1)
        self._is_silent = True
        self._timer = self._loop.call_later(self._policy.low_water_silence_s, self._check_silence)

    def _set(self, mark: int) -> None:
        if self._socket and mark != self._mark:
            self._mark = mark
            with contextlib.suppress(OSError):  # the connection has just ended
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, mark)
