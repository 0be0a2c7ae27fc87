"""Asks endpoints for documents, listings and locations, as `inquiry` says.

Guarantees: the first good answer wins. Questions that are open then are cancelled, and have ended
when it is returned. ``Retry-After`` is kept (`retry_gate`).
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Generic, TypeVar

from dlcore.engine.download.inquiry import Inquiry, InquiryPolicy
from dlcore.engine.download.retry_gate import Named, RetryGate
from dlcore.engine.events import EndpointAwaited, Event
from dlcore.errors import Fault, TransferError
from dlcore.waiting import cancel_and_wait

_log = logging.getLogger(__name__)

MIN_TOLD_WAIT_S = 2.0
"""Shorter waits are not reported; only a caller that asked for patience has longer ones."""

E = TypeVar("E", bound=Named)
T = TypeVar("T")
Put = Callable[[Named, Callable[[], Awaitable[T]]], Awaitable[T]]
Question = Callable[[E], Awaitable[T]]
"""Asks one endpoint. Raises TransferError if it has no good answer."""


class NoAnswerError(Exception):
    """No endpoint has a good answer.

    Attributes:
        failures: The last failure of each endpoint that was asked, by its name.
    """

    def __init__(self, failures: Mapping[str, TransferError]) -> None:
        super().__init__("no endpoint has a good answer")
        self.failures = failures


class Asking:
    """Puts questions to endpoints.

    Args:
        tell: Hears of endpoints that ask for time.
        rng: Spreads the waits after failures.
        policy: How patient to be.
    """

    def __init__(
        self,
        tell: Callable[[Event], None],
        *,
        rng: random.Random | None = None,
        policy: InquiryPolicy | None = None,
    ) -> None:
        self._gate = RetryGate(tell)
        self._tell = tell
        self._rng = rng or random.Random()  # noqa: S311  # spreads waits, guards nothing
        self._policy = policy or InquiryPolicy()

    async def ask(self, endpoint: Named, question: Callable[[], Awaitable[T]]) -> T:
        """Put a question to one endpoint, and again after failures that may pass.

        Raises:
            TransferError: Its last answer.
        """
        try:
            return await self.ask_any([endpoint], lambda _: question())
        except NoAnswerError as error:
            failure = error.failures[endpoint.name]
        raise failure

    async def ask_any(
        self, endpoints: Sequence[E], question: Question[E, T], *, length_bytes: int = 0
    ) -> T:
        """Put a question to several endpoints; the first good answer wins.

        Args:
            endpoints: Which to ask, in order of preference.
            question: Asks one of them.
            length_bytes: How long the answer may be.

        Raises:
            NoAnswerError: None of them has a good answer.
        """
        return await _Search(
            gate=self._gate,
            endpoints=endpoints,
            question=question,
            inquiry=self._inquiry(endpoints, length_bytes),
            tell=self._tell,
            policy=self._policy,
        ).run()

    def _inquiry(self, endpoints: Sequence[Named], length_bytes: int) -> Inquiry:
        return Inquiry(
            [endpoint.name for endpoint in endpoints],
            asyncio.get_running_loop().time(),
            length_bytes=length_bytes,
            random=self._rng.random,
            policy=self._policy,
        )


class _Search(Generic[E, T]):
    """One question to several endpoints, under way."""

    def __init__(
        self,
        gate: RetryGate,
        endpoints: Sequence[E],
        question: Question[E, T],
        inquiry: Inquiry,
        tell: Callable[[Event], None],
        policy: InquiryPolicy,
    ) -> None:
        self._policy = policy
        self._gate = gate
        self._endpoints = {endpoint.name: endpoint for endpoint in endpoints}
        self._question = question
        self._inquiry = inquiry
        self._tell = tell
        self._open: dict[asyncio.Future[T], str] = {}
        self._have_waited: set[str] = set()
        self._failures: dict[str, TransferError] = {}
        self._now_s = asyncio.get_running_loop().time

    async def run(self) -> T:
        try:
            while True:
                for name in self._inquiry.due(self._now_s()):
                    self._ask(name, self._gate.ask_once)
                for answered in await self._some_answers():
                    name = self._open.pop(answered)
                    try:
                        return answered.result()
                    except TransferError as error:
                        self._failed(name, error)
        finally:
            await cancel_and_wait(list(self._open))

    def _ask(self, name: str, put: Put[T]) -> None:
        endpoint = self._endpoints[name]
        question = put(endpoint, partial(self._question, endpoint))
        self._open[asyncio.ensure_future(question)] = name

    async def _some_answers(self) -> Collection[asyncio.Future[T]]:
        """Wait for an answer, or until another endpoint is to be asked."""
        wake_at_s = self._inquiry.wake_at_s()
        if not self._open and wake_at_s is None:
            raise NoAnswerError(self._failures)
        began_s = self._now_s()
        wait_s = self._policy.look_s
        if wake_at_s is not None:
            wait_s = min(wait_s, max(0.0, wake_at_s - began_s))
        answered: Collection[asyncio.Future[T]] = ()
        if self._open:
            answered, _ = await asyncio.wait(
                self._open, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED
            )
        else:
            await asyncio.sleep(wait_s)
        too_long_s = self._now_s() - began_s - wait_s
        if too_long_s >= self._policy.suspended_s:
            self._inquiry.suspended(too_long_s)
        return answered

    def _failed(self, name: str, error: TransferError) -> None:
        _log.info("no good answer: %s", error.message)
        self._failures[name] = error
        if error.retry_after_s is None:
            is_stall = error.fault is Fault.STALL
            wait_s = self._inquiry.failed(
                name, self._now_s(), may_pass=error.may_pass, is_stall=is_stall
            )
            if wait_s is not None and wait_s >= MIN_TOLD_WAIT_S:
                self._tell(EndpointAwaited(name, wait_s, error.message))
        elif name in self._have_waited:
            self._inquiry.failed(name, self._now_s(), may_pass=False)
        else:
            self._have_waited.add(name)
            self._inquiry.put_off(name, error.retry_after_s)
            self._ask(name, self._gate.ask)
