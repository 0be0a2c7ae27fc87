"""A sink that checks that its writer keeps to the interface."""

from __future__ import annotations

import asyncio


class Collector:
    """Takes exactly one range, in small buffers, and must be awaited after each full one.

    Args:
        length_bytes: Length of the range; one byte more is an error.
        buffer_bytes: Length of a buffer.
        gate: `ready` waits for it, as for a slow disk.
    """

    def __init__(
        self, length_bytes: int, *, buffer_bytes: int = 7000, gate: asyncio.Event | None = None
    ) -> None:
        self.data = bytearray(length_bytes)
        self.filled_bytes = 0
        self.dropped_bytes = 0
        self.waits = 0
        self.waiting = asyncio.Event()
        self.has_bytes = asyncio.Event()
        self._buffer_bytes = buffer_bytes
        self._gate = gate
        self._must_wait = False

    @property
    def received(self) -> bytes:
        """What has arrived."""
        return bytes(self.data[: self.filled_bytes])

    def buffer(self) -> memoryview:
        assert not self._must_wait, "ready was not awaited"
        assert self.filled_bytes < len(self.data), "a buffer was asked for after the last byte"
        return memoryview(self.data)[self.filled_bytes : self._end()]

    def advance(self, count: int) -> bool:
        assert 0 <= count <= self._end() - self.filled_bytes
        self.has_bytes.set()
        full = self.filled_bytes + count == self._end()
        self.filled_bytes += count
        self._must_wait = full
        return not full

    def dropped(self, count: int) -> bool:
        assert count > 0
        self.dropped_bytes += count
        return True

    async def ready(self) -> None:
        assert self.filled_bytes < len(self.data), "ready was awaited after the last byte"
        self.waits += 1
        self.waiting.set()
        if self._gate:
            await self._gate.wait()
        self._must_wait = False

    def _end(self) -> int:
        used = self.filled_bytes - self.filled_bytes % self._buffer_bytes
        return min(used + self._buffer_bytes, len(self.data))
