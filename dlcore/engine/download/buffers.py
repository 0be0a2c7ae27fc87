"""Page-aligned buffers, used again and again, never more than fit under a ceiling.

The ceiling is the engine's memory: who needs a buffer when all are in use waits, and so slows the
network down to what the disk can take. First come, first served. A buffer longer than the ceiling
is lent when no other is. For one event loop.

Nobody waits for ever, because nobody who waits holds a buffer, and each that is held comes back
without another one: a range fills its own from the network and lets go of it before it asks for
the next; a verification needs none; a block put together from strips (`assembly`) needs only its
strips, which need no buffer either. What those strips need is a connection, and the connections
may all be in ranges that wait here. So while somebody waits, one more connection is allowed
(`Connections`); and what is begun without a buffer for its start is not begun (`take_now`), so
that the one connection more is for strips of blocks that have theirs. The schedule asks for those
first.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from itertools import chain

from dlcore.native import aligned_buffer, discard


class BufferPool:
    """Buffers by length.

    Args:
        ceiling_bytes: All buffers together.

    Attributes:
        freed: Called when a buffer has come back that nobody was waiting for.
    """

    def __init__(self, ceiling_bytes: int) -> None:
        self.freed: Callable[[], None] = lambda: None
        self._ceiling_bytes = ceiling_bytes
        self._free: dict[int, list[memoryview]] = {}
        self._free_bytes = 0
        self._lent_bytes = 0
        self._waiting: deque[tuple[int, asyncio.Future[memoryview]]] = deque()

    @property
    def is_short(self) -> bool:
        """Whether somebody waits."""
        return bool(self._waiting)

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
            else:
                self._serve()  # who comes behind may need less
            raise

    def give_back(self, buffer: memoryview) -> None:
        """The buffer may be used by others."""
        length_bytes = len(buffer)
        self._lent_bytes -= length_bytes
        self._free_bytes += length_bytes
        self._free.setdefault(length_bytes, []).append(buffer)
        self._serve()
        if not self._waiting:
            self.freed()

    def _serve(self) -> None:
        """Lend to those who wait, in their order, as long as there is something to lend."""
        while self._waiting:
            length_bytes, turn = self._waiting[0]
            if not turn.cancelled():
                found = self._find(length_bytes)
                if found is None:
                    return
                turn.set_result(found)
            self._waiting.popleft()

    def _find(self, length_bytes: int) -> memoryview | None:
        if self._lent_bytes and self._lent_bytes + length_bytes > self._ceiling_bytes:
            return None
        self._lent_bytes += length_bytes
        free = self._free.get(length_bytes)
        if free:
            self._free_bytes -= length_bytes
            return free.pop()
        if self._lent_bytes + self._free_bytes > self._ceiling_bytes:
            self._discard_free()
        return aligned_buffer(length_bytes)

    def _discard_free(self) -> None:
        """Those of other lengths make room, even if a job that is not over still knows of them."""
        for buffer in chain.from_iterable(self._free.values()):
            discard(buffer)
        self._free.clear()
        self._free_bytes = 0
