"""A run's timeline, as it is made of the events."""

from __future__ import annotations

from typing import Any, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dlcore.engine import events
from dlcore.engine.events import Event
from dlcore.engine.listeners.lines import EVENTS, StampedEvent
from dlcore.timeline import headline, latest, reasons, timeline_of
from dlcore.timeline.bandwidth import arrived_s, came_between, merged, silent_s
from dlcore.timeline.page import page_of
from dlcore.timeline.steps import Doing, Period
from tests.timeline.scene import (
    DRIVERS,
    IMAGE,
    MIB,
    at,
    bad_case,
    begins,
    ended,
    lines_of,
    made,
    progress,
)

END = ended(43.0, 42.0, 72.2, 2.2, stall_s=32.0)


def test_a_step_waits_and_runs() -> None:
    drivers, upgrade = made(bad_case()).steps
    assert drivers.periods == (Period(Doing.WAITED, 0, 2, DRIVERS), Period(Doing.RAN, 2, 3))
    assert (upgrade.stall_s, upgrade.run_s, upgrade.waits_s) == (30.0, 10.0, {IMAGE: 30.0})
    assert (upgrade.outcome, upgrade.packages) == ("succeeded", (IMAGE,))


def test_a_package_is_ordered_arrives_and_is_ready() -> None:
    drivers, image = made(bad_case()).packages
    assert (drivers.ordered_s, drivers.first_byte_s, drivers.ended_s) == (0.0, 2.0, 2.0)
    assert (image.ordered_s, image.first_byte_s, image.ended_s) == (0.0, 2.0, 33.0)
    assert (image.verified_at(1.9), image.verified_at(2.0)) == (0, 2 * MIB)
    assert (image.content_bytes, image.outcome) == (60 * MIB, "ready")


def test_an_endpoint_has_its_bytes_and_failures() -> None:
    good, slow, liar = made(bad_case()).endpoints
    assert (good.received_bytes, good.failures, good.quarantined_s) == (60 * MIB, 0, None)
    assert slow.received_bytes == int(0.2 * MIB)
    assert (liar.faults, liar.failures, liar.quarantined_s) == ({"corrupt": 3}, 3, 4.5)


def test_the_bytes_of_a_time_are_those_of_its_samples_in_part() -> None:
    samples = made(bad_case()).samples
    assert came_between(samples, 0.0, 1.0)["good"] == 2 * MIB
    assert came_between(samples, 1.0, 5.0)["good"] == 8 * MIB
    assert silent_s(samples, 25.0, 31.0) == 3.0
    assert sum(came_between(samples, 0.0, 43.0).values()) == pytest.approx(72.2 * MIB, abs=2)


def test_a_run_goes_on_where_the_earlier_process_was() -> None:
    """Times are those of each process's own clock, whatever the time of day was set to."""
    timeline = made(
        [
            (500.0, begins("one", "two")),
            (501.0, events.StepStarted(0, "one", 0.0)),
            (505.0, progress(good=5)),  # then it is killed
            (7.0, begins("one", "two", restarts=1)),
            (7.0, events.StepInterrupted(0, "one")),
            (8.0, events.StepStarted(0, "one", 0.0)),
            (9.0, progress(good=1)),
            (10.0, events.StepEnded(0, "one", "succeeded", 0, 2.0)),
            (11.0, ended(9.0, 9.0, 6, 1)),
        ]
    )
    assert timeline.resumptions_s == (5.0,)
    assert msgspec.to_builtins(timeline)["restarts_s"] == (5.0,), "its name in JSON stays"
    assert [(p.begin_s, p.end_s) for p in timeline.steps[0].periods] == [(1.0, 5.0), (6.0, 8.0)]
    assert (timeline.length_s, timeline.endpoints[0].received_bytes) == (9.0, 6 * MIB)
    assert timeline.steps[1].outcome == "not reached"


def test_a_run_that_is_under_way_has_what_is_known() -> None:
    timeline = made(bad_case()[:9])
    assert (timeline.outcome, timeline.ending, timeline.duration_s) == ("", None, 3.0)
    assert timeline.received_bytes == 10 * MIB
    assert timeline.steps[1].outcome == "under way"
    assert headline(timeline).startswith("Its record ends after 3.0 s: steps ran for 1.0 s")


def test_a_fetch_has_ended_when_its_packages_have() -> None:
    begun = (0.0, events.PackageStarted("A", MIB, 0))
    assert made([begun]).outcome == ""
    assert made([begun, (1.0, events.PackageReady("A", "/there"))]).outcome == "succeeded"
    assert made([begun, (1.0, events.PackageFailed("A", "gone"))]).outcome == "failed"


def test_a_step_that_runs_again_after_a_restart_has_only_the_waits_of_this_time() -> None:
    timeline = made(
        [
            (0.0, begins("one")),
            (10.0, events.StepStarted(0, "one", 2.0, {"A": 8.0, "B": 2.0})),
            (11.0, events.StepEnded(0, "one", "succeeded", 0, 1.0)),
        ]
    )
    waits = [period for period in timeline.steps[0].periods if period.doing is Doing.WAITED]
    assert waits == [Period(Doing.WAITED, 8.0, 10.0, "B")]


def test_a_wait_that_nobody_told_of_is_shown_as_one() -> None:
    started = events.StepStarted(0, "one", 4.0, {"A": 1.0})
    step = made([(0.0, begins("one")), (10.0, started)]).steps[0]
    waits = [period for period in step.periods if period.doing is Doing.WAITED]
    assert waits == [Period(Doing.WAITED, 6.0, 9.0), Period(Doing.WAITED, 9.0, 10.0, "A")]


def test_the_bound_takes_what_came_as_what_the_link_could_bring() -> None:
    """A rate that falls during the run is not taken for its mean."""
    timeline = made(bad_case())
    assert arrived_s(timeline.samples, 10 * MIB) == pytest.approx(2.0)
    assert timeline.bound_s == pytest.approx(41.95, abs=0.1)
    assert timeline.bound_at_s(10.0 * MIB) == pytest.approx(17.0)
    given = [*bad_case()[:-1], (143.0, msgspec.structs.replace(END, link_rate="given"))]
    assert made(given).bound_s == END.lower_bound_s


def test_neighbouring_samples_are_put_together_and_lose_nothing() -> None:
    samples = made((float(n), progress(good=n * n)) for n in range(1000)).samples
    few = merged(samples, 100)
    assert len(few) <= 100
    assert (few[0].begin_s, few[-1].end_s) == (samples[0].begin_s, samples[-1].end_s)
    assert sum(s.by_endpoint["good"] for s in few) == 999 * 999 * MIB


def test_of_nothing_there_is_a_page_too() -> None:
    timeline = timeline_of(lines_of([]))
    assert reasons(timeline) == ()
    assert "nothing is recorded" in page_of(timeline)


def an_event() -> st.SearchStrategy[Event]:
    outcomes = st.sampled_from(["succeeded", "failed", "restart"])
    return st.one_of(*(_any(kind) for kind in EVENTS if kind is not events.RunEnded)) | _any(
        events.RunEnded, outcome=outcomes
    )


def _any(kind: type[Event], **members: st.SearchStrategy[str]) -> st.SearchStrategy[Event]:
    """Any event of a kind; defaults are not used, as Hypothesis does not know msgspec's."""
    own = {name: _value(hint) for name, hint in get_type_hints(kind).items()}
    return st.builds(kind, **{**own, **members})


def _value(hint: Any) -> st.SearchStrategy[Any]:
    arguments = get_args(hint)
    if get_origin(hint) is dict:
        return st.dictionaries(*map(_value, arguments), max_size=2)
    if get_origin(hint) is tuple:
        return st.lists(_value(arguments[0]), max_size=2).map(tuple)
    simple: dict[Any, st.SearchStrategy[Any]] = {
        float: st.floats(-1e9, 1e9),
        int: st.integers(-(2**53), 2**53),
        str: st.text(max_size=3),
    }
    return simple.get(hint, st.from_type(hint))


@settings(
    derandomize=True,
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],  # the first example looks at all kinds of events
)
@given(st.lists(st.tuples(st.floats(0, 1e6), an_event()), max_size=8))
def test_whatever_is_recorded_there_is_a_page_and_there_are_reasons(
    happened: list[tuple[float, Event]],
) -> None:
    told: list[StampedEvent] = [at(at_s, event) for at_s, event in happened]
    timeline = made((stamped.stamp.at_s, stamped.event) for stamped in told)
    assert headline(timeline)
    assert all(reason.text for reason in reasons(timeline))
    assert page_of(timeline).startswith("<!DOCTYPE html>")


def test_of_a_file_with_several_runs_the_last_one_counts() -> None:
    """Fault: two fetches append to one file, and their report adds them up. dlcore does not."""
    fetch = [
        (0.0, events.PackageStarted("a", MIB, 0)),
        (1.0, events.PackageReady("a", "/there")),
        (1.0, events.FetchEnded("succeeded", 1.0, 0, MIB, 0, 0)),
    ]
    again = [(at_s + 500.0, event) for at_s, event in fetch]
    assert timeline_of(latest(lines_of([*fetch, *again]))) == made(again)
    assert timeline_of(latest(lines_of([*fetch, *bad_case()]))) == made(bad_case())
    assert latest(lines_of([])) == lines_of([])


def test_a_restarted_run_is_one_run() -> None:
    happened = [(0.0, begins("x")), (5.0, begins("x", restarts=1))]
    assert len(latest(lines_of(happened)).events) == 2
