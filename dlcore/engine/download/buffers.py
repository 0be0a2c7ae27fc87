"""Page-aligned buffers, used again and again, within a ceiling.

The ceiling is the engine's memory. A request that needs a buffer when all are in use waits, and so
slows the network down to what the disk can take. First come, first served. A buffer longer than
the ceiling is lent when no other is. For one event loop.

No wait lasts forever, because a waiting request holds no buffer, and each buffer that is held
comes back without another one. A request fills its buffer from the network and gives it up before
it asks for the next. A verification needs no other buffer. A split block needs only its parts,
which need no buffer of their own. What those parts do need is a connection, and the connections
may all be in requests that wait here. So while memory is short, the scheduler allows one request
more than the limit, and only for a part of a block that has its buffer. It is told `free_bytes`
for that, and begins nothing else without memory for its start. A split block that no endpoint can
continue gives up its buffer when nothing is in flight that could free memory.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Callable
from itertools import chain

from dlcore.native import aligned_buffer, discard


class BufferPool:
    """Buffers by length.

    Args:
        ceiling_bytes: All buffers together.
    """

    def __init__(self, ceiling_bytes: int) -> None:
        self._freed: Callable[[], None] = lambda: None
        self._ceiling_bytes = ceiling_bytes
        self._free: dict[int, list[memoryview]] = {}
        self._free_bytes = 0
        self._lent_bytes = 0
        self._waiting: deque[tuple[int, asyncio.Future[memoryview]]] = deque()

    @property
    def free_bytes(self) -> int:
        """Length of the longest buffer that `take_now` would lend; those that wait come first."""
        if self._waiting:
            return 0
        if not self._lent_bytes:
            return sys.maxsize
        return max(0, self._ceiling_bytes - self._lent_bytes)

    def on_free(self, freed: Callable[[], None]) -> None:
        """Call that whenever a buffer has come back and nothing waits for one."""
        self._freed = freed

    def take_now(self, length_bytes: int) -> memoryview | None:
        """A buffer of that length, if one is free and nothing waits for one; else None."""
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
                self._serve()  # the next in the queue may need less
            raise

    def give_back(self, buffer: memoryview) -> None:
        """The buffer may be used by others."""
        length_bytes = len(buffer)
        self._lent_bytes -= length_bytes
        self._free_bytes += length_bytes
        self._free.setdefault(length_bytes, []).append(buffer)
        self._serve()
        if not self._waiting:
            self._freed()

    def _serve(self) -> None:
        """Lend to those that wait, in their order, while there is something to lend."""
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
            self.discard_free()
        return aligned_buffer(length_bytes)

    def discard_free(self) -> None:
        """Give the memory of free buffers back, even if a running job has a view of them."""
        for buffer in chain.from_iterable(self._free.values()):
            discard(buffer)
        self._free.clear()
        self._free_bytes = 0
