"""A semaphore whose limit changes: never too many holders, and no waiter is forgotten."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from dlcore.transfer.http.semaphore import ResizableSemaphore
from tests.engine.virtual_time import virtually


async def idle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_waiters_are_admitted_in_the_order_in_which_they_asked() -> None:
    semaphore, order = ResizableSemaphore(1), list[int]()

    async def work(number: int) -> None:
        await semaphore.acquire()
        order.append(number)
        await asyncio.sleep(0)
        semaphore.release()

    await asyncio.gather(*(work(number) for number in range(5)))
    assert order == [0, 1, 2, 3, 4]


async def test_a_higher_limit_admits_at_once_and_a_lower_one_takes_effect_with_releases() -> None:
    semaphore = ResizableSemaphore(1)
    await semaphore.acquire()
    waiting = [asyncio.ensure_future(semaphore.acquire()) for _ in range(3)]
    semaphore.resize(3)
    await idle()
    assert [task.done() for task in waiting] == [True, True, False]
    semaphore.resize(1)
    semaphore.release()
    semaphore.release()
    await idle()
    assert not waiting[2].done()
    semaphore.release()
    await idle()
    assert waiting[2].done()


async def test_a_waiter_that_is_cancelled_when_it_is_admitted_passes_its_slot_on() -> None:
    semaphore = ResizableSemaphore(1)
    await semaphore.acquire()
    first, second = (asyncio.ensure_future(semaphore.acquire()) for _ in range(2))
    await idle()
    semaphore.release()
    first.cancel()
    await idle()
    assert first.cancelled()
    assert second.done()


@given(
    first_limit=st.integers(1, 4),
    limits=st.lists(st.tuples(st.integers(0, 30), st.integers(1, 6)), max_size=4),
    work=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.booleans()), max_size=25),
)
def test_there_are_never_too_many_holders_and_every_waiter_is_admitted(
    first_limit: int, limits: list[tuple[int, int]], work: list[tuple[int, int, bool]]
) -> None:
    async def run() -> None:
        semaphore, at_work, done = ResizableSemaphore(first_limit), 0, 0
        highest = max([first_limit, *(limit for _, limit in limits)])

        async def one(begins: int, lasts: int, is_cancelled: bool) -> None:
            nonlocal at_work, done
            await asyncio.sleep(begins)
            waiting = asyncio.ensure_future(semaphore.acquire())
            if is_cancelled:
                await asyncio.sleep(lasts)
                if waiting.cancel():
                    await asyncio.wait({waiting})
                    done += 1
                    return
            await waiting
            at_work += 1
            assert at_work <= highest
            await asyncio.sleep(lasts)
            at_work -= 1
            semaphore.release()
            done += 1

        async def change(at: int, limit: int) -> None:
            await asyncio.sleep(at)
            semaphore.resize(limit)

        await asyncio.gather(*(one(*w) for w in work), *(change(*c) for c in limits))
        assert (at_work, done) == (0, len(work))

    virtually(run())
