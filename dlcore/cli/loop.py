"""Runs a command's coroutine; a request to end the process cancels it, so that it cleans up."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Coroutine, Iterator
from types import FrameType
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")


class Terminated(BaseException):
    """The process was asked to end (``SIGTERM``), and everything was left in order."""


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Raise `Terminated` in the main thread when the process is asked to end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end.

    Raises:
        KeyboardInterrupt: The user interrupted it.
        Terminated: The process was asked to end.
    """
    terminated = False

    async def guarded() -> T:
        task = asyncio.ensure_future(work)

        def terminate() -> None:
            nonlocal terminated
            terminated = True
            task.cancel()

        with contextlib.suppress(NotImplementedError):  # Windows has no such signal
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminate)
        return await task

    try:
        return asyncio.run(guarded())
    except asyncio.CancelledError:
        if terminated:
            raise Terminated from None
        raise


def _terminate(signum: int, frame: FrameType | None) -> NoReturn:
    raise Terminated
