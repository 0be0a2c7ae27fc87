"""Background tasks whose errors are reported."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

from dlcore.waiting import cancel_and_wait


class Tasks:
    """Runs coroutines to their end.

    Args:
        failed: Called with each error; a cancellation is not one.
    """

    def __init__(self, failed: Callable[[BaseException], None]) -> None:
        self._failed = failed
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Run a coroutine to its end; the caller may cancel it."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def cancel(self) -> None:
        """Cancel all tasks, and wait for their end."""
        await cancel_and_wait(list(self._tasks))

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self._failed(error)
