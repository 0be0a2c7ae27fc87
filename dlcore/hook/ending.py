"""Requests to end the program while it waits: Ctrl+C, Ctrl+Break, closing the console, SIGTERM.

The first one cancels what is under way, so that it ends in order. If that hangs, or a second one
comes, the process is left at once: nothing half-done is visible at any moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from types import FrameType
from typing import Any

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")


class EndedError(BaseException):
    """Somebody asked the program to end. Not an Exception: nothing else may handle it."""


def run_until_ended(
    work: Callable[[], Coroutine[Any, Any, None]], leave: Callable[[], object], grace_s: float
) -> None:
    """Run a coroutine to its end, or until somebody asks to end.

    Args:
        work: Makes the coroutine.
        leave: Ends the process at once. Called from any thread.
        grace_s: Seconds between the first request and the call of ``leave``.

    Raises:
        EndedError: Somebody asked to end.
    """
    ended = threading.Event()
    grace = threading.Timer(grace_s, leave)
    grace.daemon = True

    async def cancellable() -> None:
        task = asyncio.ensure_future(work())
        loop = asyncio.get_running_loop()

        def requested() -> None:
            if ended.is_set():
                leave()
            else:
                ended.set()
                grace.start()
            loop.call_soon_threadsafe(task.cancel)

        with _heeding(requested):
            await task

    try:
        asyncio.run(cancellable())
    except asyncio.CancelledError:
        if not ended.is_set():
            raise
    finally:
        grace.cancel()
    if ended.is_set():
        raise EndedError


@contextlib.contextmanager
def _heeding(requested: Callable[[], None]) -> Iterator[None]:
    """Call a function at each request. Requests come to the main thread only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(_: int, __: FrameType | None) -> None:
        requested()

    numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
