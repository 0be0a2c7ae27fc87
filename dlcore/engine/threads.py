"""Waiting for work that must not be left half done, such as a thread that writes to disk.

Cancelling a coroutine does not stop the thread it waits for: the thread goes on using buffers and
file descriptors that its owner believes free. So a cancellation here waits for the work to end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def wait_for_all(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Wait for all tasks; a cancellation is raised only after they have ended.

    Raises:
        CancelledError: This was cancelled; all tasks have ended.
        BaseException: The first task's error.
    """
    cancelled: asyncio.CancelledError | None = None
    while not all(task.done() for task in tasks):
        try:
            await asyncio.wait(tasks)
        except asyncio.CancelledError as error:
            cancelled = error
    errors = [failure for task in tasks if (failure := task.exception())]
    if cancelled:
        raise cancelled
    if errors:
        raise errors[0]


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run blocking work in a thread; a cancellation waits for its end."""
    results: list[T] = []

    async def run() -> None:
        results.append(await asyncio.to_thread(function, *args, **kwargs))

    await wait_for_all([asyncio.ensure_future(run())])
    return results[0]
