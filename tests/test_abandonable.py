"""Reads from a dead share are left behind, few at a time, and hold nothing up."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest

from dlcore.abandonable import AbandonableThreads, TooManyHangError
from tests.no_thread import no_thread


def test_a_thread_that_never_returns_does_not_hold_up_the_end_of_the_loop() -> None:
    """Fault: a file share is dead. dlcore gives its reads up, and ends without them."""
    never = threading.Event()

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await asyncio.get_running_loop().run_in_executor(AbandonableThreads(1), never.wait)

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    thread.join(10.0)
    is_over = not thread.is_alive()
    never.set()
    assert is_over


def test_few_threads_are_left_behind_and_one_that_returns_makes_room() -> None:
    """Fault: a share stays dead for hours. dlcore leaves only a few threads behind."""
    threads = AbandonableThreads(2)
    first, second = threading.Event(), threading.Event()
    hanging = [threads.submit(first.wait), threads.submit(second.wait)]
    with pytest.raises(TooManyHangError):
        threads.submit(int)
    first.set()
    assert hanging[0].result(10.0)
    assert threads.submit(int, "5").result(10.0) == 5
    second.set()


def test_what_a_read_raises_is_raised() -> None:
    def read() -> None:
        raise FileNotFoundError("x")

    with pytest.raises(FileNotFoundError, match="x"):
        AbandonableThreads(1).submit(read).result(10.0)


HANGS = """
import threading
from dlcore.abandonable import AbandonableThreads
AbandonableThreads(1).submit(threading.Event().wait)
"""


def test_a_thread_that_never_returns_does_not_hold_up_the_end_of_the_process() -> None:
    """Fault: a read from a dead share never returns. dlcore's process ends all the same."""
    assert subprocess.run([sys.executable, "-c", HANGS], timeout=60, check=False).returncode == 0


def test_a_thread_that_cannot_start_is_not_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault: the system gives no thread for a while. dlcore reads again when there is one."""
    threads = AbandonableThreads(1)
    with no_thread(monkeypatch), pytest.raises(RuntimeError, match="can't start"):
        threads.submit(int)
    assert threads.submit(int, "5").result(10.0) == 5
