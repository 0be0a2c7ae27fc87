"""A pool goes on with few threads, and never runs what it has refused."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

import pytest

from dlcore.work_threads import WorkThreads
from tests.starved import Starved

P = ParamSpec("P")
T = TypeVar("T")


class StarvedThreads(Starved, WorkThreads):
    """A `WorkThreads` for which the system has few threads."""


def test_a_pool_goes_on_with_the_threads_that_it_has() -> None:
    """Fault: the system gives one thread of many. dlcore does all work in that one."""
    go_on = threading.Event()
    with StarvedThreads(4) as threads:
        first = threads.submit(go_on.wait)
        others = [threads.submit(int, text) for text in "12"]
        go_on.set()
        assert first.result(10.0)
        assert [future.result(10.0) for future in others] == [1, 2]


def test_what_is_refused_is_never_run() -> None:
    """Fault: the system gives no thread, and later one. dlcore never does what it had given up."""
    done: list[int] = []
    with StarvedThreads(4) as threads:
        threads.threads_left = 0
        with pytest.raises(RuntimeError, match="can't start new thread"):
            threads.submit(done.append, 1)
        threads.threads_left = 1
        threads.submit(done.append, 2).result(10.0)
    assert done == [2]


def test_what_work_raises_is_raised() -> None:
    with WorkThreads(1) as threads, pytest.raises(ZeroDivisionError):
        threads.submit(divmod, 1, 0).result(10.0)


def test_work_that_is_cancelled_by_the_end_of_the_pool_is_cancelled_for_those_who_wait() -> None:
    go_on = threading.Event()
    threads = WorkThreads(1)
    threads.submit(go_on.wait)
    waiting = threads.submit(int, "1")
    threads.shutdown(wait=False, cancel_futures=True)
    go_on.set()
    with pytest.raises(CancelledError):
        waiting.result(10.0)
    with pytest.raises(RuntimeError, match="shutdown"):
        threads.submit(int, "1")


class EndedPool(ThreadPoolExecutor):
    """Python's own, which refuses work when Python ends."""

    is_ended = False

    def submit(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        if self.is_ended:
            raise RuntimeError("cannot schedule new futures after interpreter shutdown")
        return super().submit(work, *args, **kwargs)


class EndedThreads(WorkThreads, EndedPool):
    """A `WorkThreads` at the end of Python."""


def test_what_is_refused_at_the_end_of_python_is_not_waited_for() -> None:
    """Fault: a program begins work while Python ends. It is refused, and nobody waits for it."""
    with EndedThreads(1) as threads:
        assert threads.submit(int, "1").result(10.0) == 1
        threads.is_ended = True
        with pytest.raises(RuntimeError, match="interpreter shutdown"):
            threads.submit(int, "2")


def test_a_failed_piece_of_work_is_not_kept() -> None:
    class Big:
        """What is worked on."""

    big = Big()
    kept = weakref.ref(big)

    def fail(_: Big) -> None:
        raise ZeroDivisionError

    gc.collect()
    gc.disable()
    try:
        with WorkThreads(1) as threads, pytest.raises(ZeroDivisionError):
            threads.submit(fail, big).result(10.0)
        del big
        assert kept() is None
    finally:
        gc.enable()
