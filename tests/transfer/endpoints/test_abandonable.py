"""Reads from a dead share are left behind, few at a time, and hold nothing up."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

import pytest

from dlcore.transfer.endpoints.abandonable import AbandonableThreads, TooManyHangError


async def abandon(threads: AbandonableThreads, read: Callable[[], object]) -> None:
    """Begin a read and stop waiting for it."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await threads.run(read)


def test_a_thread_that_never_returns_does_not_hold_up_the_end_of_the_loop() -> None:
    """Fault: a file share is dead. dlcore gives its reads up, and ends without them."""
    never = threading.Event()

    async def main() -> None:
        await abandon(AbandonableThreads(1), never.wait)

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    thread.join(10.0)
    is_over = not thread.is_alive()
    never.set()
    assert is_over


async def test_few_threads_are_left_behind_and_one_that_returns_makes_room() -> None:
    """Fault: a share stays dead for hours. dlcore leaves only a few threads behind."""
    threads = AbandonableThreads(2)
    first, second = threading.Event(), threading.Event()
    await abandon(threads, first.wait)
    await abandon(threads, second.wait)
    with pytest.raises(TooManyHangError):
        await threads.run(time.monotonic)
    first.set()
    for _ in range(1000):
        await asyncio.sleep(0.001)
        try:
            assert await threads.run(lambda: 5) == 5
            break
        except TooManyHangError:
            continue
    else:
        pytest.fail("a read that has returned still counts")
    second.set()


async def test_what_a_read_raises_is_raised() -> None:
    def read() -> None:
        raise FileNotFoundError("x")

    with pytest.raises(FileNotFoundError, match="x"):
        await AbandonableThreads(1).run(read)
