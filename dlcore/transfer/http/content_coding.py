"""Decodes a body that something on the way has compressed, although that was not asked for.

A middlebox that compresses whatever passes is not the server's fault, and the bytes are verified
behind the sink. So gzip, which is what such boxes use, is decoded; every other coding is refused.

Guarantees: no more is decoded at once than `PIECE_BYTES`, however much a few bytes expand to; who
reads decides when it is too much. A body that is not gzip, ends early, or decodes to next to
nothing is an error: otherwise empty members, or a header without end, could be received for ever.

Source: RFC 9110, section 8.4.1.3, "Gzip Coding"; RFC 1952, section 2.2, about several members.
"""

from __future__ import annotations

import zlib
from typing import Final

PIECE_BYTES: Final = 256 << 10
MAX_IDLE_BYTES: Final = 256 << 10
"""What may be received without anything to show for it."""
MAX_GROWTH: Final = 32
"""What a byte of content may take, in bytes; as a member of its own it takes 21."""
GZIP: Final = frozenset({"gzip", "x-gzip"})
_GZIP_ONLY: Final = 16 + zlib.MAX_WBITS


class Gunzip:
    """Decodes one body, piece by piece."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP_ONLY)
        self._pending = b""
        self._has_begun = False
        self._idle_bytes = 0

    def feed(self, data: bytes) -> None:
        """Add bytes of the body."""
        self._pending += data
        self._has_begun = self._has_begun or bool(data)
        self._idle_bytes += len(data)

    def take(self) -> bytes:
        """At most `PIECE_BYTES` of what can be decoded by now; empty: feed more.

        Raises:
            ValueError: It is not gzip, or decodes to next to nothing.
        """
        piece = self._decompress()
        self._idle_bytes = max(0, self._idle_bytes - MAX_GROWTH * len(piece))
        if not piece and self._idle_bytes > MAX_IDLE_BYTES:
            raise ValueError("sent a compressed body that decodes to next to nothing")
        return piece

    @property
    def is_complete(self) -> bool:
        """Whether what was fed is a whole body; an empty one is."""
        return self._member.eof or not self._has_begun

    def _decompress(self) -> bytes:
        while True:
            if self._member.eof:
                if not self._pending:
                    return b""
                self._member = zlib.decompressobj(_GZIP_ONLY)
            try:
                piece = self._member.decompress(self._pending, PIECE_BYTES)
            except zlib.error:
                raise ValueError("sent a body that is not gzip, as it says") from None
            self._pending = self._member.unused_data or self._member.unconsumed_tail
            if piece or not (self._member.eof and self._pending):
                return piece
