"""Threads for pieces of work that do not wait for each other, however few the system gives.

Guarantees: what `WorkThreads.submit` refuses is never run. Python's own pool keeps the work that it
had no thread for, and runs it when nobody waits for it any more.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class NoThreadError(RuntimeError):
    """The system gives no thread, and the work that was to be done is never done."""


class WorkThreads(ThreadPoolExecutor):
    """A pool that goes on with the threads that it has if the system gives no more."""

    def __init__(self, max_workers: int, *, thread_name_prefix: str = "") -> None:
        super().__init__(max_workers, thread_name_prefix=thread_name_prefix)
        self._has_thread = False
        self._in_line: list[Future[Any]] = []  # what Python's pool has given no future for

    def submit(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Begin a piece of work, or put it in line.

        Raises:
            NoThreadError: There is no thread at all.
            RuntimeError: The pool or Python is being shut down.
        """
        result: Future[T] = Future()
        try:
            future = super().submit(settle, result, work, *args, **kwargs)
        except RuntimeError as error:
            if is_no_thread(error) and self._has_thread:
                self._in_line.append(result)
                return result
            result.cancel()
            raise refusal(error) from None
        self._has_thread = True
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more work, as `ThreadPoolExecutor.shutdown`."""
        if cancel_futures:
            for result in self._in_line:
                result.cancel()
        super().shutdown(wait, cancel_futures=cancel_futures)


def is_no_thread(error: RuntimeError) -> bool:
    """Whether an error of Python's says that the system gives no thread."""
    return "start new thread" in str(error)


def refusal(error: RuntimeError) -> RuntimeError:
    """What to raise for an error with which a pool refuses work."""
    return NoThreadError(str(error)) if is_no_thread(error) else error


def settle(result: Future[T], work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Do the work that a future stands for, unless the future was cancelled.

    Raises:
        CancelledError: It was.
    """
    try:
        if not result.set_running_or_notify_cancel():
            raise CancelledError
        try:
            value = work(*args, **kwargs)
        except BaseException as error:
            result.set_exception(error)
            raise
        result.set_result(value)
        return value
    finally:  # the traceback of an error keeps this frame, and must not keep what was worked on
        del result, work, args, kwargs
