"""Events that tell how runs and fetches begin, wait and end."""

from __future__ import annotations

import msgspec

from dlcore.engine.events.event import Event


class RunStep(msgspec.Struct, frozen=True):
    """A step of a run.

    Attributes:
        index: Of the step.
        name: Of the step.
        packages: What it is expected to need, as far as that can be told when the run begins or
            goes on; empty for a step that has ended.
    """

    index: int
    name: str
    packages: tuple[str, ...] = ()


class RunBegan(Event, frozen=True):
    """A run begins, or another process goes on with it.

    Attributes:
        sequence: Name of the task sequence; empty if the export does not tell.
        position: Index of the first step that has not ended.
        restarts: How often another process has gone on with the run.
        steps: All steps.
        simulated: Whether the steps are simulated: only their content is real.
        run_id: Random, and the same in all processes that go on with the run: 32 hexadecimal
            digits; empty if it is not known.
    """

    sequence: str
    position: int
    restarts: int
    steps: tuple[RunStep, ...]
    simulated: bool = False
    run_id: str = ""


class RunSimulated(Event, frozen=True):
    """The steps of the run that begins or goes on are simulated: only their content is real."""


class RunEnded(Event, frozen=True):
    """A run has ended, or asks for a restart of the machine; the figures are those of its report.

    Attributes:
        outcome: ``succeeded``, ``failed`` or ``restart``.
        makespan_s: Seconds from its start to the end of its last step, without the time between
            restarts.
        lower_bound_s: Seconds that no schedule could have beaten over this link.
        link_bytes_per_s: The link's rate.
        link_rate: Whether that rate was ``given`` or ``measured``.
        stall_s: Seconds that steps waited for their content, all together.
        bytes_fetched: Bytes of content that were read from connections, used or not. Documents,
            listings and pages of errors are not content; what the system had received of a
            connection that was closed is not known.
        bytes_reused: Verified bytes that were on disk before.
        bytes_wasted: Of the bytes fetched, those that arrived twice, or were not used.
        download_first_s: Seconds that it would have taken with all content first.
        stop_at_every_step_s: Seconds that it would have taken with each step's content at its turn.
    """

    outcome: str
    makespan_s: float
    lower_bound_s: float
    link_bytes_per_s: float
    link_rate: str
    stall_s: float
    bytes_fetched: int
    bytes_reused: int
    bytes_wasted: int
    download_first_s: float = 0.0
    stop_at_every_step_s: float = 0.0


class FetchEnded(Event, frozen=True):
    """A fetch of one or several things outside any run has ended.

    Attributes:
        outcome: ``succeeded``, or ``failed`` if anything could not be fetched.
        took_s: Seconds that it took.
        failed: How many things could not be fetched.
        bytes_fetched: Bytes of content that were read from connections, used or not. Documents,
            listings and pages of errors are not content; what the system had received of a
            connection that was closed is not known.
        bytes_reused: Verified bytes that were on disk before.
        bytes_wasted: Of the bytes fetched, those that arrived twice, or were not used.
        message: Why the first of what could not be fetched could not; empty if all could.
    """

    outcome: str
    took_s: float
    failed: int
    bytes_fetched: int
    bytes_reused: int
    bytes_wasted: int
    message: str = ""


class WaitingForAgent(Event, frozen=True):
    """The agent that has the content of the run is away; the run goes on when it is back.

    Attributes:
        packages: What the step needs.
        waited_s: Seconds that it was waited for so far.
        message: Why it cannot be reached.
    """

    packages: tuple[str, ...]
    waited_s: float
    message: str


class AgentReturned(Event, frozen=True):
    """The agent that a run has waited for is back, and the run goes on.

    Attributes:
        packages: What the step needs.
        waited_s: Seconds that it was waited for.
    """

    packages: tuple[str, ...]
    waited_s: float


class WaitingForNetwork(Event, frozen=True):
    """What a step needs is not on disk, and no endpoint can be reached; tried again in a while.

    Attributes:
        packages: What the step needs.
        delay_s: Seconds until the endpoints are asked again.
        message: How they failed.
    """

    packages: tuple[str, ...]
    delay_s: float
    message: str
