"""Events that tell what becomes of the steps of a run."""

from __future__ import annotations

import msgspec

from dlcore.engine.events.event import Event


class StepSkipped(Event, frozen=True):
    """A step does not run.

    Attributes:
        index: Of the step.
        name: Of the step.
        why: ``disabled``, ``condition``, ``undecided``, ``group failed`` or ``Windows PE``.
    """

    index: int
    name: str
    why: str


class StepInterrupted(Event, frozen=True):
    """A step was under way when an earlier process died; it runs again from its beginning.

    Attributes:
        index: Of the step.
        name: Of the step.
    """

    index: int
    name: str


class StepRepeated(Event, frozen=True):
    """A step runs again, because it asked for that before the machine restarted.

    Attributes:
        index: Of the step.
        name: Of the step.
    """

    index: int
    name: str


class StepWaiting(Event, frozen=True):
    """A step's turn has come and some of its packages are not complete yet.

    Attributes:
        index: Of the step.
        name: Of the step.
        packages: Ids of the packages it needs.
    """

    index: int
    name: str
    packages: tuple[str, ...]


class StepStarted(Event, frozen=True):
    """A step starts, after it waited ``stall_s`` seconds for its content.

    Attributes:
        index: Of the step.
        name: Of the step.
        stall_s: Seconds that it waited.
        waits_s: Package id -> seconds of these that it waited for the package, in the order of the
            waits.
        packages: Ids of the packages it needs.
    """

    index: int
    name: str
    stall_s: float
    waits_s: dict[str, float] = msgspec.field(default_factory=dict)
    packages: tuple[str, ...] = ()


class StepEnded(Event, frozen=True):
    """A step ended.

    Attributes:
        index: Of the step.
        name: Of the step.
        outcome: ``succeeded`` or ``failed``.
        exit_code: Of its last attempt.
        run_s: Seconds it ran.
        message: Why it failed; empty if it did not fail.
        explanation: What the exit code means; empty if it is not known.
    """

    index: int
    name: str
    outcome: str
    exit_code: int
    run_s: float
    message: str = ""
    explanation: str = ""


class RestartRequested(Event, frozen=True):
    """A step asked for a restart of the machine; the run goes on after it.

    Attributes:
        index: Of the step.
        name: Of the step.
        delay_s: Seconds of notice that people are to get; None if nothing was said.
        message: What the notice is to say; empty if nothing was said.
        repeats: Whether the same step runs again after the restart.
    """

    index: int
    name: str
    delay_s: int | None
    message: str
    repeats: bool
