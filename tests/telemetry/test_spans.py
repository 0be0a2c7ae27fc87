"""Spans of the events of a run, with a clock that only the events move."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.trace import StatusCode

from dlcore.engine import events
from dlcore.engine.events import Event
from dlcore.telemetry import RunSpans
from tests.telemetry.memory import Memory, is_below, told, took_s
from tests.timeline.scene import DRIVERS, IMAGE, bad_case
from tests.timeline.test_timeline import an_event


def heard(happened: Iterable[tuple[float, Event]], *, closed: bool = True) -> Memory:
    memory, now_s = Memory(), [0.0]
    tracer = memory.provider.get_tracer("test")
    spans = RunSpans(tracer, now_ns=lambda: int(now_s[0] * 1e9))
    for at_s, event in happened:
        now_s[0] = at_s
        spans.hear(event)
    if closed:
        spans.close()
    return memory


def test_a_run_is_one_trace_of_steps_waits_and_packages() -> None:
    memory = heard(bad_case())
    run = memory.one("run task sequence")
    assert {span.context.trace_id for span in memory.all()} == {run.context.trace_id}
    assert took_s(run) == pytest.approx(43.0)
    assert told(run)["dlcore.outcome"] == "succeeded"
    assert told(run)["dlcore.run.sequence"] == "Upgrade"
    assert told(run)["dlcore.run.stall_s"] == 32.0
    drivers, upgrade = memory.named("step")
    assert [told(step)["dlcore.step.name"] for step in (drivers, upgrade)] == ["Drivers", "Upgrade"]
    assert all(is_below(step, run) for step in (drivers, upgrade))
    assert took_s(upgrade) == pytest.approx(40.0)
    assert [event.name for event in upgrade.events] == ["step starts"]
    first, second = memory.named("wait for content")
    assert [took_s(first), took_s(second)] == pytest.approx([2.0, 30.0])
    assert told(second)["dlcore.package.id"] == IMAGE
    assert is_below(second, upgrade)
    assert second.end_time == upgrade.events[0].timestamp


def test_what_failed_on_the_way_is_told_at_the_package() -> None:
    image = heard(bad_case()).named("download package")[-1]
    assert told(image)["dlcore.outcome"] == "ready"
    assert [event.name for event in image.events] == ["block rejected"] * 3
    attributes = dict(image.events[0].attributes or {})
    assert attributes == {"error.type": "corrupt", "dlcore.endpoint": "liar", "dlcore.block": 7}


def test_a_culprit_that_is_found_is_told_at_the_package() -> None:
    culprit = events.CulpritFound(IMAGE, "object", 7, "liar")
    happened = [
        (at_s, culprit if isinstance(event, events.BlockRejected) else event)
        for at_s, event in bad_case()
    ]
    found = heard(happened).named("download package")[-1].events[0]
    assert found.name == "culprit found"
    assert dict(found.attributes or {})["dlcore.endpoint"] == "liar"


def test_a_step_that_fails_says_why() -> None:
    failed = heard(
        [
            (0.0, events.RunBegan("", 0, 0, ())),
            (1.0, events.StepStarted(0, "one", 0.0)),
            (2.0, events.StepEnded(0, "one", "failed", 5, 1.0, "exit code 5", "access is denied")),
            (2.0, events.RunEnded("failed", 2.0, 2.0, 0.0, "measured", 0.0, 0, 0, 0)),
        ]
    )
    step, run = failed.one("step"), failed.one("run task sequence")
    assert step.status.status_code is StatusCode.ERROR
    assert step.status.description == "access is denied"
    assert told(step)["process.exit.code"] == 5
    assert run.status.status_code is StatusCode.ERROR
    assert failed.named("wait for content") == []


def test_a_step_that_needs_nothing_has_no_wait() -> None:
    """The time between its turn and its start is that of saving the state."""
    memory = heard([(0.0, events.StepStarted(0, "one", 0.01)), (1.0, _ended())])
    assert memory.named("wait for content") == []


def _ended() -> events.StepEnded:
    return events.StepEnded(0, "one", "succeeded", 0, 1.0)


def test_what_is_under_way_when_nothing_more_is_heard_ends_there() -> None:
    """Fault: the process is stopped in a step. dlcore ends its spans as not ended."""
    memory = heard(bad_case()[:6])
    ended = {span.name: told(span)["dlcore.outcome"] for span in memory.all()}
    assert ended == {
        "step": "not ended",
        "run task sequence": "not ended",
        "download package": "not ended",
    }
    assert told(memory.named("download package")[0])["dlcore.package.id"] == DRIVERS


def test_a_fetch_is_one_span_with_its_packages_below() -> None:
    memory = Memory()
    spans = RunSpans(memory.provider.get_tracer("test"))
    spans.begin_fetch()
    spans.hear(events.PackageStarted("f.bin", 10, 0))
    spans.hear(events.RangeFailed("f.bin", "dp", "busy", "dp: 503"))
    spans.hear(events.PackageFailed("f.bin", "no endpoint"))
    spans.hear(events.FetchEnded("failed", 1.0, 1, 0, 0, 0))
    spans.close()
    fetch, package = memory.one("fetch"), memory.one("download package")
    assert is_below(package, fetch)
    assert told(package)["error.type"] == "package_failed"
    assert fetch.status.status_code is StatusCode.ERROR


def test_a_step_that_waits_again_without_an_end_is_another_span() -> None:
    """Fault: the end of a step is not heard. dlcore ends its span when the next one begins."""
    waiting = events.StepWaiting(1, "drivers", (DRIVERS,))
    started = events.StepStarted(1, "drivers", 1.0, {}, (DRIVERS,))
    memory = heard([(1.0, started), (2.0, waiting)])
    assert len(memory.named("step")) == 2


@settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(an_event(), max_size=12))
def test_whatever_happens_all_spans_end(happened: list[Event]) -> None:
    memory = Memory()
    began: list[str] = []
    tracer = memory.provider.get_tracer("test")
    spans = RunSpans(tracer, on_run=began.append)
    for event in happened:
        spans.hear(event)
    spans.close()
    ended = {span.context.span_id for span in memory.all()}
    assert {span.parent.span_id for span in memory.all() if span.parent} <= ended
    assert len(memory.named("run task sequence")) == len(began)
