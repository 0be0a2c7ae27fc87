"""One run, and everything that tells of it: no figure contradicts another."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dlcore.cli.live.metrics import RunMetrics
from dlcore.cli.results.report_tables import show_report
from dlcore.engine import events
from dlcore.engine.listeners.lines import decode_lines
from dlcore.engine.listeners.run_records import read
from dlcore.engine.running.report import Report
from dlcore.steps.interface import Outcome
from dlcore.steps.simulation import SimulatingExecutor
from dlcore.tasksequence import Step, Variables
from dlcore.telemetry import RunSpans
from dlcore.timeline import Timeline, timeline_of
from tests.engine.machine import OS, TOOLS, TREES, Acting, Machine, parsed
from tests.engine.scene import publish_packages, step
from tests.telemetry.memory import Memory, told

LARGE = {"install.wim": 3_000_000}


class Told:
    """A run, as each of them tells it."""

    def __init__(self, machine: Machine, report: Report) -> None:
        self.report = report
        lines = decode_lines(read(machine.state).splitlines(keepends=True), source="test")
        self.timeline: Timeline = timeline_of(lines)
        (self.ended,) = (e for e in machine.events if isinstance(e, events.RunEnded))
        self.progress = [e for e in machine.events if isinstance(e, events.Progress)][-1]
        self.heard = machine.events
        self.metrics = _metrics(machine.events)
        self.run_span, self.step_spans = _spans(machine.events)

    def count(self, kind: type[events.Event]) -> int:
        return sum(isinstance(event, kind) for event in self.heard)


def _metrics(heard: list[events.Event]) -> dict[str, float]:
    metrics = RunMetrics()
    for event in heard:
        metrics.hear(event)
    return {
        "/".join((sample.name, *sample.labels.values())): sample.value
        for metric in metrics.collect()
        for sample in metric.samples
    }


def _spans(heard: list[events.Event]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    memory = Memory()
    spans = RunSpans(memory.provider.get_tracer("test"))
    for event in heard:
        spans.hear(event)
    spans.close()
    return told(memory.one("run task sequence")), [told(span) for span in memory.named("step")]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Three endpoints: one lies, one has nothing, one is as it should be but slow."""
    publish_packages(tmp_path, {**TREES, OS: LARGE}, block_bytes=4096)
    shutil.copytree(tmp_path / "published", tmp_path / "spoiled")
    for path in (tmp_path / "spoiled" / "objects").iterdir():
        content = bytearray(path.read_bytes())
        content[::8192] = bytes(len(content[::8192]))
        path.write_bytes(content)
    machine = Machine(tmp_path, tmp_path / "state")
    machine.endpoints = "\n".join(
        f"[[endpoint]]\nname = '{name}'\nkind = 'file'\npath = '{tmp_path / folder}'\n{more}"
        for name, folder, more in (
            ("liar", "spoiled", "cap_bytes_per_s = 400000"),
            ("disk", "published", "cap_bytes_per_s = 200000"),
        )
    )
    return machine


def run(machine: Machine) -> Told:
    tree = parsed(step("without content"), step("tools", package=TOOLS))
    executor = SimulatingExecutor({"os": 3.0, "without content": 1.0, "tools": 2.0})
    return Told(machine, machine.run(tree, executor))


def test_bytes_are_the_same_wherever_they_are_told(machine: Machine) -> None:
    all_told = run(machine)
    report, ended, timeline = all_told.report, all_told.ended, all_told.timeline
    assert report.bytes_fetched > report.bytes_wasted > 0
    content_bytes = sum(TREES[TOOLS].values()) + sum(LARGE.values())
    assert report.bytes_fetched - report.bytes_wasted == content_bytes
    fetched = {
        "event": ended.bytes_fetched,
        "timeline": timeline.received_bytes,
        "its endpoints": sum(own.received_bytes for own in timeline.endpoints),
        "endpoints": sum(own.bytes_fetched for own in report.endpoints.values()),
        "progress": sum(own.received_bytes for own in all_told.progress.endpoints.values()),
        "metrics": sum(
            value for name, value in all_told.metrics.items() if "received_bytes_total" in name
        ),
        "span": all_told.run_span["dlcore.bytes_fetched"],
    }
    assert fetched == dict.fromkeys(fetched, report.bytes_fetched)
    wasted = {
        "event": ended.bytes_wasted,
        "progress": all_told.progress.wasted_bytes,
        "metrics": all_told.metrics["dlcore_wasted_bytes_total"],
        "span": all_told.run_span["dlcore.bytes_wasted"],
    }
    assert wasted == dict.fromkeys(wasted, report.bytes_wasted)


def test_what_was_wasted_is_part_of_no_bound(machine: Machine) -> None:
    """Fault: an endpoint lies, so that some content comes twice, and the bound grows with
    it. The bound counts content once.
    """
    report = run(machine).report
    needed_bytes = sum(TREES[TOOLS].values()) + sum(LARGE.values())
    run_s = sum(result.run_s for result in report.steps)
    assert report.bytes_fetched > needed_bytes
    assert report.stop_at_every_step_s == pytest.approx(
        run_s + needed_bytes / report.link_bytes_per_s
    )


def test_what_an_endpoint_served_wrong_is_its_cost(machine: Machine) -> None:
    all_told = run(machine)
    liar, disk = all_told.timeline.endpoints
    assert liar.cost.rejected_bytes == all_told.count(events.BlockRejected) * 4096
    assert disk.cost.rejected_bytes == 0


def test_failures_are_the_same_wherever_they_are_told(machine: Machine) -> None:
    all_told = run(machine)
    rejected = all_told.count(events.BlockRejected)
    assert rejected > 0
    for own in all_told.timeline.endpoints:
        faults = all_told.report.endpoints[own.name].faults
        assert own.faults == faults
        failures = {
            "timeline": own.failures,
            "progress": all_told.progress.endpoints[own.name].failures,
            "metrics": all_told.metrics[f"dlcore_failures_total/{own.name}"],
        }
        assert failures == dict.fromkeys(failures, sum(faults.values()))
    assert all_told.report.endpoints["liar"].faults == {"corrupt": rejected}


def test_endpoints_are_as_fast_and_as_busy_wherever_that_is_told(machine: Machine) -> None:
    all_told = run(machine)
    for own in all_told.timeline.endpoints:
        figures = all_told.report.endpoints[own.name]
        assert own.max_connections == figures.max_connections
        assert own.bytes_per_s == pytest.approx(figures.mean_bytes_per_s, rel=0.01)


def test_times_are_the_same_wherever_they_are_told(machine: Machine) -> None:
    all_told = run(machine)
    report, ended, timeline = all_told.report, all_told.ended, all_told.timeline
    assert report.makespan_s == ended.makespan_s == timeline.duration_s
    assert report.lower_bound_s == ended.lower_bound_s == timeline.bound_s
    assert 0 < report.lower_bound_s <= report.makespan_s
    assert report.efficiency == report.lower_bound_s / report.makespan_s
    assert report.stall_s == ended.stall_s == timeline.stall_s
    assert report.stall_s == pytest.approx(sum(result.stall_s for result in report.steps))
    assert all_told.metrics["dlcore_step_wait_seconds_total"] == pytest.approx(report.stall_s)
    for drawn, result, span in zip(timeline.steps, report.steps, all_told.step_spans, strict=True):
        assert drawn.stall_s == pytest.approx(result.stall_s, abs=1e-3)
        assert drawn.run_s == pytest.approx(result.run_s, abs=1e-3)
        assert drawn.has_waited == bool(result.packages)
        assert span["dlcore.step.stall_s"] == result.stall_s
        assert span["dlcore.step.run_s"] == result.run_s
    run_s = sum(result.run_s for result in report.steps)
    assert report.makespan_s == pytest.approx(run_s + report.stall_s, abs=0.2)


def test_where_nothing_was_fetched_nothing_is_said_of_how_well(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fault: all content was there, and a figure praises the downloads. dlcore tells none."""
    run(machine)
    again = run(machine)
    assert again.report.bytes_fetched == 0
    assert json.loads(msgspec.json.encode(again.report))["efficiency"] is None
    show_report(again.report)
    shown = capsys.readouterr().out
    assert not [word for word in ("efficiency", "lower bound", "would take") if word in shown]
    assert "makespan" in shown


def test_a_run_of_two_processes_agrees_with_itself(machine: Machine) -> None:
    asked: list[str] = []

    def restarts_once(step: Step, variables: Variables, content: Mapping[str, Path]) -> Outcome:
        asked.append(step.name)
        return Outcome(restart=len(asked) == 1)

    tree = parsed(step("without content"), step("tools", package=TOOLS))
    machine.run(tree, Acting(restarts_once))
    both = Told(machine, machine.run(tree, Acting(restarts_once)))
    report, timeline = both.report, both.timeline
    assert (report.restarts, len(timeline.resumptions_s)) == (1, 1)
    assert report.makespan_s == timeline.duration_s
    assert 0 < report.lower_bound_s == timeline.bound_s <= report.makespan_s
    assert report.bytes_fetched == sum(own.received_bytes for own in timeline.endpoints)
    assert timeline.stall_s == pytest.approx(sum(own.stall_s for own in timeline.steps), abs=1e-3)
    for own in timeline.endpoints:
        figures = report.endpoints[own.name]
        assert (own.faults, own.max_connections) == (figures.faults, figures.max_connections)
        assert own.received_bytes == figures.bytes_fetched
        assert own.bytes_per_s == pytest.approx(figures.mean_bytes_per_s, rel=0.01)
