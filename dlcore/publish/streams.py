"""Reads objects of a server that knows no ranges: what is read in order comes from one stream.

Guarantees: no memory is used for more than a span and one piece of a stream. A span that does not
begin where the last one of its object ended costs a stream from the object's beginning.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

MAX_KEPT = 16  # streams that may go on; more than the objects that are read at the same time

OpenStream = Callable[[str], Iterator[bytes]]
"""Asks for all of an object, and yields its bytes in pieces."""


class Streams:
    """The streams of one server. Thread-safe; an object is read by one thread at a time.

    Args:
        open_stream: Begins one.
    """

    def __init__(self, open_stream: OpenStream) -> None:
        self._open = open_stream
        self._kept: dict[str, _Stream] = {}
        self._lock = threading.Lock()

    def read(self, key: str, start: int, end: int) -> bytearray:
        """Bytes of an object; fewer than asked for if it ends before."""
        with self._lock:
            stream = self._kept.pop(key, None)
        if stream is None or stream.at != start:
            stream = _Stream(self._open(key))
            stream.take(start, keep=False)
        data = stream.take(end - start)
        if not stream.has_ended:
            self._keep(key, stream)
        return data

    def _keep(self, key: str, stream: _Stream) -> None:
        with self._lock:
            self._kept[key] = stream
            if len(self._kept) > MAX_KEPT:
                del self._kept[next(iter(self._kept))]


class _Stream:
    """One object, from its beginning.

    Attributes:
        at: How many of its bytes were taken.
        has_ended: Whether it is known that no more come.
    """

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.at = 0
        self.has_ended = False
        self._pieces = pieces
        self._rest = memoryview(b"")

    def take(self, count: int, *, keep: bool = True) -> bytearray:
        """The next bytes; they are dropped unless ``keep``."""
        data = bytearray()
        end = self.at + count
        while self.at < end:
            if not self._rest and not self._refill():
                break
            part = self._rest[: end - self.at]
            self._rest = self._rest[len(part) :]
            self.at += len(part)
            if keep:
                data += part
        return data

    def _refill(self) -> bool:
        piece = next(self._pieces, None)
        self.has_ended = piece is None
        self._rest = memoryview(piece or b"")
        return piece is not None
