"""Reads several small things at once into one sink, in its order.

Guarantees: the sink gets its bytes in order, so that a failure leaves exactly what lies before it;
what has come before its turn is kept aside, for a whole endpoint no more than `ASIDE_BYTES`; when
the reading ends, however it ends, nothing of it is under way any more.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

from dlcore.transfer.sink import Intake

SMALL_BYTES = 128 << 10  # a longer one takes its connection longer than its round trip
ABREAST = 8  # of one range
ASIDE_BYTES = 4 << 20

Read = Callable[[Intake], Awaitable[None]]


class Stretch(NamedTuple):
    """One thing to read: how long it is, and how."""

    length_bytes: int
    read: Read


class Crowd:
    """The requests under way to one endpoint, for all ranges.

    Args:
        most: Requests. Whatever their number, a range always makes one.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = 0
        self._aside_bytes = 0

    def has_room(self, length_bytes: int) -> bool:
        """Whether one more may be begun whose bytes are kept aside."""
        return self._count < self._most and self._aside_bytes + length_bytes <= ASIDE_BYTES

    def enter(self, aside_bytes: int = 0) -> None:
        """A request begins."""
        self._count += 1
        self._aside_bytes += aside_bytes

    def leave(self) -> None:
        """It has ended."""
        self._count -= 1

    def forget(self, aside_bytes: int) -> None:
        """So many bytes are not kept aside any more."""
        self._aside_bytes -= aside_bytes


async def read_abreast(stretches: Iterable[Stretch], intake: Intake, crowd: Crowd) -> None:
    """Read everything in order; small things begin before those ahead of them have ended.

    Raises:
        TransferError: That of the first one that failed.
    """
    waiting = deque(stretches)
    row = _Row(intake, crowd)
    try:
        while waiting or row.is_busy:
            row.fill(waiting)
            if row.is_busy:
                await row.first_ends()
            else:
                await _read_alone(waiting.popleft(), intake, crowd)
    finally:
        await row.aclose()


async def _read_alone(stretch: Stretch, intake: Intake, crowd: Crowd) -> None:
    crowd.enter()
    try:
        await stretch.read(intake)
    finally:
        crowd.leave()


class _Row:
    """What is under way for one range, first what comes first."""

    def __init__(self, intake: Intake, crowd: Crowd) -> None:
        self._intake = intake
        self._crowd = crowd
        self._tasks: deque[tuple[memoryview, asyncio.Future[None]]] = deque()

    @property
    def is_busy(self) -> bool:
        return bool(self._tasks)

    def fill(self, waiting: deque[Stretch]) -> None:
        """Begin what can be begun; never a single one, which needs no company."""
        while waiting and len(waiting) + len(self._tasks) > 1 and self._begin(waiting[0]):
            waiting.popleft()

    def _begin(self, stretch: Stretch) -> bool:
        length = stretch.length_bytes
        if len(self._tasks) == ABREAST or length > SMALL_BYTES or not self._crowd.has_room(length):
            return False
        aside = memoryview(bytearray(length))
        self._crowd.enter(length)
        task = asyncio.ensure_future(stretch.read(Intake(_Aside(aside))))
        task.add_done_callback(lambda _: self._crowd.leave())
        self._tasks.append((aside, task))
        return True

    async def first_ends(self) -> None:
        aside, task = self._tasks[0]
        await asyncio.wait({task})  # a cancellation of ours is not to reach it twice
        task.result()
        await self._intake.put(aside)
        self._tasks.popleft()
        self._crowd.forget(len(aside))

    async def aclose(self) -> None:
        """Stop what is under way, and wait until it has stopped, even if cancelled meanwhile."""
        tasks = [task for _, task in self._tasks]
        for task in tasks:
            task.cancel()
        cancelled: asyncio.CancelledError | None = None
        while not all(task.done() for task in tasks):
            try:
                await asyncio.wait(tasks)
            except asyncio.CancelledError as error:
                cancelled = error
        for task in tasks:
            if not task.cancelled():
                task.exception()  # looked at: only the first one counts
        self._crowd.forget(sum(len(aside) for aside, _ in self._tasks))
        if cancelled:
            raise cancelled


class _Aside:
    """A sink for what comes before its turn."""

    def __init__(self, place: memoryview) -> None:
        self._left = place

    def buffer(self) -> memoryview:
        return self._left

    def advance(self, count: int) -> bool:
        self._left = self._left[count:]
        return True

    async def ready(self) -> None:
        """Always is."""
