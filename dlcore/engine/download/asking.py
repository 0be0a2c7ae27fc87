"""Asks endpoints for documents, listings and locations, as `inquiry` says.

Guarantees: the first good answer wins. Questions that are open then are cancelled, and have ended
when it is returned. ``Retry-After`` is kept (`retry_gate`).
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from dlcore.engine.download.inquiry import Inquiry, InquiryPolicy
from dlcore.engine.download.retry_gate import RetryGate
from dlcore.engine.events import Event
from dlcore.errors import TransferError
from dlcore.transfer import Endpoint
from dlcore.waiting import cancel_and_wait

_log = logging.getLogger(__name__)

T = TypeVar("T")
Question = Callable[[Endpoint], Awaitable[T]]
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
        self._rng = rng or random.Random()  # noqa: S311  # spreads waits, guards nothing
        self._policy = policy or InquiryPolicy()

    async def ask(self, endpoint: Endpoint, question: Callable[[], Awaitable[T]]) -> T:
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
        self, endpoints: Sequence[Endpoint], question: Question[T], *, length_bytes: int = 0
    ) -> T:
        """Put a question to several endpoints; the first good answer wins.

        Args:
            endpoints: Whom to ask, in order of preference.
            question: Asks one of them.
            length_bytes: How long the answer may be.

        Raises:
            NoAnswerError: None of them has a good answer.
        """
        loop = asyncio.get_running_loop()
        inquiry = Inquiry(
            [endpoint.name for endpoint in endpoints],
            loop.time(),
            length_bytes=length_bytes,
            random=self._rng.random,
            policy=self._policy,
        )
        by_name = {endpoint.name: endpoint for endpoint in endpoints}
        failures: dict[str, TransferError] = {}
        open_questions: dict[asyncio.Future[T], Endpoint] = {}

        def ask(endpoint: Endpoint, *, when_it_has_time: bool) -> None:
            put = self._gate.ask if when_it_has_time else self._gate.ask_once
            task = asyncio.ensure_future(put(endpoint, lambda: question(endpoint)))
            open_questions[task] = endpoint

        try:
            while True:
                for name in inquiry.due(loop.time()):
                    ask(by_name[name], when_it_has_time=False)
                wake_at_s = inquiry.wake_at_s()
                if not open_questions and wake_at_s is None:
                    raise NoAnswerError(failures)
                wait_s = None if wake_at_s is None else max(0.0, wake_at_s - loop.time())
                for answered in await _answered(open_questions, wait_s):
                    endpoint = open_questions.pop(answered)
                    try:
                        return answered.result()
                    except TransferError as error:
                        _log.info("%s: no answer yet: %s", endpoint.name, error.message)
                        is_first_refusal = error.retry_after_s is not None and (
                            not isinstance(failures.get(endpoint.name), _Refusal)
                        )
        finally:
            await cancel_and_wait(open_questions)
