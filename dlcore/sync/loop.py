"""An event loop in a thread of its own, for programs that have none."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from dlcore.event_loop import new_event_loop

T = TypeVar("T")
P = ParamSpec("P")

POLL_S = 0.5  # on Windows an interrupt does not end a wait


class Loop:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self._loop = new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="dlcore-loop", daemon=True
        )
        self._thread.start()

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start a coroutine."""

        async def start() -> asyncio.Task[T]:
            return asyncio.ensure_future(work)

        return asyncio.run_coroutine_threadsafe(start(), self._loop).result()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for a coroutine; an interrupt cancels it and waits for its end."""
        task = self.start(work)
        ended = threading.Event()
        self._loop.call_soon_threadsafe(task.add_done_callback, lambda _: ended.set())
        try:
            while not ended.wait(POLL_S):
                pass
        except BaseException:
            self._loop.call_soon_threadsafe(task.cancel)
            ended.wait()
            raise
        return task.result()

    def call(self, function: Callable[[], T]) -> T:
        """Call a function on the loop."""

        async def call() -> T:
            return function()

        return self.run(call())

    def close(self) -> None:
        """End the thread, and those that the loop has started."""
        self.run(self._loop.shutdown_asyncgens())
        self.run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def alone(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """A coroutine function as one that blocks, on a loop of its own."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        loop = Loop()
        try:
            return loop.run(function(*args, **kwargs))
        finally:
            loop.close()

    return call
