"""Threads for blocking reads that may never return, as those from a dead file share.

Guarantees: a caller that is cancelled goes on at once. The thread is left behind: it can hold up
neither the event loop's end nor that of the process, as the threads of asyncio would. What it reads
in the end is dropped.

Assumes reads that change nothing: a thread that ends with the process leaves nothing half-done.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class TooManyHangError(Exception):
    """As many threads are at work already as may be left behind."""


class AbandonableThreads(Executor):
    """Runs each read in a daemon thread of its own; for ``loop.run_in_executor``.

    Args:
        max_threads: Threads at work at a time, those that were left behind among them.
    """

    def __init__(self, max_threads: int) -> None:
        self._max_threads = max_threads
        self._at_work = 0
        self._lock = threading.Lock()  # guards _at_work

    def submit(self, read: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Begin a read.

        Raises:
            TooManyHangError: Too many threads are at work.
            RuntimeError: The system gives no thread.
        """
        with self._lock:
            if self._at_work >= self._max_threads:
                raise TooManyHangError
            self._at_work += 1
        result: Future[T] = Future()

        def work() -> None:
            try:
                value = read(*args, **kwargs)
            except BaseException as error:
                self._end_work()
                result.set_exception(error)
            else:
                self._end_work()
                result.set_result(value)

        result.set_running_or_notify_cancel()
        try:
            threading.Thread(target=work, daemon=True, name="dlcore-read").start()
        except RuntimeError:
            self._end_work()
            raise
        return result

    def _end_work(self) -> None:
        with self._lock:
            self._at_work -= 1
