"""Runs a command's coroutine; a request to end the process cancels it, so that it cleans up."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, TypeVar

import click

from dlcore.cli.ending.termination import Termination
from dlcore.event_loop import new_event_loop

T = TypeVar("T")


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end.

    Raises:
        KeyboardInterrupt: The user interrupted it.
        Terminated: The process was asked to end.
    """
    termination = click.get_current_context().find_object(Termination)
    assert termination, "the command line was begun by `app.status_of`"

    async def cancellable() -> T:
        task = asyncio.ensure_future(work)
        loop = asyncio.get_running_loop()
        # The handler runs in this thread, but the loop may be asleep.
        with termination.cancelling(lambda: loop.call_soon_threadsafe(task.cancel)):
            return await task

    try:
        with contextlib.closing(work), asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.get_loop()  # if that fails, the work is closed, and Python does not complain
            return runner.run(cancellable())
    except asyncio.CancelledError:
        if termination.cause:
            raise termination.cause from None
        raise
