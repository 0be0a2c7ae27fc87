"""What counts as a stall, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.transfer.http.stall_timer import StallTimer
from dlcore.transfer.policy import TransferPolicy
from tests.engine.virtual_time import virtually

POLICY = TransferPolicy()
STALL_S, MIN_BYTES_PER_S = POLICY.stall_s, POLICY.min_bytes_per_s

Course = Callable[[StallTimer], Coroutine[None, None, None]]


def expires_after_s(course: Course) -> float | None:
    """Seconds until the timer expires; None if the course ends before."""

    async def watch() -> float | None:
        loop = asyncio.get_running_loop()
        begun_s, expired = loop.time(), loop.create_future()
        timer = StallTimer(POLICY, lambda: expired.set_result(loop.time() - begun_s))
        walk = asyncio.ensure_future(course(timer))
        await asyncio.wait({walk, expired}, return_when=asyncio.FIRST_COMPLETED)
        timer.stop()
        assert timer.has_expired == expired.done()
        walk.cancel()
        expired.cancel()
        return None if expired.cancelled() else expired.result()

    return virtually(watch())


async def bring(timer: StallTimer, count_bytes: int, every_s: float, times: int) -> None:
    for _ in range(times):
        timer.resume()
        await asyncio.sleep(every_s)
        timer.received(count_bytes)
        timer.pause()


async def silence(timer: StallTimer) -> None:
    timer.resume()
    await asyncio.sleep(1000)


def test_silence_is_a_stall_when_its_time_is_over() -> None:
    assert expires_after_s(silence) == STALL_S


def test_a_byte_now_and_then_does_not_keep_an_endpoint_alive() -> None:
    """Fault N6: an endpoint sends a byte now and then. dlcore calls it a stall."""
    assert expires_after_s(lambda timer: bring(timer, 1, 1.0, 100)) == STALL_S


def test_just_enough_is_not_a_stall() -> None:
    assert expires_after_s(lambda timer: bring(timer, MIN_BYTES_PER_S + 60, 1.0, 300)) is None


def test_one_large_step_within_the_time_is_enough() -> None:
    assert (
        expires_after_s(lambda timer: bring(timer, int(MIN_BYTES_PER_S * STALL_S), 19.0, 20))
        is None
    )


@given(good_s=st.integers(1, 200))
def test_silence_after_progress_is_noticed_in_time(good_s: int) -> None:
    async def course(timer: StallTimer) -> None:
        await bring(timer, 10 * MIN_BYTES_PER_S, 1.0, good_s)
        await silence(timer)

    expired_s = expires_after_s(course)
    assert expired_s is not None
    assert good_s < expired_s <= good_s + STALL_S


@given(st.lists(st.tuples(st.floats(0.1, 4.0), st.floats(0.0, 90.0)), min_size=1, max_size=4))
def test_time_that_we_hold_the_endpoint_back_does_not_count(
    spells: list[tuple[float, float]],
) -> None:
    async def course(timer: StallTimer) -> None:
        for waiting_s, held_s in spells:
            await bring(timer, 1, waiting_s, 1)
            await asyncio.sleep(held_s)
        await silence(timer)

    expired_s = expires_after_s(course)
    assert expired_s is not None
    held_s = sum(held for _, held in spells)
    # It may look just while the endpoint is held back, and then once again a period later.
    assert held_s + STALL_S - 1e-6 <= expired_s <= held_s + 2 * STALL_S


def test_one_that_was_stopped_is_silent() -> None:
    async def course(timer: StallTimer) -> None:
        timer.stop()
        await silence(timer)

    assert expires_after_s(course) is None


@pytest.mark.parametrize("seconds", [10, 1000])
def test_it_looks_once_a_stall_period_however_much_arrives(seconds: int) -> None:
    async def count_timers() -> int:
        loop = asyncio.get_running_loop()
        made = 0
        timer = StallTimer(POLICY, lambda: None)
        call_at = loop.call_at

        def counted(when: float, callback: Any, *args: Any, context: Any = None) -> object:
            nonlocal made
            made += getattr(callback, "__self__", None) is timer
            return call_at(when, callback, *args, context=context)

        loop.call_at = counted  # type: ignore[assignment,method-assign]  # counts, and hands on
        await bring(timer, 64 << 10, 0.01, seconds * 100)
        timer.stop()
        return made

    assert virtually(count_timers()) <= seconds / (STALL_S - 0.02)
