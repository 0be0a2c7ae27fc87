"""The timeline of a run says what its report says."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcore.engine.listeners.lines import decode_lines
from dlcore.engine.listeners.run_records import read
from dlcore.steps.interface import Job, Outcome
from dlcore.timeline import Timeline, timeline_of
from tests.engine.machine import EXTRA, OS, TOOLS, TREES, Acting, Machine, exits, parsed
from tests.engine.scene import publish_packages, step, when


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    publish_packages(tmp_path, TREES, block_bytes=4096)
    return Machine(tmp_path, tmp_path / "state")


def recorded(machine: Machine) -> Timeline:
    lines = read(machine.state).splitlines(keepends=True)
    return timeline_of(decode_lines(lines, source="test"))


def test_steps_packages_and_bytes_are_those_of_the_report(machine: Machine) -> None:
    machine.more.append("[transfer]\nlink_bytes_per_s = 100000")
    tree = parsed(
        step("left out", package=EXTRA, condition=when("No", "yes")),
        step("tools", package=TOOLS),
        step("fails", attributes='continueOnError="true"'),
    )
    report = machine.run(tree, exits(fails=7))
    timeline = recorded(machine)
    assert timeline.outcome == report.outcome == "succeeded"
    assert timeline.duration_s == report.makespan_s
    for drawn, told in zip(timeline.steps, report.steps, strict=True):
        assert (drawn.index, drawn.name, drawn.outcome) == (told.index, told.name, told.outcome)
        assert drawn.stall_s == pytest.approx(told.stall_s, abs=1e-3)
        assert drawn.run_s == pytest.approx(told.run_s, abs=1e-3)
    assert {package.package: package.outcome for package in timeline.packages} == {
        OS: "ready",
        TOOLS: "ready",
    }
    assert [own.received_bytes for own in timeline.endpoints] == [report.bytes_fetched]
    assert timeline.bound_at_s(report.link_bytes_per_s) == pytest.approx(
        report.lower_bound_s, abs=1e-3
    )


def test_a_run_that_was_stopped_in_a_step_is_drawn_up_to_there(machine: Machine) -> None:
    class Dying(Acting):
        async def run(self, job: Job) -> Outcome:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        machine.run(parsed(step("tools")), Dying())
    timeline = recorded(machine)
    assert (timeline.outcome, timeline.steps[0].outcome) == ("", "under way")
    assert timeline.steps[1].outcome == "not reached"
    assert timeline.received_bytes in (0, sum(TREES[OS].values()))
