"""Requests to end the program: Ctrl+C, Ctrl+Break, closing the console, SIGTERM.

The first one cancels what is under way, so that it ends in order. If that hangs, or a second one
comes, the process is left at once: nothing half-done is visible at any moment. They are heeded
before and after the work as well, so that the log always says how the program has ended.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import Any

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")


class EndedError(BaseException):
    """Somebody asked the program to end. Not an Exception: nothing else may handle it."""


def ignore_requests() -> None:
    """Ignore requests, but for those that an `EndingRequests` heeds.

    A program calls this first. Python takes a moment to end, and a request that came then would
    change the exit code of a package that is delivered.
    """
    for number in _numbers():
        signal.signal(number, signal.SIG_IGN)


class EndingRequests:
    """Requests to end this process, which are heeded inside the ``with`` statement.

    The system gives them to the main thread only; in another one nothing is heeded.

    Args:
        leave: Ends the process at once. Called from any thread.
        grace_s: Seconds between the first request and the call of ``leave``.
    """

    def __init__(self, leave: Callable[[], object], grace_s: float) -> None:
        self._leave = leave
        self._has_come = False
        self._cancel: Callable[[], object] | None = None
        self._before: dict[int, Any] = {}
        self._grace = threading.Timer(grace_s, leave)
        self._grace.daemon = True

    def __enter__(self) -> EndingRequests:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._come) for number in _numbers()}
        return self

    def __exit__(self, *_: object) -> None:
        self._grace.cancel()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def run(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a coroutine to its end, or until somebody asks to end.

        Args:
            work: Makes the coroutine.

        Raises:
            EndedError: Somebody asked to end, or had asked already.
        """
        import asyncio  # takes long to load; by now the log has its first line

        from dlcore.event_loop import new_event_loop

        async def cancellable() -> None:
            task = asyncio.ensure_future(work())
            loop = asyncio.get_running_loop()
            self._cancel = lambda: loop.call_soon_threadsafe(task.cancel)
            try:
                if self._has_come:
                    self._cancel()
                await task
            finally:
                self._cancel = None

        try:
            with asyncio.Runner(loop_factory=new_event_loop) as runner:
                runner.get_loop()
                runner.run(cancellable())
        except asyncio.CancelledError:
            if not self._has_come:
                raise
        if self._has_come:
            raise EndedError

    def _come(self, _: int, __: FrameType | None) -> None:
        if self._has_come:
            self._leave()
            return
        self._has_come = True
        try:
            self._grace.start()
        except RuntimeError:  # the system gives no thread that could end what hangs
            self._leave()
        if self._cancel:
            self._cancel()


def _numbers() -> list[signal.Signals]:
    return [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
