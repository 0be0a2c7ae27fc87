"""A cancelled wait ends when the work has ended, and not before."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor

import pytest

from dlcore.waiting import begin_in_thread, cancel_and_wait, in_thread, to_the_end, wait_for_all
from tests.starved import StarvedPool


async def cancelled_at_once(work: Awaitable[object]) -> asyncio.Task[object]:
    """A task that waits, and was cancelled twice while it did."""

    async def wait() -> object:
        return await work

    task = asyncio.create_task(wait())
    for _ in range(2):
        await asyncio.sleep(0)
        task.cancel()
    for _ in range(3):
        await asyncio.sleep(0)
    return task


async def test_a_cancelled_wait_lasts_until_the_thread_has_ended() -> None:
    may_end, has_ended = threading.Event(), threading.Event()

    def work() -> None:
        may_end.wait(10)
        has_ended.set()

    task = await cancelled_at_once(in_thread(work))
    assert not task.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert has_ended.is_set()


async def cancelled_with_all_others(work: Awaitable[object]) -> asyncio.Task[object]:
    """A task that waits, and was cancelled with all other tasks of the loop."""

    async def wait() -> object:
        return await work

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    for each in asyncio.all_tasks() - {asyncio.current_task()}:
        each.cancel()
    for _ in range(3):
        await asyncio.sleep(0)
    return task


async def test_a_thread_is_waited_for_if_all_tasks_are_cancelled() -> None:
    may_end = threading.Event()
    task = await cancelled_with_all_others(in_thread(may_end.wait, 10))
    assert not task.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_must_come_to_its_end_does_so_if_all_tasks_are_cancelled() -> None:
    may_end, has_ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        await may_end.wait()
        has_ended.set()

    task = await cancelled_with_all_others(to_the_end(work()))
    assert not task.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert has_ended.is_set()


async def test_a_thread_gives_its_result_or_its_error() -> None:
    assert await in_thread(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await in_thread(divmod, 7, 0)


async def test_a_cancelled_wait_for_futures_lasts_until_all_are_done() -> None:
    futures = [asyncio.get_running_loop().create_future() for _ in range(2)]
    task = await cancelled_at_once(wait_for_all(futures))
    futures[0].set_result(None)
    await asyncio.sleep(0)
    assert not task.done()
    futures[1].set_exception(OSError("not raised: the cancellation is"))
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_first_error_is_raised_when_all_are_done() -> None:
    futures = [asyncio.get_running_loop().create_future() for _ in range(3)]
    futures[2].set_exception(KeyError())
    futures[1].set_exception(OSError())
    futures[0].set_result(None)
    with pytest.raises(OSError):
        await wait_for_all(futures)


async def test_tasks_are_cancelled_and_have_ended_even_if_they_take_their_time() -> None:
    closed: list[str] = []

    async def connection(name: str) -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            for _ in range(5):
                await asyncio.sleep(0)
            closed.append(name)
            raise OSError("dropped")

    tasks = [asyncio.create_task(connection(name)) for name in "ab"]
    await asyncio.sleep(0)
    await cancel_and_wait(tasks)
    assert closed == ["a", "b"]


async def test_nothing_to_wait_for_is_no_wait() -> None:
    await wait_for_all([])
    await cancel_and_wait([])


async def test_work_that_finds_no_thread_is_never_done() -> None:
    """Fault: no thread is left as a step's command is to start. It does not start later either."""
    done: list[int] = []
    go_on = threading.Event()
    pool = StarvedPool(4)
    asyncio.get_running_loop().set_default_executor(pool)
    busy = begin_in_thread(go_on.wait)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        begin_in_thread(done.append, 1)
    go_on.set()
    assert await busy
    pool.shutdown()
    assert not done


async def test_work_that_its_pool_drops_is_cancelled_for_those_who_wait() -> None:
    go_on = threading.Event()
    pool = ThreadPoolExecutor(1)
    asyncio.get_running_loop().set_default_executor(pool)
    busy, dropped = begin_in_thread(go_on.wait), begin_in_thread(int, "1")
    pool.shutdown(wait=False, cancel_futures=True)
    go_on.set()
    assert await busy
    with pytest.raises(asyncio.CancelledError):
        await dropped
