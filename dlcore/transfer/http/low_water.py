"""How many bytes must have come before a connection is read again.

Each read costs the same, however little it brings: woken for every packet, a fast connection costs
several times the processor time. So the kernel is asked to wait for as much as comes in `WAIT_S`.

Guarantees: it waits only for bytes that are still to come, so neither the end of a body nor the
head of the next answer is held up. A connection that becomes slow is read every `PATIENCE_S` all
the same: what has come of it counts as progress, and is there when it breaks.

Not for: systems and event loops other than Linux with asyncio's own; they are woken as they were.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from asyncio import trsock

WAIT_S = 0.02  # bytes may lie in the kernel that long: a tenth of what a rate is measured over
PATIENCE_S = 1.0  # whatever has come by then is read; far less than makes a stall
MIN_BYTES = 16 << 10  # less is not worth the asking
MAX_BYTES = 1 << 20  # half a buffer: reads of that length cost next to nothing a byte
MAX_TLS_BYTES = 256 << 10  # what asyncio reads of TLS at a time,
TLS_HELD_BYTES = 512 << 10  # and, at most twice that, may hold already of what is still to come


def worth_waiting_for(arrived_bytes: int, elapsed_s: float, to_come_bytes: int) -> int:
    """Decide how many bytes the next read should find.

    Args:
        arrived_bytes: Of the body.
        elapsed_s: Seconds that took.
        to_come_bytes: Will surely still come.

    Returns:
        1 (whatever comes) to `MAX_BYTES`, a power of two or all that is to come; never more than
        that, or than has come: the first moments tell little of the rate.
    """
    wanted = min(int(arrived_bytes * WAIT_S / max(elapsed_s, WAIT_S)), MAX_BYTES)
    if min(wanted, to_come_bytes) < MIN_BYTES:
        return 1
    return min(to_come_bytes, 1 << (wanted.bit_length() - 1))


class LowWater:
    """The mark of one connection, for the time of a body; to be stopped.

    Args:
        connection: The connection's socket, as the event loop shows it.
        loop: The event loop.
        is_tls: Whether the body comes over TLS.
    """

    def __init__(
        self, connection: object, loop: asyncio.AbstractEventLoop, *, is_tls: bool
    ) -> None:
        self._socket: trsock.TransportSocket | None = None
        if sys.platform == "linux" and isinstance(connection, trsock.TransportSocket):
            self._socket = connection
        self._loop = loop
        self._since_s = loop.time()
        self._is_tls = is_tls
        self._arrived_bytes = 0
        self._mark = 1
        self._is_silent = False
        self._timer = loop.call_later(PATIENCE_S, self._look)

    def arrived(self, count_bytes: int, left_bytes: int) -> None:
        """So many bytes of the body were read, and so many are left."""
        if self._socket is None:
            return
        self._is_silent = False
        self._arrived_bytes += count_bytes
        to_come_bytes = left_bytes - TLS_HELD_BYTES if self._is_tls else left_bytes
        elapsed_s = self._loop.time() - self._since_s
        mark = worth_waiting_for(self._arrived_bytes, elapsed_s, to_come_bytes)
        if self._is_tls:
            mark = min(mark, MAX_TLS_BYTES)
        self._set(mark)

    def stop(self) -> None:
        """The body has ended, or nobody reads it any more."""
        self._timer.cancel()

    def _look(self) -> None:
        if self._is_silent:
            self._set(1)
        self._is_silent = True
        self._timer = self._loop.call_later(PATIENCE_S, self._look)

    def _set(self, mark: int) -> None:
        if self._socket and mark != self._mark:
            self._mark = mark
            with contextlib.suppress(OSError):  # the connection has ended by itself
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, mark)
