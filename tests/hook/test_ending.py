"""A request to end: in order, and at once if that hangs or is asked for twice."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from dlcore.hook.ending import EndedError, EndingRequests

REQUESTS = [signal.SIGINT, signal.SIGTERM]
if sys.platform == "win32":
    REQUESTS.append(signal.SIGBREAK)  # what Ctrl+Break and closing the console become
LONG_S = 600.0


def never() -> None:
    raise AssertionError("it was left")


def run(
    work: Callable[[], Coroutine[Any, Any, None]], leave: Callable[[], object], grace_s: float
) -> None:
    """Heed requests for as long as the work takes."""
    with EndingRequests(leave, grace_s) as requests:
        requests.run(work)


@pytest.mark.parametrize("number", REQUESTS)
def test_a_request_cancels_what_is_under_way(number: signal.Signals) -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            signal.raise_signal(number)
            await asyncio.Event().wait()
        finally:
            ended.append("in order")

    before = signal.getsignal(number)
    with pytest.raises(EndedError):
        run(work, never, LONG_S)
    assert ended == ["in order"]
    assert signal.getsignal(number) is before


def test_work_that_hangs_is_left_when_its_time_is_over() -> None:
    left = threading.Event()

    async def work() -> None:
        signal.raise_signal(signal.SIGTERM)
        while not left.is_set():  # a thread in a system call takes no notice of a cancellation
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.to_thread(left.wait)

    with pytest.raises(EndedError):
        run(work, left.set, 0.01)
    assert left.is_set()


def test_a_second_request_leaves_at_once() -> None:
    left: list[str] = []

    async def work() -> None:
        signal.raise_signal(signal.SIGTERM)
        assert left == []
        signal.raise_signal(signal.SIGTERM)
        assert left == ["at once"]

    with pytest.raises(EndedError):
        run(work, lambda: left.append("at once"), LONG_S)


def test_without_a_request_the_work_runs_to_its_end() -> None:
    async def work() -> None:
        await asyncio.sleep(0)

    run(work, never, LONG_S)


def test_an_error_of_the_work_is_raised() -> None:
    async def work() -> None:
        raise ValueError

    with pytest.raises(ValueError):
        run(work, never, LONG_S)


@pytest.mark.parametrize("number", REQUESTS)
def test_a_request_before_the_work_cancels_it_at_its_first_wait(number: signal.Signals) -> None:
    async def work() -> None:
        await asyncio.Event().wait()

    with EndingRequests(never, LONG_S) as requests:
        signal.raise_signal(number)
        with pytest.raises(EndedError):
            requests.run(work)


@pytest.mark.parametrize("number", REQUESTS)
def test_a_request_after_the_work_changes_nothing(number: signal.Signals) -> None:
    async def work() -> None:
        await asyncio.sleep(0)

    with EndingRequests(never, LONG_S) as requests:
        requests.run(work)
        signal.raise_signal(number)
