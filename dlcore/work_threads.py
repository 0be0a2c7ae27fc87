"""Threads for pieces of work that do not wait for each other, however few the system gives.

Guarantees: what `WorkThreads.submit` refuses is never run. Python's own pool keeps the work that it
had no thread for, and runs it when nobody waits for it any more.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class WorkThreads(ThreadPoolExecutor):
    """A pool that goes on with the threads that it has if the system gives no more."""

    _has_thread = False
    _is_shut_down = False

    def submit(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Begin a piece of work, or put it in line.

        Raises:
            RuntimeError: There is no thread at all, or the pool is shut down.
        """
        result: Future[T] = Future()
        try:
            queued = super().submit(settle, result, work, *args, **kwargs)
        except RuntimeError:
            if self._is_shut_down or not self._has_thread:
                result.cancel()
                raise
            return result  # it is in line
        self._has_thread = True
        queued.add_done_callback(lambda each: result.cancel() if each.cancelled() else None)
        return result

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """As the pool that this is made of."""
        self._is_shut_down = True
        super().shutdown(wait, cancel_futures=cancel_futures)


def settle(result: Future[T], work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> None:
    """Do the work that a future stands for, unless the future was cancelled."""
    if not result.set_running_or_notify_cancel():
        return
    try:
        value = work(*args, **kwargs)
    except BaseException as error:
        result.set_exception(error)
    else:
        result.set_result(value)
