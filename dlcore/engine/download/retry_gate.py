"""Keeps to the times that endpoints ask for (``Retry-After``) before they answer a question.

Guarantees: an endpoint that asks for time (429 or 503 with ``Retry-After``) is asked nothing
before that time is over. Then it is asked one question at a time, until it answers one. Other
endpoints are not affected. An endpoint that asks for time too often in a row has failed. Questions
are for documents, listings and locations; how else they are repeated is in `inquiry`.

Not here: requests for content, whose waits the scheduler decides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from dlcore.engine.events import EndpointBusy, Event
from dlcore.errors import TransferError

# In a row, as for requests for content; `transfer` limits each wait to 300 s.
MAX_REFUSALS = 12
MIN_WAIT_S = 0.1

T = TypeVar("T")


class Named(Protocol):
    """Anything that can be asked: an endpoint, or another server."""

    @property
    def name(self) -> str:
        """Its name in errors and events."""
        ...


class RetryGate:
    """Waits as long as endpoints ask.

    Args:
        tell: Hears of each wait.
    """

    def __init__(self, tell: Callable[[Event], None]) -> None:
        self._tell = tell
        self._gates: dict[str, _EndpointGate] = {}

    async def ask(self, endpoint: Named, question: Callable[[], Awaitable[T]]) -> T:
        """Put a question to an endpoint, and again if it asks for time.

        Raises:
            TransferError: Its answer, or it has asked for time too often.
        """
        try:
            return await self.ask_once(endpoint, question)
        except TransferError as error:
            if error.retry_after_s is None:
                raise
        return await self._gates[endpoint.name].wait_and_try(question)

    async def ask_once(self, endpoint: Named, question: Callable[[], Awaitable[T]]) -> T:
        """Put a question to an endpoint, unless it is too busy at present.

        Raises:
            TransferError: Its answer, or what it said when it asked for time.
        """
        if endpoint.name not in self._gates:
            self._gates[endpoint.name] = _EndpointGate(endpoint.name, self._tell)
        return await self._gates[endpoint.name].try_once(question)


class _EndpointGate:
    """The gate of one endpoint; shut from a refusal until a question is answered."""

    def __init__(self, name: str, tell: Callable[[Event], None]) -> None:
        self._name = name
        self._tell = tell
        self._now_s = asyncio.get_running_loop().time
        self._turn = asyncio.Lock()
        self._refusal: TransferError | None = None
        self._refusals = 0  # in a row
        self._resume_at_s = 0.0

    async def try_once(self, question: Callable[[], Awaitable[T]]) -> T:
        if self._refusal:
            raise self._refusal
        return await self._ask(question)

    async def wait_and_try(self, question: Callable[[], Awaitable[T]]) -> T:
        async with self._turn:
            while True:
                await asyncio.sleep(self._resume_at_s - self._now_s())
                try:
                    return await self._ask(question)
                except TransferError as error:
                    if error.retry_after_s is None or self._refusals >= MAX_REFUSALS:
                        raise

    async def _ask(self, question: Callable[[], Awaitable[T]]) -> T:
        try:
            answer = await question()
        except TransferError as error:
            self._refused(error)
            raise
        self._refusal, self._refusals = None, 0
        return answer

    def _refused(self, error: TransferError) -> None:
        """Questions that were in flight at the first refusal count as one refusal."""
        if error.retry_after_s is None:
            self._refusal, self._refusals = None, 0
            return
        self._refusal = error
        now_s = self._now_s()
        if now_s >= self._resume_at_s:
            self._refusals += 1
            wait_s = max(MIN_WAIT_S, error.retry_after_s)
            self._resume_at_s = now_s + wait_s
            self._tell(EndpointBusy(self._name, wait_s))
