"""How long a client waits for an agent that is away, and what it says of it."""

from __future__ import annotations

import asyncio
from typing import Final

import aiohttp

from dlcore.agent.addresses import AgentAddress
from dlcore.errors import AgentError

_MAX_LOSSES: Final = 100
"""An agent that is reinstalled or restarted is lost a few times in hours. One that ends a
hundred times in the course of one call will not answer it."""


class AgentAwayError(AgentError):
    """No agent answers: it has ended, or hangs. It may be back later.

    Attributes:
        away_s: Seconds since it last showed that it is there, or since it was asked.
    """

    def __init__(self, message: str, *, remedy: str = "", away_s: float = 0.0) -> None:
        super().__init__(message, remedy=remedy)
        self.away_s = away_s

    def date_back(self, away_s: float) -> None:
        """Take note that it has been silent for longer."""
        self.away_s = away_s


def _is_loss(error: Exception) -> bool:
    """Whether the agent was there and has gone; one that is silent, or says it ends, is not."""
    no_losses = (aiohttp.ClientConnectorError, FileNotFoundError, TimeoutError, EndingError)
    return not isinstance(error, no_losses)


class EndingError(Exception):
    """The agent answers that it is ending: another one may be there in a moment."""


class Patience:
    """How long one call waits for an agent that cannot be reached, or that ends again and again.

    Attributes:
        losses: How often the agent was there and ended before it answered.
    """

    def __init__(self, patience_s: float, retry_s: float) -> None:
        self._now_s = asyncio.get_running_loop().time
        self._retry_s = retry_s
        self._patience_s = patience_s
        self._seen_s = self._now_s()
        self.losses = 0

    def renew(self) -> None:
        """The agent is there."""
        self._seen_s = self._now_s()

    def served(self) -> None:
        """The agent has done what it was asked: what it lost before does not count."""
        self.renew()
        self.losses = 0

    def lost(self, reason: Exception) -> None:
        """A call failed; it is noted if the agent was there a moment ago."""
        if _is_loss(reason):
            self.losses += 1
            self.renew()

    async def wait(self, address: AgentAddress, reason: Exception) -> None:
        """Wait for the next attempt.

        Raises:
            AgentAwayError: The agent has been away for too long.
            AgentError: It has ended too often.
        """
        if self.losses >= _MAX_LOSSES:
            raise AgentError(
                f"the agent at {address.listens_at} ended {self.losses} times before it answered:"
                f" {_words(reason)}",
                remedy="Its log says why it ends.",
            ) from reason
        away_s = self._now_s() - self._seen_s
        if away_s >= self._patience_s:
            raise unreachable(address, reason, away_s) from reason
        await asyncio.sleep(self._retry_s)


def unreachable(address: AgentAddress, reason: Exception, away_s: float) -> AgentAwayError:
    """The error that says why the agent at an address cannot be reached.

    Args:
        address: Where it should listen.
        reason: How the last attempt failed.
        away_s: See `AgentAwayError`.
    """
    if isinstance(reason, TimeoutError):
        return AgentAwayError(
            f"the agent at {address.listens_at} does not answer",
            remedy="Wait, or end its process and start another one.",
            away_s=away_s,
        )
    return AgentAwayError(
        f"no agent of {address.state} can be reached at {address.listens_at}: {_words(reason)}",
        remedy=f"Start one with 'dlcore agent run --config FILE --state {address.state}'.",
        away_s=away_s,
    )


def _words(reason: Exception) -> str:
    if isinstance(reason, TimeoutError):
        return "it does not answer"
    if isinstance(reason, OSError) and reason.strerror:
        return reason.strerror
    return str(reason) or type(reason).__name__
