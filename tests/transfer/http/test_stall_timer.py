"""What counts as a stall, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.transfer.http.stall_timer import MIN_BYTES_PER_S, Watchdog
from tests.engine.virtual_time import virtually

STALL_S = 20.0

Course = Callable[[Watchdog], Coroutine[None, None, None]]


def barks_after(course: Course) -> float | None:
    """Seconds until the watchdog barks; None if it does not before the course has ended."""

    async def watch() -> float | None:
        loop = asyncio.get_running_loop()
        begun_s, barked = loop.time(), loop.create_future()
        dog = Watchdog(STALL_S, lambda: barked.set_result(loop.time() - begun_s))
        walk = asyncio.ensure_future(course(dog))
        await asyncio.wait({walk, barked}, return_when=asyncio.FIRST_COMPLETED)
        dog.stop()
        assert dog.barked == barked.done()
        walk.cancel()
        barked.cancel()
        return None if barked.cancelled() else barked.result()

    return virtually(watch())


async def bring(dog: Watchdog, count_bytes: int, every_s: float, times: int) -> None:
    for _ in range(times):
        dog.wait_begins()
        await asyncio.sleep(every_s)
        dog.arrived(count_bytes)
        dog.wait_ends()


async def silence(dog: Watchdog) -> None:
    dog.wait_begins()
    await asyncio.sleep(1000)


def test_silence_is_a_stall_when_its_time_is_over() -> None:
    assert barks_after(silence) == STALL_S


def test_a_byte_now_and_then_does_not_keep_an_endpoint_alive() -> None:
    assert barks_after(lambda dog: bring(dog, 1, 1.0, 100)) == STALL_S


def test_just_enough_is_not_a_stall() -> None:
    assert barks_after(lambda dog: bring(dog, MIN_BYTES_PER_S + 60, 1.0, 300)) is None


def test_one_large_step_within_the_time_is_enough() -> None:
    assert barks_after(lambda dog: bring(dog, int(MIN_BYTES_PER_S * STALL_S), 19.0, 20)) is None


@given(good_s=st.integers(1, 200))
def test_silence_after_progress_is_noticed_in_time(good_s: int) -> None:
    async def course(dog: Watchdog) -> None:
        await bring(dog, 10 * MIN_BYTES_PER_S, 1.0, good_s)
        await silence(dog)

    barked_s = barks_after(course)
    assert barked_s is not None
    assert good_s < barked_s <= good_s + STALL_S


@given(st.lists(st.tuples(st.floats(0.1, 4.0), st.floats(0.0, 90.0)), min_size=1, max_size=4))
def test_time_that_we_hold_the_endpoint_back_does_not_count(
    spells: list[tuple[float, float]],
) -> None:
    async def course(dog: Watchdog) -> None:
        for waiting_s, held_s in spells:
            await bring(dog, 1, waiting_s, 1)
            await asyncio.sleep(held_s)
        await silence(dog)

    barked_s = barks_after(course)
    assert barked_s is not None
    held_s = sum(held for _, held in spells)
    # It may look just while the endpoint is held back, and then once again a period later.
    assert held_s + STALL_S - 1e-6 <= barked_s <= held_s + 2 * STALL_S


def test_one_that_was_stopped_is_silent() -> None:
    async def course(dog: Watchdog) -> None:
        dog.stop()
        await silence(dog)

    assert barks_after(course) is None


@pytest.mark.parametrize("seconds", [10, 1000])
def test_it_looks_once_a_stall_period_however_much_arrives(seconds: int) -> None:
    async def count_timers() -> int:
        loop = asyncio.get_running_loop()
        made = 0
        dog = Watchdog(STALL_S, lambda: None)
        call_at = loop.call_at

        def counted(when: float, callback: Any, *args: Any, context: Any = None) -> object:
            nonlocal made
            made += getattr(callback, "__self__", None) is dog
            return call_at(when, callback, *args, context=context)

        loop.call_at = counted  # type: ignore[assignment,method-assign]  # counts, and hands on
        await bring(dog, 64 << 10, 0.01, seconds * 100)
        dog.stop()
        return made

    assert virtually(count_timers()) <= seconds / (STALL_S - 0.02)
