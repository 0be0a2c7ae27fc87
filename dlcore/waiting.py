"""Waits that a cancellation does not cut short.

Cancelling a coroutine does not stop the thread or the task that it waits for: that goes on using
buffers, connections and file descriptors which their owner believes to be free. So these waits last
until the work has ended, and raise the cancellation then.

A program may cancel all tasks of its loop, as `asyncio.run` does after an interrupt. So
nothing can cancel a task that must come to its end.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
from collections.abc import Callable, Collection, Coroutine, Sequence
from concurrent.futures import Future
from typing import Any, ParamSpec, TypeVar

from dlcore.work_threads import refusal, settle

I = TypeVar("I")  # noqa: E741  # an item
P = ParamSpec("P")
T = TypeVar("T")


async def wait_for_all(futures: Collection[asyncio.Future[Any]]) -> None:
    """Wait until all tasks or futures are done.

    Raises:
        CancelledError: This was cancelled; all are done.
        BaseException: The first error of one of them.
    """
    errors = await _errors_of(futures)
    if errors:
        raise errors[0]


async def cancel_and_wait(tasks: Collection[asyncio.Future[Any]]) -> None:
    """Cancel tasks and wait until all have ended; their errors are dropped.

    A task may need some turns of the event loop to close its connection.

    Raises:
        CancelledError: This was cancelled; all have ended.
    """
    for task in tasks:
        task.cancel()
    await _errors_of(tasks)


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run blocking work in a thread.

    Raises:
        CancelledError: This was cancelled; the work has ended.
        BaseException: What the function raised.
    """
    work = begin_in_thread(function, *args, **kwargs)
    await wait_for_all([work])
    return work.result()


def begin_in_thread(
    function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> asyncio.Future[T]:
    """Begin blocking work in a thread; the future is done when the work has ended.

    Raises:
        NoThreadError: The system gives no thread; the work is never done.
    """
    call = functools.partial(contextvars.copy_context().run, function, *args, **kwargs)
    result: Future[T] = Future()
    try:
        return asyncio.get_running_loop().run_in_executor(None, settle, result, call)
    except RuntimeError as error:
        if result.cancel():
            raise refusal(error) from None
        return asyncio.wrap_future(result)  # the pool had kept it, and a thread has taken it


async def to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Do work that must not be left half-done.

    Raises:
        CancelledError: This was cancelled; the work has ended.
        BaseException: What the work raised.
    """
    task = enduring(work)
    await wait_for_all([task])
    return task.result()


def enduring(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Begin work that nobody can cancel; so no `asyncio.timeout` in it ends anything."""
    return _EnduringTask(work, loop=asyncio.get_running_loop())


class _EnduringTask(asyncio.Task[T]):
    """A task that comes to its end."""

    def cancel(self, msg: object = None) -> bool:
        """Leave it as it is."""
        return False


async def side_by_side(
    work: Callable[[I], Coroutine[Any, Any, T]], items: Sequence[I], max_at_once: int
) -> list[T]:
    """Do the same for each of many items, a few at once; nothing runs any more when this ends.

    Args:
        work: Called for each item when its turn comes, so that a long list takes little memory.
        items: In the order of their turns.
        max_at_once: How many run at the same time.

    Returns:
        What it came to for each, in their order.

    Raises:
        CancelledError: This was cancelled.
        BaseException: The first error of one of them; the others were cancelled.
    """
    found: dict[int, T] = {}
    turns = iter(enumerate(items))

    async def take_turns() -> None:
        for number, item in turns:
            found[number] = await work(item)

    workers = [asyncio.ensure_future(take_turns()) for _ in range(min(max_at_once, len(items)))]
    try:
        await asyncio.gather(*workers)
    finally:
        await cancel_and_wait(workers)
    return [found[number] for number in range(len(items))]


async def _errors_of(futures: Collection[asyncio.Future[Any]]) -> list[BaseException]:
    cancellation: asyncio.CancelledError | None = None
    while not all(future.done() for future in futures):
        try:
            await asyncio.wait(futures)
        except asyncio.CancelledError as error:
            cancellation = error
    # Every error is looked at, or asyncio would report it as one that nothing has handled.
    errors = [e for f in futures if not f.cancelled() and (e := f.exception())]
    if cancellation:
        raise cancellation
    return errors
