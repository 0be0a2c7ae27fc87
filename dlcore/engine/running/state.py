"""Where a run stands: position, variables, results and figures.

`state_file` keeps it on disk. It is changed by its own methods only.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Annotated, NamedTuple

import msgspec

from dlcore.deployment import Download
from dlcore.engine.documents.pinned_documents import CatalogPin
from dlcore.engine.download.arrival_curve import ArrivalPoint, joined
from dlcore.engine.download.figures import EndpointFigures, added
from dlcore.engine.outcomes import SkipReason, StepOutcome
from dlcore.engine.running.identity import SequenceIdentity, has_same_beginning
from dlcore.steps.interface import RestartNotice
from dlcore.tasksequence import Variables
from dlcore.tasksequence.variables import frozen

Count = Annotated[int, msgspec.Meta(ge=0)]
Seconds = Annotated[float, msgspec.Meta(ge=0.0)]


class StepResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What became of one step.

    Attributes:
        index: Of the step.
        name: Of the step.
        outcome: How it ended.
        skip_reason: Why it was skipped; None if it was not.
        message: Why it failed, for people; empty if it did not fail.
        exit_code: Of its last attempt; 0 if nothing was executed.
        stall_s: Seconds it waited for its content.
        run_s: Seconds it ran, all attempts together.
        packages: Ids of the packages it needed.
        waits_s: Package id -> seconds that the step waited for it, once those before it in
            `packages` were there.
        explanation: What its exit code means, for people; empty if it is not known.
        output: The last lines that its command printed.
    """

    index: Count
    name: str
    outcome: StepOutcome
    skip_reason: SkipReason | None = None
    message: str = ""
    exit_code: int = 0
    stall_s: Seconds = 0.0
    run_s: Seconds = 0.0
    packages: tuple[str, ...] = ()
    waits_s: dict[str, Seconds] = {}
    explanation: str = ""
    output: str = ""

    @property
    def why(self) -> str:
        """Why it was skipped or failed, for people; empty if it succeeded."""
        return self.skip_reason.value if self.skip_reason else self.message


class LifeFigures(NamedTuple):
    """What the process that runs now has measured; a run may take several processes.

    Attributes:
        elapsed_s: Seconds since it began.
        busy_s: Of these, seconds in which the link was at work.
        fetched_bytes: Payload bytes received, by package.
        wasted_bytes: Of those received, the ones that came twice, or were not used.
        reused_bytes: Verified bytes found on disk, by package.
        endpoints: What each endpoint did.
        renewals: Tokens and locations renewed.
        arrivals: How much had been received when.
        missing_bytes: Bytes that were not on disk when their packages were begun, by package.
        patched_bytes: Verified bytes that patches made of older files.
    """

    elapsed_s: float
    busy_s: float
    fetched_bytes: Counter[str]
    wasted_bytes: int
    reused_bytes: Mapping[str, int]
    endpoints: dict[str, EndpointFigures]
    renewals: int
    arrivals: tuple[ArrivalPoint, ...] = ()
    missing_bytes: Mapping[str, int] = MappingProxyType({})
    patched_bytes: int = 0


class Restart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A restart of the machine that a run asked for.

    Attributes:
        boot_id: Of the boot in which it was asked for; empty if the system does not tell.
        notice: What people are told before it.
        is_taken: Whether the caller was told of it.
    """

    boot_id: str
    notice: RestartNotice
    is_taken: bool = False

    def is_due(self, boot_id: str) -> bool:
        """Whether it is still to come.

        It is if nobody was told of it, and the machine has not restarted since.

        Args:
            boot_id: Of the present boot.
        """
        return not self.is_taken and boot_id != "" and boot_id == self.boot_id


class RunState(
    msgspec.Struct,
    forbid_unknown_fields=True,
    rename={"started": "begun", "resumptions": "restarts"},
):
    """Everything a run needs to go on; changed only by its own methods.

    Attributes:
        sequence: What the task sequence was.
        download: The deployment's download setting.
        pin: The catalog.
        variables: All task sequence variables.
        position: Index of the first step that has not ended.
        started: Index of the step that has started and not ended; None if there is none.
        entered: Group index -> whether its condition was met, once decided.
        abandoned: Groups in which a step failed, and whose other steps do not run.
        results: Of the steps that have ended.
        has_failed: Whether it has ended because the last of them failed.
        unfinished: What the step at `position` came to before it asked to be run again after a
            restart; None if it did not.
        repetitions: How often in a row the step at `position` has asked to be run again after a
            restart.
        restart: The restart that the run asked for last; None once it has gone on after that.
        restart_requests: How many restarts it has asked for.
        secrets: Names of the variables whose values are not shown.
        simulated: Whether no step but the engine's own is executed.
        run_id: Random, 32 hexadecimal digits; empty if an earlier dlcore began the run.
        elapsed_s: Seconds the run has been under way, without the time between restarts.
        busy_s: Of these, seconds in which the link was at work.
        fetched_bytes: Payload bytes received, by package.
        missing_bytes: Bytes that were not on disk when the run first began their packages, by
            package.
        wasted_bytes: Of those received, the ones that came twice, or were not used.
        endpoints: What each endpoint did.
        reused_bytes: Verified bytes found on disk that the run had not received before.
        found_bytes: ``reused_bytes`` by package, as far as this dlcore has counted them.
        patched_bytes: Verified bytes that patches made of older files.
        renewals: Tokens and locations renewed.
        arrivals: How much had been received when, without the time between restarts.
        resumptions: How often another process has gone on with the run.
    """

    sequence: SequenceIdentity
    download: Download
    pin: CatalogPin
    variables: dict[str, str]
    position: Count = 0
    started: Count | None = None
    entered: dict[Count, bool] = msgspec.field(default_factory=dict)
    abandoned: list[Count] = msgspec.field(default_factory=list)
    results: list[StepResult] = msgspec.field(default_factory=list)
    has_failed: bool = False
    unfinished: StepResult | None = None
    repetitions: Count = 0
    restart: Restart | None = None
    restart_requests: Count = 0
    secrets: list[str] = msgspec.field(default_factory=list)
    simulated: bool = False
    run_id: Annotated[str, msgspec.Meta(pattern=r"\A([0-9a-f]{32})?\Z")] = ""
    elapsed_s: Seconds = 0.0
    busy_s: Seconds = 0.0
    fetched_bytes: dict[str, Count] = msgspec.field(default_factory=dict)
    missing_bytes: dict[str, Count] = msgspec.field(default_factory=dict)
    wasted_bytes: Count = 0
    endpoints: dict[str, EndpointFigures] = msgspec.field(default_factory=dict)
    reused_bytes: Count = 0
    found_bytes: dict[str, Count] = msgspec.field(default_factory=dict)
    patched_bytes: Count = 0
    renewals: Count = 0
    arrivals: tuple[ArrivalPoint, ...] = ()
    resumptions: Count = 0

    @property
    def useful_bytes(self) -> dict[str, int]:
        """Payload bytes received, by package, without what came twice or did not match.

        An earlier dlcore did not note what was missing; then all that was received is taken.
        """
        return {
            package: min(count, self.missing_bytes.get(package, count))
            for package, count in self.fetched_bytes.items()
        }

    @property
    def flaw(self) -> str | None:
        """How the state contradicts itself; None if it does not."""
        steps, groups = self.sequence.steps, len(self.sequence.groups)
        named = [(result.index, result.name) for result in self.results]
        if named != [(at, step.name) for at, step in enumerate(steps[: self.position])]:
            return "the results are not those of the steps before the position"
        if self.position > len(steps):
            return f"position {self.position} is behind the last of {len(steps)} steps"
        if self.started is not None and (
            self.started != self.position or self.started >= len(steps)
        ):
            return f"step {self.started} cannot be under way at position {self.position}"
        if self.unfinished and self.unfinished.index != self.started:
            return f"step {self.unfinished.index} cannot run again at position {self.position}"
        decided = (*self.entered, *self.abandoned, *(g for s in steps for g in s.groups))
        if self.has_failed and (self.started is not None or not self.results):
            return "it has failed, but no step has"
        if any(group >= groups for group in decided):
            return f"there are only {groups} groups"
        if len(set(self.abandoned)) < len(self.abandoned):
            return "a group was left twice"
        is_sound = all(map(_is_sound, self.endpoints.values())) and _is_rising(self.arrivals)
        return None if is_sound else "a figure is negative"

    def why_not(self, edited: SequenceIdentity) -> str | None:
        """Why the run cannot go on with an edited sequence; None if it can."""
        decided = frozenset((*self.entered, *self.abandoned))
        if has_same_beginning(self.sequence, edited, self.position, decided):
            return None
        return f"the part of it that has run, up to step {self.position}, is not the same any more"

    def go_on_with(self, edited: SequenceIdentity, download: Download) -> None:
        """Go on with an edited sequence or another setting, as `why_not` allows."""
        here = slice(self.position, self.position + 1)
        if self.sequence.steps[here] != edited.steps[here]:
            self.started = self.unfinished = None
            self.repetitions = 0
        self.sequence, self.download = edited, download

    def start_step(self, index: int) -> None:
        """Take note that the step at `position` is about to have effects."""
        self.started = index

    def with_step_of(self, later: RunState) -> RunState:
        """A copy of this state in which the step of a later one has started, with its groups."""
        return msgspec.structs.replace(self, started=later.started, entered=dict(later.entered))

    def resume(self) -> None:
        """Take note that another process goes on with the run."""
        self.resumptions += 1

    def enter(self, group: int, *, met: bool) -> None:
        """Take note of how a group's condition was decided: for good."""
        self.entered[group] = met

    def abandon(self, group: int) -> None:
        """Take note that the other steps of a group do not run."""
        self.abandoned.append(group)

    def end_step(self, result: StepResult) -> None:
        """Take note of what became of the step at `position`, and move on behind it."""
        self.results.append(result)
        self.position = result.index + 1
        self.started = self.unfinished = None
        self.repetitions = 0

    def repeat_step(self, result: StepResult) -> None:
        """Take note that the step at `position` is to run again, and what it came to so far."""
        self.unfinished = result
        self.repetitions += 1
        self.started = result.index  # also if its caller never asked for its content

    def ask_for_restart(self, restart: Restart) -> None:
        """Take note that the run goes on after a restart of the machine."""
        self.restart = restart
        self.restart_requests += 1

    def take_restart(self) -> None:
        """Take note that the caller was told of the restart."""
        if self.restart:
            self.restart = msgspec.structs.replace(self.restart, is_taken=True)

    def leave_restart(self) -> None:
        """Take note that the run goes on after the restart."""
        self.restart = None

    def fail(self) -> None:
        """Take note that the run has ended with the step that ended last."""
        self.has_failed = True

    @property
    def is_new(self) -> bool:
        """Whether no step has started yet."""
        return self.position == 0 and self.started is None

    @property
    def has_ended(self) -> bool:
        """Whether no step is left to run."""
        return self.has_failed or self.position == len(self.sequence.steps)

    def set_variables(self, variables: Mapping[str, str]) -> None:
        """Take note of the task sequence variables, and which are secret, between two steps."""
        self.variables = dict(variables)
        self.secrets = sorted(frozen(variables).secrets)

    def known_variables(self) -> Variables:
        """The task sequence variables, with what is marked as secret."""
        variables = Variables(self.variables)
        for name in self.secrets:
            variables.mark_secret(name)
        return variables

    def measure(self, earlier: RunState, life: LifeFigures) -> None:
        """Bring the figures up to date.

        Args:
            earlier: The run as it was when the process that runs now took it over.
            life: What this process has measured.
        """
        self.elapsed_s = earlier.elapsed_s + life.elapsed_s
        self.busy_s = earlier.busy_s + life.busy_s
        self.fetched_bytes = dict(Counter(earlier.fetched_bytes) + life.fetched_bytes)
        self.missing_bytes = {**life.missing_bytes, **earlier.missing_bytes}
        self.wasted_bytes = earlier.wasted_bytes + life.wasted_bytes
        self.patched_bytes = earlier.patched_bytes + life.patched_bytes
        self.endpoints = added(earlier.endpoints, life.endpoints)
        self.renewals = earlier.renewals + life.renewals
        self.arrivals = joined(earlier.arrivals, life.arrivals, earlier.elapsed_s)
        self.found_bytes = dict(earlier.found_bytes)
        for package, on_disk_bytes in life.reused_bytes.items():
            found_bytes = on_disk_bytes - earlier.fetched_bytes.get(package, 0)
            if found_bytes > self.found_bytes.get(package, 0):
                self.found_bytes[package] = found_bytes
        self.reused_bytes = max(earlier.reused_bytes, sum(self.found_bytes.values()))


def _is_rising(arrivals: Sequence[ArrivalPoint]) -> bool:
    """Whether times and bytes only ever grow, as they do."""
    numbers = (ArrivalPoint(0.0, 0), *arrivals)
    return all(
        math.isfinite(later.at_s)
        and earlier.at_s <= later.at_s
        and earlier.total_bytes <= later.total_bytes
        for earlier, later in pairwise(numbers)
    )


def _is_sound(figures: EndpointFigures) -> bool:
    numbers = (
        figures.bytes_fetched,
        figures.busy_s,
        figures.mean_bytes_per_s,
        figures.max_connections,
        *figures.faults.values(),
    )
    return all(math.isfinite(number) and number >= 0 for number in numbers)
