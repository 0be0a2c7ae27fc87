"""An event loop in a thread of its own, for programs that have none."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from dlcore.errors import ConfigError
from dlcore.event_loop import new_event_loop

T = TypeVar("T")
P = ParamSpec("P")

POLL_S = 0.5  # on Windows an interrupt does not end a wait


def not_open() -> ConfigError:
    """The error if a client is used before it is opened, or after it was closed."""
    return ConfigError(
        "the client is not open in this process",
        remedy="Use it inside of its 'with'. After a fork, open a client of its own.",
    )


class Loop:
    """An event loop in a thread.

    A function of the program that the loop calls may ask to end, by ``sys.exit()`` say. Then every
    call that waits for the loop is cancelled, and raises that.
    """

    def __init__(self) -> None:
        self._loop = new_event_loop()
        self._waited_for: set[asyncio.Task[Any]] = set()
        self._requests_to_end: dict[asyncio.Task[Any], BaseException] = {}
        self._thread = threading.Thread(target=self._run_forever, name="dlcore-loop", daemon=True)
        self._thread.start()

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start a coroutine; raises as `run` if the loop cannot run it."""
        return self._start(work, lambda _: None)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for a coroutine; an interrupt cancels it and waits for its end.

        Raises:
            ConfigError: The loop has ended, or is that of another process, from which this one was
                forked; or it waits for this call itself. The program's fault.
            BaseException: What the coroutine raised.
        """
        ended = threading.Event()

        def wait_for(task: asyncio.Task[T]) -> None:
            self._waited_for.add(task)
            task.add_done_callback(self._waited_for.discard)
            task.add_done_callback(lambda _: ended.set())

        task = self._start(work, wait_for)
        try:
            while not ended.wait(POLL_S):
                pass
        except BaseException:
            self._loop.call_soon_threadsafe(task.cancel)
            ended.wait()
            raise
        if request := self._requests_to_end.pop(task, None):
            raise request
        return task.result()

    def call(self, function: Callable[[], T]) -> T:
        """Call a function on the loop; what the loop calls may do so as well. Raises as `run`."""
        if threading.current_thread() is self._thread:
            return function()

        async def call() -> T:
            return function()

        return self.run(call())

    def finish(self, stream: AsyncGenerator[Any]) -> None:
        """Close a stream that a program has not read to its end.

        Python may call this whenever it finds that the program has forgotten the stream. If the
        loop has ended, it has closed all of them; on its own thread it closes this one later.
        """
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self.run(stream.aclose())

    def close(self) -> None:
        """End the thread, and those that the loop has started."""
        self.run(self._loop.shutdown_asyncgens())
        self.run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run_forever(self) -> None:
        while True:
            try:
                self._loop.run_forever()
            except (KeyboardInterrupt, SystemExit) as request:  # asyncio passes on these two
                for task in self._waited_for:
                    self._requests_to_end[task] = request
                    task.cancel()
            else:
                return

    def _start(
        self, work: Coroutine[Any, Any, T], begun: Callable[[asyncio.Task[T]], None]
    ) -> asyncio.Task[T]:
        try:
            self._check_runs()
        except ConfigError:
            work.close()
            raise

        async def start() -> asyncio.Task[T]:
            task = asyncio.ensure_future(work)
            begun(task)
            return task

        return asyncio.run_coroutine_threadsafe(start(), self._loop).result()

    def _check_runs(self) -> None:
        if not self._thread.is_alive():
            raise not_open()
        if threading.current_thread() is self._thread:
            raise ConfigError(
                "a function that dlcore calls may not wait for dlcore",
                remedy="Call it from another thread.",
            )


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
