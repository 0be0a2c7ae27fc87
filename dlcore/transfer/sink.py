"""Where the bytes of one range go, and the writer that respects the sink's back-pressure.

The sink also hears of content that was read from a connection and is not for it, so that all
that came is in the figures. The page of an error does not count as content.

Guarantees of `SinkWriter`: `Sink.ready` is awaited between an `Sink.advance` that returned False
and the next `Sink.buffer`, and never after the last byte of a range. One writer therefore serves a
range that is read in several requests.
"""

from __future__ import annotations

from typing import Protocol


class Sink(Protocol):
    """Takes the bytes of one range, in order."""

    def buffer(self) -> memoryview:
        """Writable memory for the next bytes; never empty before the range is complete."""
        ...

    def advance(self, count: int) -> bool:
        """Note that ``count`` bytes were written to the start of the last `buffer`.

        Returns:
            Whether the next `buffer` is free now. If not, await `ready` first.
        """
        ...

    def dropped(self, count: int) -> bool:
        """Note that ``count`` bytes of content came that are not given to the sink.

        They are before the range or after it, or nobody could take them any more.

        Returns:
            As `advance`.
        """
        ...

    async def ready(self) -> None:
        """Wait until the next `buffer` is free: this is the back-pressure of a slow disk."""
        ...


class SinkWriter:
    """Writes the bytes of one range to its sink.

    Args:
        sink: Where the bytes go.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._is_free = True

    async def write(self, data: bytes | memoryview) -> None:
        """Copy all of ``data`` to the sink, waiting whenever the sink is full.

        If that ends early, what was not copied is dropped.
        """
        view = memoryview(data)
        try:
            while view:
                await self.ready()
                buffer = self.buffer(len(view))
                count = len(buffer)
                buffer[:] = view[:count]
                view = view[count:]
                self.advance(count)
        except BaseException:
            self.drop(len(view))
            raise

    def drop(self, count: int) -> None:
        """``count`` bytes of content came, 0 or more, that are not for the sink."""
        if count:
            self._is_free = self._sink.dropped(count) and self._is_free

    async def ready(self) -> None:
        """Wait until `buffer` may be called."""
        if not self._is_free:
            await self._sink.ready()
            self._is_free = True

    def buffer(self, max_bytes: int) -> memoryview:
        """Memory for the next bytes, at most ``max_bytes`` of it."""
        return self._sink.buffer()[:max_bytes]

    def advance(self, count: int) -> bool:
        """Note that ``count`` bytes were written to the last `buffer`.

        Returns:
            Whether the next `buffer` is free now. If not, await `ready` first.
        """
        self._is_free = self._sink.advance(count)
        return self._is_free
