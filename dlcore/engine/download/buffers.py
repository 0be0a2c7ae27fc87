"""Page-aligned buffers, used again and again, never more than fit under a ceiling.

The ceiling is the engine's memory: who needs a buffer when all are in use waits, and so slows the
network down to what the disk can take. First come, first served. For one event loop.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque

from dlcore.native import aligned_buffer


class BufferPool:
    """Buffers by length.

    Args:
        ceiling_bytes: All buffers together.
        least: So many may be in use even if that breaks the ceiling: one for each connection and
            some to be verified, or everybody would wait for everybody.
    """

    def __init__(self, ceiling_bytes: int, least: int) -> None:
        self._ceiling_bytes = ceiling_bytes
        self._least = least
        self._free: dict[int, list[memoryview]] = {}
        self._in_use: Counter[int] = Counter()
        self._waiting: deque[tuple[int, asyncio.Future[memoryview]]] = deque()

    def take_now(self, length_bytes: int) -> memoryview | None:
        """A buffer of that length, if one is free and nobody waits for one."""
        return None if self._waiting else self._find(length_bytes)

    async def take(self, length_bytes: int) -> memoryview:
        """Wait for a buffer of that length; its content is whatever it held before."""
        buffer = self.take_now(length_bytes)
        if buffer is not None:
            return buffer
        turn: asyncio.Future[memoryview] = asyncio.get_running_loop().create_future()
        self._waiting.append((length_bytes, turn))
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back(turn.result())
            raise

    def give_back(self, buffer: memoryview) -> None:
        """The buffer may be used by others."""
        length_bytes = len(buffer)
        self._in_use[length_bytes] -= 1
        self._free.setdefault(length_bytes, []).append(buffer)
        while self._waiting:
            length_bytes, turn = self._waiting[0]
            if not turn.cancelled():
                found = self._find(length_bytes)
                if found is None:
                    return
                turn.set_result(found)
            self._waiting.popleft()

    def _find(self, length_bytes: int) -> memoryview | None:
        in_use_bytes = sum(length * count for length, count in self._in_use.items())
        fits = in_use_bytes + length_bytes <= self._ceiling_bytes
        if not fits and self._in_use.total() >= self._least:
            return None
        self._in_use[length_bytes] += 1
        free = self._free.get(length_bytes)
        if free:
            return free.pop()
        free_bytes = sum(length * len(some) for length, some in self._free.items())
        if in_use_bytes + free_bytes + length_bytes > self._ceiling_bytes:
            self._free.clear()  # of other lengths: they make room
        return aligned_buffer(length_bytes)
