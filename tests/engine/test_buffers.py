"""Buffers are bounded, shared in turn, and never in two hands."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.engine.download import buffers
from dlcore.engine.download.buffers import BufferPool
from tests.engine.virtual_time import virtually
from tests.schedule.packages import LAW


@LAW
@given(
    ceiling=st.integers(0, 60),
    wishes=st.lists(st.tuples(st.integers(1, 20), st.integers(0, 5)), max_size=30),
)
def test_everybody_gets_a_buffer_and_the_ceiling_holds(
    ceiling: int, wishes: list[tuple[int, int]]
) -> None:
    pool = BufferPool(ceiling)
    in_use: list[memoryview] = []
    served = 0

    async def use(length_bytes: int, seconds: int) -> None:
        nonlocal served
        buffer = await pool.take(length_bytes)
        assert len(buffer) == length_bytes
        assert all(buffer is not other for other in in_use)
        in_use.append(buffer)
        assert sum(map(len, in_use)) <= ceiling or len(in_use) == 1
        await asyncio.sleep(seconds)
        in_use[:] = [other for other in in_use if other is not buffer]
        pool.give_back(buffer)
        served += 1

    async def main() -> None:
        await asyncio.gather(*(use(*wish) for wish in wishes))

    virtually(main())
    assert served == len(wishes)


def test_who_stops_waiting_takes_no_buffer_along() -> None:
    async def main() -> None:
        pool = BufferPool(8)
        only = await pool.take(8)
        waiters = [asyncio.ensure_future(pool.take(8)) for _ in range(3)]
        await asyncio.sleep(0)
        waiters[0].cancel()
        pool.give_back(only)
        waiters[1].cancel()  # has got it in the same moment
        for waiter in waiters[:2]:
            with pytest.raises(asyncio.CancelledError):
                await waiter
        assert await waiters[2] is only

    virtually(main())


def test_nobody_overtakes_those_who_wait() -> None:
    async def main() -> None:
        pool = BufferPool(8)
        only = await pool.take(8)
        waiter = asyncio.ensure_future(pool.take(8))
        await asyncio.sleep(0)
        assert pool.take_now(1) is None
        pool.give_back(only)
        assert await waiter is only

    virtually(main())


def test_buffers_of_another_length_make_room_even_if_somebody_still_has_a_view(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    discarded: list[memoryview] = []
    monkeypatch.setattr(buffers, "discard", discarded.append)
    pool = BufferPool(8)
    lent = [pool.take_now(2) for _ in range(4)]
    for buffer in lent[:3]:
        assert buffer is not None
        pool.give_back(buffer)
    assert pool.take_now(2) is not None
    assert discarded == []
    assert pool.take_now(3) is not None
    assert [id(buffer) for buffer in discarded] == [id(buffer) for buffer in lent[:2]]
