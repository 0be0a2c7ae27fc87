"""The bound on how many do something at once."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from dlcore.transfer.http.semaphore import Turns
from tests.engine.virtual_time import virtually


async def idle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_they_come_in_the_order_in_which_they_asked() -> None:
    turns, order = Turns(1), list[int]()

    async def work(number: int) -> None:
        await turns.take()
        order.append(number)
        await asyncio.sleep(0)
        turns.give_back()

    await asyncio.gather(*(work(number) for number in range(5)))
    assert order == [0, 1, 2, 3, 4]


async def test_a_higher_bound_admits_at_once_and_a_lower_one_as_turns_are_given_back() -> None:
    turns = Turns(1)
    await turns.take()
    waiting = [asyncio.ensure_future(turns.take()) for _ in range(3)]
    turns.limit(3)
    await idle()
    assert [task.done() for task in waiting] == [True, True, False]
    turns.limit(1)
    turns.give_back()
    turns.give_back()
    await idle()
    assert not waiting[2].done()
    turns.give_back()
    await idle()
    assert waiting[2].done()


async def test_a_waiter_that_is_cancelled_as_its_turn_comes_passes_it_on() -> None:
    turns = Turns(1)
    await turns.take()
    first, second = (asyncio.ensure_future(turns.take()) for _ in range(2))
    await idle()
    turns.give_back()
    first.cancel()
    await idle()
    assert first.cancelled()
    assert second.done()


@given(
    most=st.integers(1, 4),
    limits=st.lists(st.tuples(st.integers(0, 30), st.integers(1, 6)), max_size=4),
    work=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.booleans()), max_size=25),
)
def test_never_more_at_once_and_everybody_in_the_end(
    most: int, limits: list[tuple[int, int]], work: list[tuple[int, int, bool]]
) -> None:
    async def run() -> None:
        turns, at_work, done = Turns(most), 0, 0
        highest = max([most, *(limit for _, limit in limits)])

        async def one(begins: int, lasts: int, is_cancelled: bool) -> None:
            nonlocal at_work, done
            await asyncio.sleep(begins)
            waiting = asyncio.ensure_future(turns.take())
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
            turns.give_back()
            done += 1

        async def change(at: int, limit: int) -> None:
            await asyncio.sleep(at)
            turns.limit(limit)

        await asyncio.gather(*(one(*w) for w in work), *(change(*c) for c in limits))
        assert (at_work, done) == (0, len(work))

    virtually(run())
