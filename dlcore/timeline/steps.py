"""What the steps of a run did when: waited for content, ran, were skipped."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Final

import msgspec

from dlcore.engine import events

MIN_WAIT_S: Final = (
    0.05  # of a step without content: below, it is the time that saving the state takes
)


class Doing(enum.StrEnum):
    """What a step did for a time."""

    WAITED = "waited"
    RAN = "ran"


class Period(msgspec.Struct, frozen=True):
    """A time in which a step did one thing.

    Attributes:
        doing: What.
        begin_s: Seconds into the run.
        end_s: Seconds into the run.
        package: What it waited for; empty if it ran, or if it waited for no package in particular.
    """

    doing: Doing
    begin_s: float
    end_s: float
    package: str = ""

    @property
    def length_s(self) -> float:
        """How long it took, in seconds."""
        return self.end_s - self.begin_s


class StepTimes(msgspec.Struct, frozen=True):
    """One step.

    Attributes:
        index: Of the step.
        name: Of the step.
        outcome: ``succeeded``, ``failed``, ``skipped``, ``not reached``, or ``under way`` when the
            record ends.
        why: Why it was skipped or failed.
        packages: What it needed, or is expected to need.
        periods: What it did, in order.
    """

    index: int
    name: str
    outcome: str = "not reached"
    why: str = ""
    packages: tuple[str, ...] = ()
    periods: tuple[Period, ...] = ()

    @property
    def stall_s(self) -> float:
        """Seconds that it waited for its content."""
        return self._length_s(Doing.WAITED)

    @property
    def has_waited(self) -> bool:
        """Whether it had its turn, and content to wait for; it may have been there already."""
        return bool(self.periods) and (bool(self.packages) or self.stall_s >= MIN_WAIT_S)

    @property
    def has_run(self) -> bool:
        """Whether it was started."""
        return any(period.doing is Doing.RAN for period in self.periods)

    @property
    def run_s(self) -> float:
        """Seconds that it ran."""
        return self._length_s(Doing.RAN)

    @property
    def waits_s(self) -> dict[str, float]:
        """Package id -> seconds that it waited for the package."""
        waits_s = dict[str, float]()
        for period in self.periods:
            if period.doing is Doing.WAITED:
                waits_s[period.package] = waits_s.get(period.package, 0.0) + period.length_s
        return waits_s

    def _length_s(self, doing: Doing) -> float:
        return sum(period.length_s for period in self.periods if period.doing is doing)


class StepsSoFar:
    """Hears the events of steps."""

    def __init__(self) -> None:
        self._steps: dict[int, StepTimes] = {}
        self._open: tuple[int, Doing, float] | None = None

    def hear(self, event: events.Event, now_s: float) -> None:
        """Take note of an event, at a time in seconds since the run began."""
        match event:
            case events.RunBegan():
                self._expect(event.steps)
            case events.StepWaiting(index, name, packages):
                self._note(index, name, packages=packages, outcome="under way")
                self._open = index, Doing.WAITED, now_s
            case events.StepStarted(index, name, stall_s):
                packages = event.packages or self._packages(index)
                self._note(index, name, packages=packages, outcome="under way")
                self._add(index, waits_of(event.waits_s, now_s - stall_s, now_s))
                self._open = index, Doing.RAN, now_s
            case events.StepEnded(index, name, outcome):
                self.close(now_s)
                why = ": ".join(filter(None, (event.message, event.explanation)))
                self._note(index, name, outcome=outcome, why=why)
            case events.StepSkipped(index, name, why):
                self._note(index, name, outcome="skipped", why=why)

    def close(self, now_s: float) -> None:
        """What a step is doing ends, because the step or its process does."""
        if self._open:
            index, doing, begin_s = self._open
            self._open = None
            self._add(index, (Period(doing, begin_s, now_s),))

    def all(self) -> tuple[StepTimes, ...]:
        """All steps in order."""
        return tuple(self._steps[index] for index in sorted(self._steps))

    def _expect(self, steps: Iterable[events.RunStep]) -> None:
        for step in steps:
            self._note(step.index, step.name, packages=step.packages or self._packages(step.index))

    def _packages(self, index: int) -> tuple[str, ...]:
        return self._steps[index].packages if index in self._steps else ()

    def _note(self, index: int, name: str, **changes: object) -> None:
        step = self._steps.get(index) or StepTimes(index, name)
        self._steps[index] = msgspec.structs.replace(step, **changes)

    def _add(self, index: int, periods: Iterable[Period]) -> None:
        step = self._steps[index]
        self._steps[index] = msgspec.structs.replace(step, periods=(*step.periods, *periods))


def waits_of(waits_s: dict[str, float], begin_s: float, end_s: float) -> list[Period]:
    """The waits for single packages, one after the other, up to the start of the step.

    A step that runs again tells the waits of its earlier attempts first; they are not in this time.
    """
    periods = list[Period]()
    for package, wait_s in reversed(waits_s.items()):
        wait_begin_s = max(begin_s, end_s - wait_s)
        if wait_begin_s < end_s:
            periods.insert(0, Period(Doing.WAITED, wait_begin_s, end_s, package))
        end_s = wait_begin_s
    if begin_s < end_s:
        periods.insert(0, Period(Doing.WAITED, begin_s, end_s))
    return periods
