"""Makes spans of events: one for a run or a fetch, and below it steps, waits and packages.

::

    run task sequence | fetch
    +-- step
    |   +-- wait for content     one for each package that the step waited for
    +-- download package         failures and retries are its events
    +-- GET, HEAD, ...           each HTTP request, if that is asked for (`http_spans`)

Guarantees: attributes hold what events hold, so no secret. A span ends where its event is heard;
what is still under way when the run ends, ends with it. It never fails: what it does not know, it
leaves out.

Source: OpenTelemetry, "Trace Semantic Conventions" (``error.type``, ``process.exit.code``). What is
dlcore's own begins with ``dlcore.``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from opentelemetry.context import Context, get_current
from opentelemetry.trace import (
    Span,
    Status,
    StatusCode,
    Tracer,
    get_current_span,
    set_span_in_context,
)

from dlcore.engine import events
from dlcore.errors import Fault
from dlcore.timeline.steps import waits_of

NS_PER_S: Final = 1_000_000_000
Value: TypeAlias = str | int | float | bool | tuple[str, ...]
Attributes: TypeAlias = Mapping[str, Value]

FAILED: Final = "failed"


class RunSpans:
    """Hears the events of runs and fetches, and makes spans of them. For one thread.

    Args:
        tracer: Makes the spans.
        parent: Where a run or a fetch belongs; None: in the span that is current now. Without one,
            each is a trace of its own.
        on_run: Told the id of a run right before its span begins; None: nobody is.
        now_ns: Tells nanoseconds since 1970.

    Example:
        ``client.events()`` and ``fetch(on_event=spans.hear)`` bring the events.
    """

    def __init__(
        self,
        tracer: Tracer,
        *,
        parent: Context | None = None,
        on_run: Callable[[str], None] | None = None,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._tracer = tracer
        self._parent = get_current() if parent is None else parent
        self._on_run = on_run
        self._now_ns = now_ns
        self._root: Span | None = None
        self._latest_root: Span | None = None
        self._step: tuple[int, Span] | None = None
        self._packages: dict[str, Span] = {}

    def hear(self, event: events.Event) -> None:
        """Make spans of an event that has just happened."""
        match event:
            case events.RunBegan():
                self._begin_run(event)
            case events.RunEnded():
                self._end_root(event.outcome, _figures(event))
            case events.FetchEnded():
                self._end_root(event.outcome, _figures(event))
            case (
                events.StepWaiting()
                | events.StepStarted()
                | events.StepEnded()
                | events.StepSkipped()
            ):
                self._hear_of_step(event)
            case _:
                self._hear_of_package(event)

    def begin_fetch(self) -> None:
        """A fetch outside any run begins."""
        self._begin_root("fetch", {})

    def close(self) -> None:
        """End what is still under way: its process ends, or nothing more is heard. Idempotent."""
        self._end_root("", {})

    @property
    def has_parent(self) -> bool:
        """Whether there is a span that a request can belong to."""
        return get_current_span(self._below_root()).get_span_context().is_valid

    def parent_of(self, package: str) -> Context:
        """Where a request belongs that is for a package, or for none if that is empty."""
        span = self._packages.get(package)
        return set_span_in_context(span) if span else self._below_root()

    # The run

    def _begin_run(self, began: events.RunBegan) -> None:
        self._end_root("", {})
        if self._on_run:
            self._on_run(began.run_id)
        attributes: dict[str, Value] = {
            "dlcore.run.position": began.position,
            "dlcore.run.restarts": began.restarts,
            "dlcore.run.simulated": began.simulated,
            "dlcore.run.steps": len(began.steps),
        }
        named = {"dlcore.run.id": began.run_id, "dlcore.run.sequence": began.sequence}
        attributes.update({name: value for name, value in named.items() if value})
        self._begin_root("run task sequence", attributes)

    def _begin_root(self, name: str, attributes: Attributes) -> None:
        self._root = self._latest_root = self._tracer.start_span(
            name, self._parent, attributes=attributes, start_time=self._now_ns()
        )

    def _end_root(self, outcome: str, figures: Attributes) -> None:
        now_ns = self._now_ns()
        if self._step:
            self._end_step("", now_ns)
        for package in tuple(self._packages):
            self._end_package(package, "", "", now_ns)
        root, self._root = self._root, None
        if root:
            root.set_attributes({"dlcore.outcome": outcome or "not ended", **figures})
            if outcome == FAILED:
                root.set_status(Status(StatusCode.ERROR))
            root.end(now_ns)

    def _below_root(self) -> Context:
        latest = self._latest_root  # what ends after the run is still about it
        return set_span_in_context(latest) if latest else self._parent

    # Steps

    def _hear_of_step(self, event: events.Event) -> None:
        now_ns = self._now_ns()
        match event:
            case events.StepWaiting(index, name, packages):
                self._start_step(index, name, packages, now_ns)
            case events.StepStarted(index, name, stall_s):
                if self._step is None or self._step[0] != index:
                    began_ns = now_ns - round(stall_s * NS_PER_S)
                    self._start_step(index, name, event.packages, began_ns)
                self._add_waits(event, now_ns)
            case events.StepEnded(index):
                if self._step and self._step[0] == index:
                    self._step[1].set_attributes(
                        {"process.exit.code": event.exit_code, "dlcore.step.run_s": event.run_s}
                    )
                    self._end_step(event.outcome, now_ns, event.explanation or event.message)
            case events.StepSkipped(index, name, why) if self._root:
                skipped: Attributes = {
                    "dlcore.step.index": index,
                    "dlcore.step.name": name,
                    "dlcore.why": why,
                }
                self._root.add_event("step skipped", skipped, now_ns)

    def _start_step(self, index: int, name: str, packages: tuple[str, ...], began_ns: int) -> None:
        self._end_step("", self._now_ns())  # of which no end was heard
        attributes: Attributes = {
            "dlcore.step.index": index,
            "dlcore.step.name": name,
            "dlcore.step.packages": packages,
        }
        span = self._tracer.start_span(
            "step", self._below_root(), attributes=attributes, start_time=began_ns
        )
        self._step = index, span

    def _add_waits(self, started: events.StepStarted, now_ns: int) -> None:
        """The waits of a step, told when it starts: one after the other, up to now."""
        assert self._step
        span = self._step[1]
        span.set_attribute("dlcore.step.stall_s", started.stall_s)
        span.add_event("step starts", timestamp=now_ns)
        if not started.packages:
            return
        for wait in waits_of(started.waits_s, -started.stall_s, 0.0):
            attributes = {"dlcore.package.id": wait.package} if wait.package else {}
            waited = self._tracer.start_span(
                "wait for content",
                set_span_in_context(span),
                attributes=attributes,
                start_time=now_ns + round(wait.begin_s * NS_PER_S),
            )
            waited.end(now_ns + round(wait.end_s * NS_PER_S))

    def _end_step(self, outcome: str, now_ns: int, why: str = "") -> None:
        if self._step:
            _, span = self._step
            self._step = None
            _end(span, outcome, why, "step_failed", now_ns)

    # Packages

    def _hear_of_package(self, event: events.Event) -> None:
        now_ns = self._now_ns()
        match event:
            case events.PackageStarted(package, content_bytes, reused_bytes):
                self._end_package(package, "", "", now_ns)  # it is begun again
                attributes: Attributes = {
                    "dlcore.package.id": package,
                    "dlcore.package.content_bytes": content_bytes,
                    "dlcore.package.reused_bytes": reused_bytes,
                }
                self._packages[package] = self._tracer.start_span(
                    "download package", self._below_root(), attributes=attributes, start_time=now_ns
                )
            case events.PackageReady(package):
                self._end_package(package, "ready", "", now_ns)
            case events.PackageFailed(package, message):
                self._end_package(package, FAILED, message, now_ns)
            case _:
                self._hear_of_failure(event, now_ns)

    def _hear_of_failure(self, event: events.Event, now_ns: int) -> None:
        package, attributes = "", dict[str, Value]()
        match event:
            case events.RangeFailed(package, endpoint, fault, message):
                name = "request failed"
                attributes = {
                    "error.type": fault,
                    "dlcore.endpoint": endpoint,
                    "dlcore.message": message,
                }
            case events.BlockRejected(package, _, block, endpoint):
                name = "block rejected"
                attributes = {
                    "error.type": Fault.CORRUPT.value,
                    "dlcore.endpoint": endpoint,
                    "dlcore.block": block,
                }
            case events.CulpritFound(package, _, block, endpoint):
                name = "culprit found"
                attributes = {
                    "error.type": Fault.CORRUPT.value,
                    "dlcore.endpoint": endpoint,
                    "dlcore.block": block,
                }
            case events.DownloadRetried(package, attempt, _, delay_s):
                name = "download retried"
                attributes = {"dlcore.attempt": attempt, "dlcore.delay_s": delay_s}
            case events.EndpointDropped(endpoint, fault):
                name = "endpoint dropped"
                attributes = {"error.type": fault, "dlcore.endpoint": endpoint}
            case _:
                return
        span = self._packages.get(package) or self._root
        if span:
            span.add_event(name, attributes, now_ns)

    def _end_package(self, package: str, outcome: str, why: str, now_ns: int) -> None:
        span = self._packages.pop(package, None)
        if span:
            _end(span, outcome, why, "package_failed", now_ns)


def _end(span: Span, outcome: str, why: str, error_type: str, now_ns: int) -> None:
    span.set_attribute("dlcore.outcome", outcome or "not ended")
    if outcome == FAILED:
        span.set_attribute("error.type", error_type)
        span.set_status(Status(StatusCode.ERROR, why))
    span.end(now_ns)


def _figures(ended: events.RunEnded | events.FetchEnded) -> Attributes:
    figures: dict[str, Value] = {
        "dlcore.bytes_fetched": ended.bytes_fetched,
        "dlcore.bytes_reused": ended.bytes_reused,
        "dlcore.bytes_wasted": ended.bytes_wasted,
    }
    if isinstance(ended, events.RunEnded):
        figures["dlcore.run.makespan_s"] = ended.makespan_s
        figures["dlcore.run.lower_bound_s"] = ended.lower_bound_s
        figures["dlcore.run.stall_s"] = ended.stall_s
    return figures
