"""Blocking reads that may never return, as those from a dead file share.

Guarantees: a caller that is cancelled, or that has waited long enough, goes on at once. The thread
is left behind: it can hold up neither the event loop's end nor that of the process. What it reads
in the end is dropped. At most ``max_abandoned`` threads are left behind at a time.

Assumes reads that change nothing: a thread that ends with the process leaves nothing half-done.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

T = TypeVar("T")


class TooManyHangError(Exception):
    """As many threads hang already as may be left behind."""


class AbandonableThreads:
    """Runs reads, each in a daemon thread.

    asyncio's own threads will not do: the interpreter waits for each of them before it ends.

    Args:
        max_abandoned: Threads that may be left behind at a time.
    """

    def __init__(self, max_abandoned: int) -> None:
        self._max_abandoned = max_abandoned
        self._abandoned = 0

    async def run(self, read: Callable[[], T]) -> T:
        """Run a read; a cancellation leaves it behind.

        Raises:
            TooManyHangError: Too many were left behind, and none of them has returned since.
            BaseException: What the read raised.
        """
        if self._abandoned >= self._max_abandoned:
            raise TooManyHangError
        loop = asyncio.get_running_loop()
        result: asyncio.Future[T] = loop.create_future()

        def work() -> None:
            settle = _settle(result, read)
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(self._returned, result, settle)

        threading.Thread(target=work, daemon=True, name="dlcore-read").start()
        try:
            return await result
        except asyncio.CancelledError:
            self._abandoned += 1
            raise

    def _returned(self, result: asyncio.Future[T], settle: Callable[[], None]) -> None:
        if result.cancelled():
            self._abandoned -= 1
        else:
            settle()


def _settle(result: asyncio.Future[T], read: Callable[[], T]) -> Callable[[], None]:
    """Run the read. Returns what passes its outcome on, for the event loop to call."""
    try:
        value = read()
    except BaseException as error:
        return partial(result.set_exception, error)
    return partial(result.set_result, value)
