"""TCP connections that are begun before there is anybody to use them.

A program that knows a host long before it can ask for anything there, because it still has modules
to import and documents to read, need not wait for the round trip of a connection afterwards.

Guarantees: whoever opens a connection to such a host gets one that is under way, or established,
as if it had begun it now; one that failed is forgotten. No connection is given out that has waited
for more than `FRESH_S`, which a server may take for a dead one; what nobody wanted is closed then,
or by `close`. Nothing is sent. Only on Linux, where a second ``connect`` on a socket goes on with
the first; elsewhere nothing is begun.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time
from collections.abc import Sequence
from itertools import cycle, islice
from typing import Any

FRESH_S = 5.0
_ESTABLISHED, _OPENING = 1, 2  # Source: enum of <linux/tcp.h>, TCP_ESTABLISHED and TCP_SYN_SENT
_RTT_AT = 68  # an offset in struct tcp_info

Address = tuple[int, int, int, str, Any]
"""As `socket.getaddrinfo` gives it; the last is the place to connect to."""


class EarlyConnections:
    """Connections under way, by address. Any thread may begin some."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hosts: dict[tuple[str, int], Sequence[Address]] = {}
        self._free: dict[Any, list[socket.socket]] = {}
        self._begun_s = float("-inf")

    def begin(self, host: str, port: int, count: int) -> None:
        """Begin connections to a host, spread over its addresses."""
        if sys.platform != "linux":
            return
        try:
            self._open(host, port, count, socket.AI_NUMERICHOST)
        except (OSError, UnicodeError):  # it has a name: somebody has to be asked for its address
            look_up = threading.Thread(
                target=self._look_up, args=(host, port, count), name="dlcore-early", daemon=True
            )
            look_up.start()

    def address_of(self, host: str, port: int) -> Address | None:
        """Where connections to a host were begun; None: not, not yet, or at several places."""
        found = self._hosts.get((host, port), ())
        return found[0] if len(found) == 1 else None

    def socket_for(self, address: Address) -> socket.socket:
        """A socket to call ``connect`` on with this address."""
        family, kind, proto, _, place = address
        if time.monotonic() - self._begun_s > FRESH_S:
            self.close()
        while begun := self._taken(place):
            if not begun.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                return begun
            begun.close()  # whoever tries again meets what failed
        return socket.socket(family, kind, proto)

    def round_trip_s(self) -> float:
        """The shortest that the system measured as connections were opened.

        Where none is open yet, how long that has taken so far: it is no shorter. Only of those
        that nobody has taken yet and that did not fail; 0.0 if there is none.
        """
        with self._lock:
            begun = [one for free in self._free.values() for one in free]
        waiting = [one for one in begun if _state(one) in (_ESTABLISHED, _OPENING)]
        measured_s = list(filter(None, map(_round_trip_s, waiting)))
        if waiting and not measured_s:
            return time.monotonic() - self._begun_s
        return min(measured_s, default=0.0)

    def close(self) -> None:
        """Close what nobody wanted."""
        with self._lock:
            for free in self._free.values():
                for waiting in free:
                    waiting.close()
            self._free.clear()

    def _taken(self, place: Any) -> socket.socket | None:
        with self._lock:
            free = self._free.get(place)
            return free.pop(0) if free else None

    def _look_up(self, host: str, port: int, count: int) -> None:
        with contextlib.suppress(OSError, UnicodeError):  # whoever wants one looks it up again
            self._open(host, port, count)

    def _open(self, host: str, port: int, count: int, flags: int = 0) -> None:
        addresses = _addresses(host, port, flags)
        self._begun_s = time.monotonic()
        for family, kind, proto, _, place in islice(cycle(addresses), count):
            begun = socket.socket(family, kind, proto)
            begun.setblocking(False)
            with contextlib.suppress(OSError):
                begun.connect(place)  # is in progress, or has failed and will say so again
            with self._lock:
                self._free.setdefault(place, []).append(begun)
        self._hosts[host, port] = addresses


def _round_trip_s(begun: socket.socket) -> float:
    """Of an established connection; else 0.0. Source: tcp(7), struct tcp_info of <linux/tcp.h>."""
    info = begun.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _RTT_AT + 4)
    is_open = info[0] == _ESTABLISHED
    return int.from_bytes(info[_RTT_AT:], sys.byteorder) / 1e6 if is_open else 0.0


def _state(begun: socket.socket) -> int:
    return begun.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]


def _addresses(host: str, port: int, flags: int) -> Sequence[Address]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
