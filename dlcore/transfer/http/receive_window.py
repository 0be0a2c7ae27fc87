"""The receive window of each connection: how much its server may have under way.

A receiver bounds a sender by the window that it offers. Linux lets a program bound that window
(``TCP_WINDOW_CLAMP``) and tells the round trip that the receiver sees (``TCP_INFO``), queue
included; so a `ReceiveWindow` can hold connections to it, and measure what follows.
Elsewhere there are no samples, and a window is bounded by the length of its buffer (``SO_RCVBUF``),
which the system does not change by itself any more once it was set. What Windows does when it is
made shorter while bytes come is not documented; the rate of reading is bounded there besides. A
connection within this machine keeps its buffer: nobody shares its path, and its segments are so
long that a short buffer would stop it.

On Linux the kernel raises the bound of a connection when it enlarges its buffer. So the bound is
set again whenever `share` is called.

Sources: tcp(7); RFC 9840 (rLEDBAT). ``struct tcp_info`` in ``include/uapi/linux/tcp.h``, to which
members are only ever appended.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import struct
import sys
from asyncio import trsock
from collections import defaultdict
from statistics import median
from typing import Final

_WINDOW_CLAMP: Final = 10
"""``TCP_WINDOW_CLAMP``; Python names it on Linux only."""

_NUMBER: Final = struct.Struct("@I")
_RCV_RTT_AT: Final = 92
"""Offset of ``tcpi_rcv_rtt``: microseconds, 0 if it is not known."""

_LAST_DATA_AT: Final = 52
"""Offset of ``tcpi_last_data_recv``: milliseconds."""

_TCP_INFO: Final = 11
"""``TCP_INFO``; the same."""

_ADVERTISED_SEGMENT_AT: Final = 84
"""Offset of ``tcpi_advmss``: the longest segment that may come, in bytes."""

_MIN_SEGMENTS: Final = 2
"""Of a buffer: with less a sender may wait for a timer before it sends. Source: RFC 9293, section
3.8.6.2."""

_ETHERNET_SEGMENT_BYTES: Final = 1460
"""Where the system does not tell how long a segment may be."""

_FOREGROUND_BUFFER_BYTES: Final = 4 << 20
"""What a connection that is bounded by its buffer gets: 400 Mbit/s at 80 ms."""

_INFO_BYTES: Final = 104
_MAX_SILENCE_MS: Final = 500
_UNBOUNDED: Final = 1 << 30


class ReceiveWindow:
    """What the servers of one endpoint may have under way together.

    Args:
        can_measure: Whether this system tells round trips, and bounds a window exactly.

    Attributes:
        can_measure: Whether this system tells round trips, and bounds a window exactly.
    """

    def __init__(self, *, can_measure: bool = sys.platform == "linux") -> None:
        self.can_measure = can_measure
        self._in_use: set[trsock.TransportSocket] = set()
        self._bounded: set[trsock.TransportSocket] = set()
        self._total_bytes: float | None = None
        self._parts = 1

    @property
    def is_bounded(self) -> bool:
        """Whether there is a bound now."""
        return self._total_bytes is not None

    @property
    def connections(self) -> int:
        """How many connections are in use."""
        return len(self._in_use)

    def began(self, connection: object) -> None:
        """A body comes over this connection: the socket, as the event loop gives it."""
        if isinstance(connection, trsock.TransportSocket):
            self._in_use.add(connection)
            if self._total_bytes is not None:
                self.share(self._total_bytes, self._parts)

    def ended(self, connection: object) -> None:
        """The body has ended, or nobody wants the rest. Idempotent."""
        if isinstance(connection, trsock.TransportSocket):
            self._in_use.discard(connection)

    def share(self, total_bytes: float | None, parts: int = 1) -> None:
        """Divide a window among the connections in use, now and whenever one comes along.

        Args:
            total_bytes: All of them together; None: as the system likes.
            parts: Into how many parts at least. A connection that waits for its next answer should
                have its part kept: what the others get meanwhile would still be under way then.
        """
        self._total_bytes, self._parts = total_bytes, parts
        self._bounded = {each for each in self._bounded | self._in_use if each.fileno() >= 0}
        if total_bytes is None:
            for connection in self._bounded:
                self._bound(connection, None)
            self._bounded = set()
            return
        each_bytes = min(int(total_bytes / max(1, parts, len(self._in_use))), _UNBOUNDED)
        for connection in self._in_use:
            self._bound(connection, each_bytes)

    def round_trip_s(self) -> float | None:
        """What the connections in use measured a moment ago, the middle one; None: not known.

        One that has just begun, or that is about to end, measured it before the others.
        """
        if not self.can_measure:
            return None
        measured = [each for each in map(_round_trip_s, self._in_use) if each]
        return median(measured) if measured else None

    def _bound(self, connection: trsock.TransportSocket, window_bytes: int | None) -> None:
        if self.can_measure:
            _clamp(connection, _UNBOUNDED if window_bytes is None else window_bytes)
        else:
            _set_buffer(connection, window_bytes)


class ReceiveWindows:
    """The receive window of each endpoint, by the endpoint's name."""

    def __init__(self) -> None:
        self._windows: defaultdict[str, ReceiveWindow] = defaultdict(ReceiveWindow)

    def of(self, endpoint: str) -> ReceiveWindow:
        """That of an endpoint; unbounded at first."""
        return self._windows[endpoint]


def _clamp(connection: trsock.TransportSocket, window_bytes: int) -> None:
    """Bound its window, but not below one full segment.

    Two are what a single connection needs for a steady flow; the window of all together is never
    less. If many share so small a window, a second segment for each would be a load of its own.
    """
    info = _info(connection)
    segment_bytes = _number(info, _ADVERTISED_SEGMENT_AT) if info else 0
    with contextlib.suppress(OSError):  # the connection has just ended
        wanted = max(window_bytes, segment_bytes)
        connection.setsockopt(socket.IPPROTO_TCP, _WINDOW_CLAMP, wanted)


def _set_buffer(connection: trsock.TransportSocket, window_bytes: int | None) -> None:
    """Set the receive buffer; the system does not change it by itself any more."""
    bounded = _FOREGROUND_BUFFER_BYTES if window_bytes is None else window_bytes
    with contextlib.suppress(OSError):  # the connection has just ended
        if not _is_within_machine(connection):
            wanted = max(bounded, _MIN_SEGMENTS * _segment_bytes(connection))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, wanted)


def _is_within_machine(connection: trsock.TransportSocket) -> bool:
    return ipaddress.ip_address(connection.getpeername()[0]).is_loopback


def _segment_bytes(connection: trsock.TransportSocket) -> int:
    try:
        told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
    except OSError:
        return _ETHERNET_SEGMENT_BYTES
    return max(told, _ETHERNET_SEGMENT_BYTES)


def _round_trip_s(connection: trsock.TransportSocket) -> float | None:
    info = _info(connection)
    if info is None or _number(info, _LAST_DATA_AT) > _MAX_SILENCE_MS:
        return None
    return _number(info, _RCV_RTT_AT) / 1e6 or None


def _info(connection: trsock.TransportSocket) -> bytes | None:
    try:
        info = connection.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _INFO_BYTES)
    except OSError:
        return None
    return info if len(info) == _INFO_BYTES else None


def _number(info: bytes, at: int) -> int:
    return int(_NUMBER.unpack_from(info, at)[0])
