"""An event loop whose time jumps: hours pass at once, in the right order.

Time moves only when nothing else can happen: no callback is due and no thread is at work. If then
nobody waits for a time either, everything waits for ever, and that is an error.
"""

from __future__ import annotations

import asyncio
import functools
import selectors
import sys
import threading
import time
import traceback
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")
PATIENCE_S = 2.0  # real time in which a thread that is not an executor's may still wake the loop
MAX_WORK_S = 60.0  # real time that an executor's thread may take on a busy machine
LOOK_S = 1.0  # real time
NETWORK_S = 0.002  # real time


class DeadlockError(Exception):
    """Every task waits, and nothing is under way that could wake one."""


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """See the module's head.

    Args:
        clock_step_s: The loop takes what is due within it as due now. That of Linux, on every
            system; Windows has 15.6 ms.
        network_s: Before time jumps, sockets are waited for so long in real time. Both ends of a
            connection are in this thread, so the system needs no more to hand bytes over.

    Attributes:
        turns: How often the loop has looked for what to do.
        each_turn: Called at each of them.
    """

    def __init__(self, clock_step_s: float = 1e-9, network_s: float = 0.0) -> None:
        self.network_s = network_s
        self.turns = 0
        self.each_turn: Callable[[int], None] = lambda turn: None
        self._virtual_s = 1000.0
        self._at_work = 0
        super().__init__(_JumpingSelector(self))
        self._clock_resolution = clock_step_s  # what asyncio itself takes from the clock

    def time(self) -> float:
        return self._virtual_s

    def run_in_executor(  # type: ignore[override]  # typeshed has a TypeVarTuple here
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        future = super().run_in_executor(executor, func, *args)
        self._at_work += 1
        future.add_done_callback(self._worked)
        return future

    @property
    def is_working(self) -> bool:
        """Whether an executor's thread is at work."""
        return self._at_work > 0

    @property
    def has_callbacks(self) -> bool:
        """Whether a callback is due; a thread may have handed it over."""
        return bool(self._ready)  # type: ignore[attr-defined]  # asyncio's own

    def _worked(self, _: asyncio.Future[T]) -> None:
        self._at_work -= 1

    def suspend(self, for_s: float) -> None:
        """The machine is suspended: its clock goes on, and nothing runs."""
        self._virtual_s += for_s

    def jump(self, timeout_s: float | None) -> float | None:
        """How long to wait for real; moves the time if that is not at all."""
        self.turns += 1
        self.each_turn(self.turns)
        if self.is_working or timeout_s is None:
            return timeout_s
        self._virtual_s += max(0.0, timeout_s)
        return 0.0


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            self._loop.jump(0.0)
            return self._ready()
        if self._loop.network_s and (found := super().select(self._loop.network_s)):
            return found
        wait_s = self._loop.jump(timeout)
        if wait_s != 0.0:
            # A thread wakes the loop; what is due in virtual time waits for it.
            found = self._woken()
            if not (found or self._loop.has_callbacks) and timeout is None:
                raise DeadlockError("every task waits, and nothing is under way" + _threads())
            return found
        return self._ready()

    def _woken(self) -> list[tuple[selectors.SelectorKey, int]]:
        """What a thread wakes the loop with.

        It is looked for each second as well, so that a lost wake-up does not cause a deadlock.
        """
        end_s = time.monotonic() + (MAX_WORK_S if self._loop.is_working else PATIENCE_S)
        found = super().select(LOOK_S)
        while not (found or self._loop.has_callbacks) and time.monotonic() < end_s:
            found = super().select(LOOK_S)
        return found

    def _ready(self) -> list[tuple[selectors.SelectorKey, int]]:
        """What can be read or written now.

        The loop always watches a socket of its own, by which threads wake it. If it watches nothing
        else, the system is not asked, which would take most of the time under Wine: a thread hands
        over its callback before it wakes the loop.
        """
        return super().select(0.0) if len(self.get_map()) > 1 else []


def _threads() -> str:
    """What each other thread does, for whoever looks for the reason."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    return "".join(
        f"\n{names.get(ident)}:\n{''.join(traceback.format_stack(frame, limit=-4))}"
        for ident, frame in sys._current_frames().items()
        if ident != threading.get_ident()
    )


def virtually(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in virtual time, to its end."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)


def in_virtual_time(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run an asynchronous test in virtual time, with a server of the same process."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        def loop() -> VirtualTimeLoop:
            return VirtualTimeLoop(network_s=NETWORK_S)

        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(test(*args, **kwargs))

    return run
