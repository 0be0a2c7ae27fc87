"""What is recorded of runs: all that matters, within a bound, whatever the process or disk does."""

from __future__ import annotations

import asyncio
import contextlib
import stat
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from dlcore.engine import events
from dlcore.engine.client import Client
from dlcore.engine.events import Event
from dlcore.engine.listeners.bus import EventBus
from dlcore.engine.listeners.lines import SCHEMA, Stamp, StampedEvent, decode_lines, encode_line
from dlcore.engine.listeners.run_records import RunRecords, numbers, read, recorded
from dlcore.engine.listeners.thinning import RecordPolicy, Thinning
from dlcore.engine.listeners.writer import EventWriter
from dlcore.errors import NotFoundError, StorageError
from dlcore.steps.interface import Outcome
from dlcore.store import Store
from dlcore.tasksequence import Step, Variables
from tests.engine.machine import OS, TOOLS, TREES, Acting, CrashError, Machine, parsed
from tests.engine.scene import deployment, step


def begins(name: str, restarts: int = 0) -> events.RunBegan:
    return events.RunBegan(name, 0, restarts, ())


def at(at_s: float, event: Event) -> StampedEvent:
    return StampedEvent(Stamp(SCHEMA, "2026-11-29T09:02:40.123Z", at_s), event)


def progress(done_bytes: int) -> events.Progress:
    return events.Progress(done_bytes, 1 << 30, 0.0)


def recorded_events(state: Path, number: int = 0) -> list[Event]:
    lines = read(state, number).splitlines(keepends=True)
    return [stamped.event for stamped in decode_lines(lines, source="test").events]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    Store.open(tmp_path / "state").close()
    return tmp_path / "state"


def write(state: Path, *happened: Event, kept_runs: int = 2) -> None:
    """What one process records."""
    records = RunRecords(state, kept_runs)
    for event in happened:
        records.write([at(0.0, event)])
    records.close()


# The files


def test_each_run_has_its_record_and_old_ones_go(state: Path) -> None:
    for name in ("first", "second", "third", "fourth"):
        write(state, begins(name), events.PackageReady("ABC00001", name))
    assert numbers(state) == [0, 1, 2]
    assert [recorded_events(state, number)[0] for number in numbers(state)] == [
        begins("fourth"),
        begins("third"),
        begins("second"),
    ]


def test_a_process_that_goes_on_appends_to_the_record(state: Path) -> None:
    write(state, begins("run"), progress(1))
    write(state, begins("run", restarts=1), progress(2))
    assert recorded_events(state) == [begins("run"), progress(1), begins("run", 1), progress(2)]
    assert numbers(state) == [0]


def test_a_line_that_a_crash_tore_costs_only_itself(state: Path) -> None:
    """Fault: a process is killed in the middle of a line. dlcore loses that line only."""
    write(state, begins("run"), progress(1))
    path = state / "runs" / "0.ndjson"
    path.write_bytes(path.read_bytes() + encode_line(at(0, progress(2)))[:-20])
    write(state, begins("run", restarts=1))
    assert recorded_events(state) == [begins("run"), progress(1), begins("run", 1)]


def test_what_happens_outside_a_run_is_in_no_record(state: Path) -> None:
    write(state, progress(1))
    assert numbers(state) == []
    with pytest.raises(NotFoundError, match="no run is recorded"):
        read(state)
    write(state, progress(1), begins("run"))
    assert recorded_events(state) == [begins("run")]
    with pytest.raises(NotFoundError, match="no run 1 before the latest"):
        read(state, 1)


@pytest.mark.posix_only(reason="Windows has no such modes")
def test_only_the_user_can_read_a_record(state: Path) -> None:
    write(state, begins("run"))
    assert stat.S_IMODE((state / "runs").stat().st_mode) == 0o700
    assert stat.S_IMODE((state / "runs" / "0.ndjson").stat().st_mode) == 0o600


def test_there_is_no_record_where_there_is_no_state_directory(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        read(tmp_path / "nowhere")


# Writing


async def test_events_get_the_time_at_which_they_happen() -> None:
    bus, written, now = EventBus(), list[StampedEvent](), 100.0
    writer = EventWriter(bus, written.extend, now=lambda: now)
    bus.emit(progress(1))
    now = 200.0
    bus.emit(progress(2))
    await writer.aclose()
    bus.emit(progress(3))
    assert [stamped.stamp.time[14:19] for stamped in written] == ["01:40", "03:20"]
    assert [stamped.event for stamped in written] == [progress(1), progress(2)]


@pytest.mark.parametrize("error", [StorageError("full"), BrokenPipeError(), ValueError("closed")])
async def test_a_place_that_cannot_be_written_to_is_told_once(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """Fault P7: the reader of the events goes away. dlcore goes on, and says so once."""
    tried, has_tried, loop = list[int](), asyncio.Event(), asyncio.get_running_loop()

    def write(happened: Sequence[StampedEvent]) -> None:
        tried.append(len(happened))
        loop.call_soon_threadsafe(has_tried.set)
        raise error

    bus = EventBus()
    writer = EventWriter(bus, write)
    bus.emit(progress(1))
    await has_tried.wait()
    bus.emit(progress(2))
    await writer.aclose()
    assert tried == [1]
    told = [record.getMessage() for record in caplog.records]
    assert told == [f"events are not written any more: {error}"]


async def test_a_run_goes_on_though_it_cannot_be_recorded(
    state: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Fault: the disk refuses the record of a run. dlcore says so, and the run goes on."""
    (state / "runs").write_text("in the way")
    bus = EventBus()
    async with recorded(state, bus, RecordPolicy()):
        bus.emit(begins("run"))
    assert "cannot record the run" in caplog.text


# How much


def thinned(policy: RecordPolicy, happened: Sequence[StampedEvent]) -> list[StampedEvent]:
    thinning = Thinning(policy)
    return [chosen for stamped in happened for chosen in thinning.choose(stamped)]


def test_progress_is_recorded_less_often_the_longer_a_run_takes() -> None:
    day = [at(second / 2, progress(second)) for second in range(2 * 24 * 3600)]
    chosen = thinned(RecordPolicy(), day)
    assert chosen[:600] == day[:600], "the first minutes in full"
    assert 4000 < len(chosen) < 6000
    gaps = [b.stamp.at_s - a.stamp.at_s for a, b in pairwise(chosen)]
    assert gaps == sorted(gaps)


def test_the_last_figures_are_recorded_when_the_run_ends() -> None:
    ended = events.RunEnded("failed", 1.0, 1.0, 1.0, "given", 0.0, 1, 0, 0)
    happened = [at(n / 100, progress(n)) for n in range(5)]
    chosen = thinned(RecordPolicy(), [*happened, at(1.0, ended)])
    assert chosen == [happened[0], happened[4], at(1.0, ended)]


def test_an_endpoint_that_fails_for_days_does_not_fill_the_disk() -> None:
    """Fault: an endpoint fails for days. dlcore records how it began, and counts the rest."""
    fails = [events.RangeFailed("ABC00001", name, "stall", "x" * 9000) for name in "ab"]
    chosen = thinned(RecordPolicy(), [at(0.0, event) for event in fails * 10_000])
    assert len(chosen) == 200
    assert sum(len(encode_line(stamped)) for stamped in chosen) < 200_000


# Whole runs


def test_a_run_is_recorded_across_a_restart_and_a_crash(machine: Machine) -> None:
    restarts = iter((True, False))

    def act(step: Step, variables: Variables, content: Mapping[str, Path]) -> Outcome:
        if step.name == "dies" and next(dies):
            raise CrashError
        return Outcome(restart=step.name == "asks" and next(restarts))

    dies = iter((True, False))
    tree = parsed(step("dies"), step("asks"), step("last"))
    with pytest.raises(CrashError):
        machine.run(tree, Acting(act))
    assert machine.run(tree, Acting(act)).outcome == "restart"
    report = machine.run(tree, Acting(act))
    told = recorded_events(machine.state)
    assert numbers(machine.state) == [0]
    assert [(e.position, e.restarts) for e in told if isinstance(e, events.RunBegan)] == [
        (0, 0),
        (1, 1),
        (3, 2),
    ]
    ended = [event for event in told if isinstance(event, events.StepEnded)]
    assert [event.name for event in ended] == ["os", "dies", "asks", "last"]
    last = told[-1]
    assert isinstance(last, events.RunEnded)
    assert (last.outcome, last.makespan_s) == ("succeeded", report.makespan_s)
    assert last.bytes_fetched == report.bytes_fetched > 0
    samples = [event for event in told if isinstance(event, events.Progress)]
    assert samples[-1].endpoints.keys() == {"disk"}


def test_a_run_says_what_its_steps_are_expected_to_need(machine: Machine) -> None:
    machine.run(parsed(step("tools", package=TOOLS), step("last")))
    told = recorded_events(machine.state)
    assert isinstance(told[0], events.RunBegan)
    assert [(step.name, step.packages) for step in told[0].steps] == [
        ("os", (OS,)),
        ("tools", (TOOLS,)),
        ("last", ()),
    ]
    started = [event for event in told if isinstance(event, events.StepStarted)]
    assert [event.packages for event in started] == [(OS,), (TOOLS,), ()]


async def test_a_run_is_begun_once_however_often_its_steps_are_asked_for(
    published: Path, tmp_path: Path
) -> None:
    """Fault: a program leaves the loop over the steps and enters it again. It is one run."""
    async with Client(deployment(published), tmp_path / "state") as client:
        session = await client.session(parsed(step("last")))
        for _ in range(2):
            async with contextlib.aclosing(session.run_steps()) as steps:
                async for each in steps:
                    await session.content(each)
                    await session.completed(each, 0)
                    break
    assert numbers(tmp_path / "state") == [0]
    kinds = [type(event).__name__ for event in recorded_events(tmp_path / "state")]
    assert (kinds.count("RunBegan"), kinds.count("StepEnded")) == (1, 2)


def test_progress_tells_how_far_each_package_and_endpoint_is(machine: Machine) -> None:
    machine.run(parsed(step("tools", package=TOOLS)))
    total = sum(event.endpoints["disk"].received_bytes for event in _last(machine))
    assert total == sum(sum(TREES[each].values()) for each in (OS, TOOLS))


def _last(machine: Machine) -> list[events.Progress]:
    told = [e for e in recorded_events(machine.state) if isinstance(e, events.Progress)]
    return told[-1:]
