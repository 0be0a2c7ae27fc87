"""The timeline of a run, made of its events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from dlcore.engine import events
from dlcore.engine.listeners.lines import EventLines
from dlcore.schedule import StepLoad, lower_bound_of_arrivals_s, lower_bound_s
from dlcore.timeline.agent_waits import AgentWait, AgentWaitsSoFar
from dlcore.timeline.bandwidth import BandwidthSoFar, Sample, arrived_s, best_bytes_per_s
from dlcore.timeline.boundary_groups import BoundaryGroupsSoFar, BoundaryMark, GroupFigures
from dlcore.timeline.endpoints import EndpointsSoFar, EndpointTimes
from dlcore.timeline.packages import PackagesSoFar, PackageTimes
from dlcore.timeline.run_clock import RunClock
from dlcore.timeline.steps import StepsSoFar, StepTimes


class Timeline(msgspec.Struct, frozen=True, rename={"resumptions_s": "restarts_s"}):
    """A run; times are seconds since its beginning, without the time between restarts.

    Attributes:
        sequence: Name of the task sequence; empty if the export does not tell, or for a fetch.
        began: When it began, in UTC; empty if nothing is recorded.
        ended: When the last event happened, in UTC.
        outcome: ``succeeded``, ``failed``, ``restart``, or empty: it is under way, or its process
            died.
        simulated: Whether the steps were simulated.
        length_s: From the first event to the last.
        resumptions_s: When another process went on with it.
        steps: All steps.
        packages: All packages, in the order of their downloads.
        endpoints: All endpoints, in the order of the settings.
        samples: What came when.
        network_wait_s: Seconds of waiting because no endpoint could be reached.
        agent_waits: When the agent was away that had the content, and for how long.
        cap_bytes_per_s: The lowest cap on all endpoints together; 0.0 if there was none.
        ending: The figures of a run that has ended.
        fetched: The figures of a fetch that has ended.
        unreadable: How many lines of the record could not be read.
        boundary_marks: When other boundary groups were used, and why.
        boundary_groups: What came from each.
    """

    sequence: str
    began: str
    ended: str
    outcome: str
    simulated: bool
    length_s: float
    resumptions_s: tuple[float, ...]
    steps: tuple[StepTimes, ...]
    packages: tuple[PackageTimes, ...]
    endpoints: tuple[EndpointTimes, ...]
    samples: tuple[Sample, ...]
    network_wait_s: float
    agent_waits: tuple[AgentWait, ...]
    cap_bytes_per_s: float
    ending: events.RunEnded | None
    fetched: events.FetchEnded | None
    unreadable: int
    boundary_marks: tuple[BoundaryMark, ...] = ()
    boundary_groups: tuple[GroupFigures, ...] = ()

    @property
    def duration_s(self) -> float:
        """How long the run took: as its report says, or up to the last event."""
        if self.ending:
            return self.ending.makespan_s
        return self.fetched.took_s if self.fetched else self.length_s

    @property
    def stall_s(self) -> float:
        """Seconds that steps waited for their content."""
        return self.ending.stall_s if self.ending else sum(step.stall_s for step in self.steps)

    @property
    def before_s(self) -> float:
        """Seconds before the first step's turn: all content is fetched then, if that is set."""
        return next((step.periods[0].begin_s for step in self.steps if step.periods), 0.0)

    @property
    def run_s(self) -> float:
        """Seconds that steps ran."""
        return sum(step.run_s for step in self.steps)

    @property
    def received_bytes(self) -> int:
        """Payload bytes received."""
        ended = self.ending or self.fetched
        if ended:
            return ended.bytes_fetched
        return sum(endpoint.received_bytes for endpoint in self.endpoints)

    @property
    def best_bytes_per_s(self) -> float:
        """The rate that was reached or passed for a tenth of the time in which anything came."""
        return best_bytes_per_s(self.samples)

    @property
    def bound_s(self) -> float:
        """Seconds that no order of the downloads could have beaten.

        Of a run that has not ended, what came is taken as what the link could bring.
        """
        if self.ending:
            return self.ending.lower_bound_s
        bound_s = lower_bound_of_arrivals_s(
            self._loads(), lambda count_bytes: arrived_s(self.samples, count_bytes)
        )
        return min(bound_s, self.duration_s)

    def bound_at_s(self, bytes_per_s: float) -> float:
        """Seconds that no order of the downloads beats over a link of that rate."""
        return lower_bound_s(self._loads(), bytes_per_s)

    def _loads(self) -> list[StepLoad]:
        fetched = {package.package: package.fetched_bytes for package in self.packages}
        loads = list[StepLoad]()
        for step in self.steps:
            if step.periods:
                new_bytes = sum(fetched.pop(package, 0) for package in step.packages)
                loads.append(StepLoad(new_bytes, step.run_s))
        return loads


def latest(lines: EventLines) -> EventLines:
    """The last run or fetch of a file that several commands have appended to."""
    told = lines.events
    begins = [
        number
        for number, stamped in enumerate(told)
        if number
        and (
            (isinstance(stamped.event, events.RunBegan) and not stamped.event.restarts)
            or isinstance(told[number - 1].event, events.FetchEnded)
        )
    ]
    return lines._replace(events=told[begins[-1] if begins else 0 :])


def timeline_of(lines: EventLines) -> Timeline:
    """The timeline of what was read of a record."""
    run = _RunSoFar()
    clock, steps, packages = RunClock(), StepsSoFar(), PackagesSoFar()
    endpoints, bandwidth = EndpointsSoFar(), BandwidthSoFar()
    agent_waits, groups = AgentWaitsSoFar(), BoundaryGroupsSoFar()
    for stamped in lines.events:
        before_s = clock.now_s
        if clock.is_new_process(stamped):
            steps.close(before_s)
            endpoints.begin_process()
            groups.begin_process()
            bandwidth.begin_process(clock.now_s)
        event, now_s = stamped.event, clock.now_s
        run.hear(event)
        for part in (steps, packages, endpoints, agent_waits, groups):
            part.hear(event, now_s)
        if isinstance(event, events.Progress):
            bandwidth.hear(event, now_s)
    steps.close(clock.now_s)
    samples = bandwidth.all()
    stamps = [stamped.stamp.time for stamped in lines.events]
    return Timeline(
        sequence=run.sequence,
        began=stamps[0] if stamps else "",
        ended=stamps[-1] if stamps else "",
        outcome=run.outcome(packages.all()),
        simulated=run.simulated,
        length_s=clock.now_s,
        resumptions_s=tuple(clock.resumptions_s),
        steps=steps.all(),
        packages=packages.all(),
        endpoints=endpoints.all(samples),
        samples=samples,
        network_wait_s=run.network_wait_s,
        agent_waits=agent_waits.all(),
        cap_bytes_per_s=run.cap_bytes_per_s,
        ending=run.ending,
        fetched=run.fetched,
        unreadable=lines.unreadable,
        boundary_marks=groups.marks(),
        boundary_groups=groups.figures(),
    )


class _RunSoFar:
    """What is told of the whole run."""

    def __init__(self) -> None:
        self.sequence = ""
        self.simulated = False
        self.network_wait_s = 0.0
        self.cap_bytes_per_s = 0.0
        self.ending: events.RunEnded | None = None
        self.fetched: events.FetchEnded | None = None
        self._is_run = False

    def outcome(self, packages: Sequence[PackageTimes]) -> str:
        """Of the run; a fetch by an earlier dlcore, without an end, ends with its packages."""
        ended = self.ending or self.fetched
        if ended:
            return ended.outcome
        ways = {package.outcome for package in packages}
        if self._is_run or not ways or "under way" in ways:
            return ""
        return "succeeded" if ways == {"ready"} else "failed"

    def hear(self, event: events.Event) -> None:
        match event:
            case events.RunBegan():
                self.sequence, self.simulated, self.ending = event.sequence, event.simulated, None
                self._is_run = True
            case events.RunSimulated():
                self.simulated = True
            case events.RunEnded():
                self.ending = event
            case events.FetchEnded():
                self.fetched = event
            case events.WaitingForNetwork(_, delay_s):
                self.network_wait_s += delay_s
            case events.Progress() if event.cap_bytes_per_s:
                caps = filter(None, (self.cap_bytes_per_s, event.cap_bytes_per_s))
                self.cap_bytes_per_s = min(caps)


def steps_that_need(steps: Iterable[StepTimes], package: str) -> tuple[StepTimes, ...]:
    """The steps that need a package, in order."""
    return tuple(step for step in steps if package in step.packages)
