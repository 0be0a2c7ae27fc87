"""Waits that a cancellation does not cut short.

Cancelling a coroutine does not stop the thread or the task that it waits for: that goes on using
buffers, connections and file descriptors which their owner believes to be free. So these waits last
until the work has ended, and raise the cancellation then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Sequence
from typing import Any, ParamSpec, TypeVar

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
    work = asyncio.ensure_future(asyncio.to_thread(function, *args, **kwargs))
    await wait_for_all([work])
    return work.result()


async def side_by_side(jobs: Sequence[Coroutine[Any, Any, T]], max_at_once: int) -> list[T]:
    """Run jobs, a few at once; none runs any more when this ends.

    Args:
        jobs: Each is run once.
        max_at_once: How many run at the same time.

    Returns:
        What they return, in their order.

    Raises:
        CancelledError: This was cancelled.
        BaseException: The first error of one of them; the others were cancelled.
    """
    turns = asyncio.Semaphore(max_at_once)

    async def in_turn(job: Coroutine[Any, Any, T]) -> T:
        async with turns:
            return await job

    tasks = [asyncio.ensure_future(in_turn(job)) for job in jobs]
    try:
        return await asyncio.gather(*tasks)
    finally:
        await cancel_and_wait(tasks)
        for job in jobs:
            job.close()


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
