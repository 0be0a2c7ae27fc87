"""What the events of a run tell of an agent that was away."""

from __future__ import annotations

from dlcore.engine import events
from dlcore.timeline.agent_waits import AgentWait, AgentWaitsSoFar, away_in_words

A = ("A",)


def heard(*told: tuple[float, events.Event]) -> tuple[AgentWait, ...]:
    so_far = AgentWaitsSoFar()
    for at_s, event in told:
        so_far.hear(event, at_s)
    return so_far.all()


def waits(waited_s: float) -> events.Event:
    return events.WaitingForAgent(A, waited_s, "gone")


def back(waited_s: float) -> events.Event:
    return events.AgentReturned(A, waited_s)


def test_a_wait_begins_when_the_agent_was_missed_first() -> None:
    assert heard((70.0, waits(60.0)), (190.0, waits(180.0)), (195.0, back(184.0))) == (
        AgentWait(10.0, 184.0),
    )


def test_each_wait_counts_by_itself() -> None:
    both = heard((1.0, waits(0.0)), (6.0, back(5.0)), (20.0, waits(0.0)), (80.0, waits(60.0)))
    assert both == (AgentWait(1.0, 5.0), AgentWait(20.0, 60.0))
    assert away_in_words(both, 100.0) == (
        "the agent was away 2 times, for 1 min 05 s in all, first from 0:01.0 on"
    )


def test_another_process_waits_anew() -> None:
    """Fault: a run dies while it waits for the agent. The wait of the next process is another."""
    assert heard((60.0, waits(50.0)), (61.0, waits(0.0)), (71.0, waits(10.0))) == (
        AgentWait(10.0, 50.0),
        AgentWait(61.0, 10.0),
    )


def test_an_agent_that_was_always_there_is_not_told_of() -> None:
    assert away_in_words(heard(), 100.0) == ""
