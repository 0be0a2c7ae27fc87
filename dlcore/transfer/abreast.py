"""Reads several small things at once into one sink, in its order.

Guarantees: the sink is told of bytes in order, so that a failure leaves exactly what lies before
it; none is copied or kept aside on the way; when the reading ends, however it ends, nothing is
written into the sink any more.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

from dlcore.transfer.intake import Intake

SMALL_BYTES = 128 << 10  # a longer one takes its connection longer than its round trip
ABREAST = 8  # of one range

Read = Callable[[Intake], Awaitable[None]]


class Stretch(NamedTuple):
    """One thing to read: how long it is, and how."""

    length_bytes: int
    read: Read


class Crowd:
    """What one endpoint is being asked for, by all ranges.

    Args:
        most: No request is added beside others if there are so many.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = 0

    @property
    def has_room(self) -> bool:
        """Whether one more may be added."""
        return self._count < self._most

    def enter(self) -> None:
        """One more."""
        self._count += 1

    def leave(self) -> None:
        """One less."""
        self._count -= 1


async def read_abreast(stretches: Iterable[Stretch], intake: Intake, crowd: Crowd) -> None:
    """Read everything in order; small things begin before those ahead of them have ended.

    One that does not fit into what is left of the sink's buffer waits for its turn.

    Raises:
        TransferError: That of the first one that failed.
    """
    waiting = deque(stretches)
    row = _Row(intake, crowd)
    try:
        while waiting or row.is_busy:
            await intake.ready()
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
    """What is under way ahead of the sink's front."""

    def __init__(self, intake: Intake, crowd: Crowd) -> None:
        self._intake = intake
        self._crowd = crowd
        self._tasks: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._ahead_bytes = 0

    @property
    def is_busy(self) -> bool:
        return bool(self._tasks)

    def fill(self, waiting: deque[Stretch]) -> None:
        """Begin what can be begun; never a single one, which needs no company."""
        while len(waiting) + len(self._tasks) > 1 and waiting and self._begin(waiting[0]):
            waiting.popleft()

    def _begin(self, stretch: Stretch) -> bool:
        if len(self._tasks) >= ABREAST or not self._crowd.has_room:
            return False
        length = stretch.length_bytes
        place = self._intake.ahead(self._ahead_bytes, length) if length <= SMALL_BYTES else None
        if place is None:
            return False
        self._crowd.enter()
        task = asyncio.ensure_future(stretch.read(Intake(_Place(place))))
        task.add_done_callback(lambda _: self._crowd.leave())
        self._tasks.append((length, task))
        self._ahead_bytes += length
        return True

    async def first_ends(self) -> None:
        length, task = self._tasks[0]
        await task
        self._tasks.popleft()
        self._ahead_bytes -= length
        self._intake.placed(length)

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
        if cancelled:
            raise cancelled


class _Place:
    """A sink of exactly one place."""

    def __init__(self, place: memoryview) -> None:
        self._left = place

    def buffer(self) -> memoryview:
        return self._left

    def advance(self, count: int) -> bool:
        self._left = self._left[count:]
        return True

    async def ready(self) -> None:
        """Always is."""
