"""Asks the machine about its network and its power, and waits for no answer.

Guarantees: a question that is not answered within `ANSWER_WITHIN_S` counts as one that the machine
cannot answer, until the answer comes. A call of the system that never returns therefore holds up
neither a fetch nor the end of the client, and no second one is begun beside it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from dlcore.abandonable import AbandonableThreads
from dlcore.engine.traffic_rules import Answers

_log = logging.getLogger(__name__)

ASK_EVERY_S: Final = 10.0  # a person who unplugs a laptop sees the effect while looking
ANSWER_WITHIN_S: Final = 5.0  # an answer takes milliseconds, and a second on a busy machine


class MachineQuestion:
    """The question that is asked again and again.

    Args:
        ask: Asks the machine; called in a thread that may be left behind.
        within_s: How long an answer is waited for, in seconds.

    Attributes:
        answers: The latest answers; None as long as the first ones are waited for.
        pending: The question that is asked now; None: there is none.
    """

    def __init__(self, ask: Callable[[], Answers], within_s: float = ANSWER_WITHIN_S) -> None:
        self.answers: Answers | None = None
        self.pending: asyncio.Future[Answers] | None = None
        self._ask = ask
        self._within_s = within_s
        self._asked_s = float("-inf")
        self._until_s = float("inf")  # the answer that is pending is waited for no longer
        self._threads = AbandonableThreads(1)

    def look(self, *, may_ask: bool) -> None:
        """Take the answer if it is there, and ask again if it is time for that."""
        loop = asyncio.get_running_loop()
        if self.pending is None and may_ask and loop.time() >= self._asked_s + ASK_EVERY_S:
            self._asked_s = loop.time()
            self._until_s = self._asked_s + self._within_s
            self.pending = loop.run_in_executor(self._threads, self._ask)
        elif self.pending and self.pending.done():
            self.answers, self.pending = _answers_of(self.pending), None
        elif self.pending and loop.time() >= self._until_s:
            _log.warning(
                "this machine has not described its network and its power within %g s",
                self._within_s,
            )
            self.answers, self._until_s = Answers(), float("inf")

    async def wait(self, max_s: float) -> None:
        """Wait until there may be something to look at, for at most ``max_s`` seconds."""
        if self.pending is None:
            await asyncio.sleep(max_s)
            return
        left_s = max(0.0, self._until_s - asyncio.get_running_loop().time())
        await asyncio.wait([self.pending], timeout=min(max_s, left_s))


def _answers_of(question: asyncio.Future[Answers]) -> Answers:
    """What the machine says. A question that fails is not answered, and holds nothing up."""
    try:
        return question.result()
    except Exception:
        _log.exception("this machine cannot tell of its network and its power")
        return Answers()
