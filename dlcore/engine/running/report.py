"""A run's figures: makespan against the bound, stalls, and where the bytes went."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from dlcore import native
from dlcore.engine.documents.republished import Republication
from dlcore.engine.download.arrival_curve import arrived_s
from dlcore.engine.download.figures import EndpointFigures
from dlcore.engine.events import RunEnded
from dlcore.engine.outcomes import RateOrigin, RunOutcome, StepOutcome
from dlcore.engine.running.state import RunState, StepResult
from dlcore.engine.unpublished import Unpublished
from dlcore.schedule import (
    StepLoad,
    lower_bound_of_arrivals_s,
    lower_bound_s,
    without_overlap_s,
)
from dlcore.steps.interface import RestartNotice


class Report(msgspec.Struct, frozen=True):
    """The figures of a run; times in seconds, rates in bytes per second.

    Attributes:
        outcome: How the run ended; None while it is under way.
        makespan_s: From the start of the run to the end of its last step, without the time
            between restarts.
        lower_bound_s: What no schedule can beat, given what the link brings and the steps' run
            times.
        efficiency: ``lower_bound_s / makespan_s``; None if nothing was fetched. More than 1.0 if
            the link was faster than the settings say.
        link_bytes_per_s: The link's rate.
        link_rate: Whether that rate was given, or measured. If it was given, the bound assumes it.
            If it was measured, it is the mean while at least one range was under way, and the bound
            assumes what came moment by moment.
        stall_s: Seconds that steps waited for their content, all together.
        download_first_s: What this run would have taken with every referenced package first.
        stop_at_every_step_s: What it would have taken with each step's content at its turn.
        bytes_fetched: Bytes of content that were read from connections, used or not.
        bytes_reused: Verified bytes that were on disk before, or were made of such ones by patches.
        bytes_patched: Verified bytes that patches made of files of older versions.
        bytes_wasted: Of the bytes fetched, those that arrived twice, or were not used.
        bytes_never_needed: Of the bytes fetched, those of packages that no step needed.
        steps_run: Steps executed.
        restarts: How often another process has gone on with the run.
        renewals: Tokens and locations renewed on the way.
        steps: What became of each step.
        endpoints: What each endpoint did.
        native_core: Which core hashed and wrote the blocks; if it is the portable one, also what
            is slower.
        republished: Packages that were published again since the run began, as far as this process
            knows.
        simulated: Whether the steps were simulated: only their content is real.
        restart: What people are to be told before the machine restarts, if the run asks for that.
        unpublished: Packages that no catalog names, and what vouches for them.
    """

    outcome: RunOutcome | None
    makespan_s: float
    lower_bound_s: float
    efficiency: float | None
    link_bytes_per_s: float
    link_rate: RateOrigin
    stall_s: float
    download_first_s: float
    stop_at_every_step_s: float
    bytes_fetched: int
    bytes_reused: int
    bytes_wasted: int
    bytes_never_needed: int
    steps_run: int
    restarts: int
    renewals: int
    steps: tuple[StepResult, ...]
    endpoints: dict[str, EndpointFigures]
    native_core: str
    republished: tuple[Republication, ...] = ()
    simulated: bool = False
    restart: RestartNotice | None = None
    bytes_patched: int = 0
    unpublished: tuple[Unpublished, ...] = ()


def make_report(
    run: RunState,
    outcome: RunOutcome | None,
    spared_bytes: int,
    link_bytes_per_s: float = 0.0,
    republished: tuple[Republication, ...] = (),
    unpublished: tuple[Unpublished, ...] = (),
) -> Report:
    """Work out the figures of a run.

    Args:
        run: Where it stands at its end.
        outcome: How it ended; None while it is under way.
        spared_bytes: Content of the packages that enabled steps refer to and that was not
            fetched; download-first would have fetched it too.
        link_bytes_per_s: The link's rate; 0.0 to take the measured one.
        republished: Packages that were published again since the run began.
        unpublished: Packages that no catalog names, and what vouches for them.
    """
    fetched_bytes = sum(run.fetched_bytes.values())
    measured_bytes_per_s = fetched_bytes / run.busy_s if run.busy_s else 0.0
    rate_bytes_per_s = link_bytes_per_s or measured_bytes_per_s
    executed = [step for step in run.results if step.outcome is not StepOutcome.SKIPPED]
    useful_bytes = run.useful_bytes
    needs = _needs(executed, useful_bytes)
    run_s = sum(step.run_s for step in executed)
    needed = {package for step in executed for package in step.packages}
    unneeded = sum(n for package, n in run.fetched_bytes.items() if package not in needed)
    bound_s = _bound_s(run, needs, link_bytes_per_s, measured_bytes_per_s)
    first_bytes = sum(useful_bytes.values()) + spared_bytes
    needed_bytes = sum(need.new_bytes for need in needs)

    def instead_s(count_bytes: int) -> float:
        """By the mean rate, which a link that was away for a while did not always have."""
        return max(bound_s, without_overlap_s(count_bytes, run_s, rate_bytes_per_s))

    return Report(
        outcome=outcome,
        makespan_s=run.elapsed_s,
        lower_bound_s=bound_s,
        efficiency=bound_s / run.elapsed_s if run.elapsed_s and fetched_bytes else None,
        link_bytes_per_s=rate_bytes_per_s,
        link_rate=RateOrigin.GIVEN if link_bytes_per_s else RateOrigin.MEASURED,
        stall_s=sum(step.stall_s for step in run.results),
        download_first_s=instead_s(first_bytes),
        stop_at_every_step_s=instead_s(needed_bytes),
        bytes_fetched=fetched_bytes,
        bytes_reused=run.reused_bytes,
        bytes_patched=run.patched_bytes,
        bytes_wasted=run.wasted_bytes,
        bytes_never_needed=unneeded,
        steps_run=len(executed),
        restarts=run.resumptions,
        renewals=run.renewals,
        steps=tuple(run.results),
        endpoints=run.endpoints,
        native_core=native.describe().line,
        republished=republished,
        unpublished=unpublished,
        simulated=run.simulated,
        restart=run.restart.notice if run.restart and outcome is RunOutcome.RESTART else None,
    )


def run_ended(report: Report, outcome: RunOutcome) -> RunEnded:
    """The event that tells how a run ended."""
    return RunEnded(
        outcome=outcome.value,
        makespan_s=report.makespan_s,
        lower_bound_s=report.lower_bound_s,
        link_bytes_per_s=report.link_bytes_per_s,
        link_rate=report.link_rate.value,
        stall_s=report.stall_s,
        bytes_fetched=report.bytes_fetched,
        bytes_reused=report.bytes_reused,
        bytes_wasted=report.bytes_wasted,
        download_first_s=report.download_first_s,
        stop_at_every_step_s=report.stop_at_every_step_s,
    )


def _bound_s(
    run: RunState, needs: list[StepLoad], given_bytes_per_s: float, measured_bytes_per_s: float
) -> float:
    if given_bytes_per_s:
        return lower_bound_s(needs, given_bytes_per_s)
    if not run.arrivals:  # of a run that an earlier dlcore began
        return min(lower_bound_s(needs, measured_bytes_per_s), run.elapsed_s)
    bound_s = lower_bound_of_arrivals_s(needs, lambda count: arrived_s(run.arrivals, count))
    return min(bound_s, run.elapsed_s)  # the run itself has shown that it can be done in that time


def _needs(executed: list[StepResult], useful_bytes: Mapping[str, int]) -> list[StepLoad]:
    """Per executed step the bytes that had to come for it and for no earlier one, and its run time.

    A step does not need what came twice or did not match its digest: another schedule can do
    without it.
    """
    seen: set[str] = set()
    needs = []
    for step in executed:
        new = [package for package in step.packages if package not in seen]
        seen.update(new)
        needs.append(StepLoad(sum(useful_bytes.get(p, 0) for p in new), step.run_s))
    return needs
