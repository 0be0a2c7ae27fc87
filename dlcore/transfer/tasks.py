"""Ending background tasks so that nothing of them runs any more."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any


async def cancel_and_wait(tasks: Collection[asyncio.Future[Any]]) -> None:
    """Cancel tasks and wait until all of them have ended, even if this is cancelled meanwhile.

    A task may need some turns of the event loop to close its connection. If a second cancellation
    ended the wait, the task would go on using what its owner believes to be free. The errors of the
    tasks are marked as seen and dropped.

    Raises:
        CancelledError: This was cancelled. All tasks have ended nevertheless.
    """
    for task in tasks:
        task.cancel()
    cancellation: asyncio.CancelledError | None = None
    while not all(task.done() for task in tasks):
        try:
            await asyncio.wait(tasks)
        except asyncio.CancelledError as error:
            cancellation = error
    for task in tasks:
        if not task.cancelled():
            task.exception()  # asyncio would report an error that was never looked at
    if cancellation:
        raise cancellation
