"""Waits for an agent that is away while a run needs it, as a run waits for its network.

What counts is how long the agent was away. In an attempt it may have been at work for hours first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

from dlcore.agent.patience import AgentAwayError
from dlcore.engine.events import AgentReturned, Event, WaitingForAgent
from dlcore.engine.numbers_for_people import duration
from dlcore.engine.policy import EnginePolicy
from dlcore.errors import AgentError

T = TypeVar("T")
_MAX_AWAY_S: Final = 300.0
"""Of one attempt; more than twice as long as `AgentClient` waits for an answer."""


class AgentWait:
    """Asks the agent again and again while it is away.

    Args:
        state: Its state directory.
        tell: Hears of each wait.
        policy: How long to wait: as long as for the network.
    """

    def __init__(
        self, state: Path, tell: Callable[[Event], None], policy: EnginePolicy | None = None
    ) -> None:
        self.policy = policy or EnginePolicy()
        self._state = state
        self._tell = tell

    async def until_back(self, packages: Sequence[str], ask: Callable[[], Awaitable[T]]) -> T:
        """Ask until there is an answer, or an error that is not that the agent is away.

        Args:
            packages: Ids of what is wanted, for people.
            ask: Asks; it may wait for the agent itself.

        Raises:
            AgentError: The agent was away for `EnginePolicy.max_network_wait_s`.
            DlcoreError: What ``ask`` raised otherwise.
        """
        waited_s = tells_after_s = 0.0
        is_missed = False
        while True:
            try:
                answer = await ask()
            except AgentAwayError as error:
                # If it took longer, the machine was suspended meanwhile.
                waited_s += min(error.away_s, _MAX_AWAY_S)
                is_over = waited_s >= self.policy.max_network_wait_s
                if is_over or waited_s >= tells_after_s:
                    self._tell(WaitingForAgent(tuple(packages), waited_s, error.message))
                    tells_after_s = 2 * waited_s
                if is_over:
                    raise self._given_up(error, waited_s) from error
                is_missed = True
            else:
                if is_missed:
                    self._tell(AgentReturned(tuple(packages), waited_s))
                return answer
            await asyncio.sleep(self.policy.lock_retry_s)
            waited_s += self.policy.lock_retry_s

    def _given_up(self, error: AgentError, waited_s: float) -> AgentError:
        return AgentError(
            "the run has stopped where it is: its agent does not come back, and the run has"
            f" waited {duration(waited_s)} for it: {error.message}",
            remedy=f"Start the agent ('dlcore agent run --config FILE --state {self._state}') and"
            " run the same command again: the run goes on at this step. It also goes on without an"
            " agent, with --no-agent, once none holds the state directory.",
        )
