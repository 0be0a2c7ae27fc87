"""When a run waited for an agent that was away, and for how long."""

from __future__ import annotations

import msgspec

from dlcore.engine import events
from dlcore.engine.numbers_for_people import counted, duration, moment


class AgentWait(msgspec.Struct, frozen=True):
    """One wait; seconds since the beginning of the run.

    Attributes:
        begin_s: When the agent was missed first.
        length_s: How long it was away then, as far as that was told.
    """

    begin_s: float
    length_s: float


class AgentWaitsSoFar:
    """The waits, as events tell of them."""

    def __init__(self) -> None:
        self._waits: list[AgentWait] = []
        self._is_away = False

    def hear(self, event: events.Event, now_s: float) -> None:
        """Take note of an event, at a time of the run."""
        match event:
            case events.WaitingForAgent(_, waited_s):
                self._note(waited_s, now_s)
                self._is_away = True
            case events.AgentReturned(_, waited_s):
                self._note(waited_s, now_s)
                self._is_away = False

    def all(self) -> tuple[AgentWait, ...]:
        """All of them, in order."""
        return tuple(self._waits)

    def _note(self, waited_s: float, now_s: float) -> None:
        latest = self._waits[-1] if self._waits else None
        if latest and self._is_away and waited_s >= latest.length_s:
            self._waits[-1] = AgentWait(latest.begin_s, waited_s)
        else:  # or another process has taken the run over
            self._waits.append(AgentWait(max(0.0, now_s - waited_s), waited_s))


def away_in_words(waits: tuple[AgentWait, ...], run_s: float) -> str:
    """How often the agent was away, when and for how long; empty if it never was.

    Args:
        waits: All of them.
        run_s: The length of the run.
    """
    if not waits:
        return ""
    away = duration(sum(wait.length_s for wait in waits))
    since = moment(waits[0].begin_s, run_s)
    if len(waits) == 1:
        return f"the agent was away for {away}, from {since} on"
    often = counted(len(waits), "time")
    return f"the agent was away {often}, for {away} in all, first from {since} on"
