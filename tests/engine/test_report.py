"""A run's figures, computed by hand."""

from __future__ import annotations

from collections import Counter

from dlcore import native
from dlcore.deployment import Download
from dlcore.engine.documents.pinned_documents import CatalogPin
from dlcore.engine.download.arrival_curve import ArrivalPoint
from dlcore.engine.download.figures import MAX_NOTES, EndpointFigures, added
from dlcore.engine.download.meter import Meter
from dlcore.engine.outcomes import RunOutcome, SkipReason, StepOutcome
from dlcore.engine.running.identity import SequenceIdentity
from dlcore.engine.running.report import make_report
from dlcore.engine.running.state import LifeFigures, RunState, StepResult

NOTHING = SequenceIdentity("", (), ())


def a_run() -> RunState:
    """Three steps that ran, one that did not; a link of 100 B/s that was busy for 12 s."""
    return RunState(
        sequence=NOTHING,
        download=Download.WHEN_NEEDED,
        pin=CatalogPin("digest"),
        variables={},
        results=[
            StepResult(0, "a", StepOutcome.SUCCEEDED, stall_s=2.0, run_s=3.0, packages=("A",)),
            StepResult(1, "b", StepOutcome.SKIPPED, SkipReason.CONDITION),
            StepResult(2, "c", StepOutcome.SUCCEEDED, stall_s=0.0, run_s=4.0, packages=("A", "C")),
            StepResult(3, "d", StepOutcome.FAILED, None, "exit code 1", 1, 1.0, 1.0, ("D",)),
        ],
        elapsed_s=15.0,
        busy_s=12.0,
        fetched_bytes={"A": 200, "C": 100, "D": 600, "B": 300},
        wasted_bytes=20,
        endpoints={
            "a": EndpointFigures(1200, 12.0, 100.0, 3, {"stall": 1}, ("backed off: weather",))
        },
        reused_bytes=50,
        renewals=2,
        resumptions=1,
    )


def test_the_figures_of_a_run() -> None:
    report = make_report(a_run(), RunOutcome.FAILED, 500, 100.0)
    # Content is there after 2, 3 and 9 s; steps run 2..5, 5..9, 9..10.
    assert report.lower_bound_s == 10.0
    assert report.makespan_s == 15.0
    assert report.efficiency == 10.0 / 15.0
    assert (report.link_bytes_per_s, report.link_rate) == (100.0, "given")
    assert report.stall_s == 3.0
    assert report.native_core == native.describe().line
    assert report.download_first_s == 17.0 + 8.0  # 1,200 bytes and 500 that were spared
    assert report.stop_at_every_step_s == 9.0 + 8.0
    assert (report.bytes_fetched, report.bytes_reused) == (1200, 50)
    assert (report.bytes_wasted, report.bytes_never_needed) == (20, 300)
    assert report.endpoints["a"].max_connections == 3
    assert (report.steps_run, report.restarts, report.renewals) == (3, 1, 2)
    assert report.outcome == "failed"


def test_without_a_given_rate_the_measured_one_counts() -> None:
    report = make_report(a_run(), RunOutcome.SUCCEEDED, 0)
    assert (report.link_bytes_per_s, report.link_rate) == (100.0, "measured")


def test_the_bound_is_that_of_what_came_moment_by_moment() -> None:
    """A's 200 bytes came at once, and the rest late: the mean rate would say otherwise."""
    run = a_run()
    run.arrivals = (
        ArrivalPoint(0.0, 0),
        ArrivalPoint(1.0, 200),
        ArrivalPoint(4.0, 200),
        ArrivalPoint(13.0, 1200),
    )
    report = make_report(run, RunOutcome.SUCCEEDED, 0)
    # D's bytes, the first 900, had come after 10.3 s, and its step ran for 1 s.
    assert report.lower_bound_s == 4.0 + 9.0 * 700 / 1000 + 1.0
    assert report.efficiency == report.lower_bound_s / 15.0


def test_the_bound_is_of_what_the_steps_need_and_not_of_what_came_twice() -> None:
    """Fault: half of what came for a step did not match its digest, and the bound counts it: a bad
    run looks like a good one. dlcore counts what was missing.
    """
    run = a_run()
    run.missing_bytes = {"A": 100, "C": 100, "D": 600, "B": 300}
    report = make_report(run, RunOutcome.SUCCEEDED, 0, 100.0)
    # Content is there after 1, 2 and 8 s; steps run 1..4, 4..8, 8..9.
    assert report.lower_bound_s == 9.0
    assert report.stop_at_every_step_s == 8.0 + 8.0
    assert report.download_first_s == 11.0 + 8.0
    assert report.bytes_fetched == 1200


def test_what_the_first_process_of_a_run_missed_counts() -> None:
    """A later one finds on disk what an earlier one has fetched."""
    earlier, later = a_run(), a_run()
    earlier.missing_bytes = {"A": 100}
    life = LifeFigures(1.0, 1.0, Counter({"A": 60}), 0, {}, {}, 0, (), {"A": 40, "E": 5})
    later.measure(earlier, life)
    assert later.missing_bytes == {"A": 100, "E": 5}
    assert later.useful_bytes["A"] == 100


def test_what_a_later_process_finds_on_disk_counts_unless_the_run_had_received_it() -> None:
    """Fault: a run is killed, and goes on. What is on disk then and it did not fetch counts."""
    earlier, later = a_run(), a_run()
    earlier.reused_bytes, earlier.found_bytes = 50, {"A": 50}
    on_disk = {"A": 250, "B": 290, "C": 130, "F": 7}  # of A 200 came, of B 300, of C 100
    later.measure(earlier, LifeFigures(1.0, 1.0, Counter(), 0, on_disk, {}, 0))
    assert later.found_bytes == {"A": 50, "C": 30, "F": 7}
    assert make_report(later, RunOutcome.SUCCEEDED, 0).bytes_reused == 87


def test_what_patches_made_in_every_process_of_a_run_is_told() -> None:
    earlier, later = a_run(), a_run()
    earlier.patched_bytes = 100
    later.measure(earlier, LifeFigures(1.0, 1.0, Counter(), 0, {}, {}, 0, patched_bytes=11))
    assert make_report(later, RunOutcome.SUCCEEDED, 0).bytes_patched == 111


def test_no_bound_is_longer_than_the_run_itself() -> None:
    """Fault: requests under way at the end lower the mean rate. dlcore bounds by the run."""
    run = a_run()
    run.elapsed_s = 9.5
    assert make_report(run, RunOutcome.SUCCEEDED, 0).lower_bound_s == 9.5
    run.arrivals = (ArrivalPoint(0.0, 0), ArrivalPoint(9.4, 1200))
    assert make_report(run, RunOutcome.SUCCEEDED, 0).lower_bound_s <= 9.5


def test_no_other_way_is_shorter_than_the_bound() -> None:
    """Fault: a link that was away has a mean rate by which another way takes less than the bound.
    dlcore takes the bound then.
    """
    run = a_run()
    run.elapsed_s, run.busy_s = 60.0, 1.0
    run.arrivals = (ArrivalPoint(0.0, 0), ArrivalPoint(50.0, 0), ArrivalPoint(51.0, 1200))
    report = make_report(run, RunOutcome.SUCCEEDED, 0)
    assert report.lower_bound_s > 50.0
    assert report.download_first_s == report.stop_at_every_step_s == report.lower_bound_s


def test_a_run_of_nothing_has_no_figures_to_divide_by() -> None:
    run = RunState(NOTHING, Download.WHEN_NEEDED, CatalogPin("digest"), {})
    report = make_report(run, RunOutcome.SUCCEEDED, 0)
    assert (report.lower_bound_s, report.efficiency, report.link_bytes_per_s) == (0.0, None, 0.0)


def test_the_link_is_busy_while_any_range_is_under_way() -> None:
    meter = Meter()
    meter.request_began("e", 1.0)
    meter.request_began("f", 2.0)
    meter.request_ended("e", 3.0)
    assert meter.busy_s(4.0) == 3.0
    meter.request_ended("f", 5.0)
    assert meter.busy_s(9.0) == 4.0
    meter.request_began("e", 10.0)
    assert meter.busy_s(11.0) == 5.0
    assert meter.connections["e"].busy_s(11.0) == 3.0
    assert meter.connections["e"].max_in_flight == 1


def test_the_recent_rate_forgets() -> None:
    meter = Meter()
    meter.received("A", "e", 300, 0.0)
    meter.received("A", "f", 300, 2.0)
    assert meter.recent_bytes_per_s(2.5) == 200.0
    assert meter.recent_bytes_per_s(4.0) == 100.0
    assert meter.recent_bytes_per_s(4.0, "f") == 100.0
    assert meter.recent_bytes_per_s(10.0) == 0.0
    assert meter.received_bytes["A"] == 600
    assert dict(meter.by_endpoint) == {"e": 300, "f": 300}


def test_the_figures_of_two_lives_of_a_run_add_up() -> None:
    one = {
        "a": EndpointFigures(100, 2.0, 50.0, 3, {"stall": 1}, ("x: y",)),
        "b": EndpointFigures(7),
    }
    other = {"a": EndpointFigures(200, 1.0, 200.0, 2, {"stall": 2, "busy": 1}, ("z: w",))}
    both = added(one, other)
    assert both["a"] == EndpointFigures(
        300, 3.0, 100.0, 3, {"stall": 3, "busy": 1}, ("x: y", "z: w")
    )
    assert both["b"] == one["b"]


def test_an_endpoint_that_flaps_for_ever_does_not_fill_the_disk() -> None:
    figures = {"a": EndpointFigures(notes=("flap: flap",) * MAX_NOTES)}
    assert len(added(figures, figures)["a"].notes) == MAX_NOTES
