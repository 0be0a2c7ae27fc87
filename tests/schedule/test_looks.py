"""Nothing is concluded from what does not tell anything."""

from __future__ import annotations

from dlcore.schedule.crew import Crew
from dlcore.schedule.opening import START_FAR
from tests.schedule.transfers import MAX, running


def test_idle_time_changes_nothing() -> None:
    crew = running()
    before = crew.wanted(10.0, 0), crew.connection_bytes_per_s
    for tick in range(2000):
        crew.wanted(10 + tick * 0.05, 0)
    assert (crew.wanted(110.0, 0), crew.connection_bytes_per_s) == before


def test_fewer_at_work_than_wanted_bring_no_more() -> None:
    crew = Crew(MAX)
    crew.answered(0.05)
    for tick in range(400):
        crew.wanted(tick * 0.05, 4)
        crew.received(50_000)
        crew.answered(0.05)
    assert crew.wanted(20.0, 4) == START_FAR


def test_a_stalled_endpoint_gets_no_more_connections() -> None:
    crew = running()
    before = crew.wanted(10.0, 80)
    for tick in range(1, 400):
        assert crew.wanted(10 + tick * 0.05, before) <= before
