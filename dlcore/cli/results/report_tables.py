"""Shows a run's report as tables, and what is known of the steps that failed."""

from __future__ import annotations

from collections.abc import Iterator

from dlcore.cli.output import say, show_table
from dlcore.engine.listeners.words import describe
from dlcore.engine.numbers_for_people import amount
from dlcore.engine.outcomes import StepOutcome
from dlcore.engine.running.report import Report
from dlcore.printable import quoted
from dlcore.steps.interface import RestartNotice

MIN_SHOWN_WAIT_S = 0.05  # below, a wait is the time that looking takes

SIMULATED = (
    "SIMULATED: no step was executed but those of the engine itself; content was fetched and"
    " verified"
)


def show_report(report: Report) -> None:
    """Print the steps, then the figures."""
    if report.simulated:
        say(SIMULATED)
    show_table(
        ("step", "name", "outcome", "stall s", "run s", "packages needed", "why"),
        (
            (
                str(step.index),
                step.name,
                step.outcome,
                f"{step.stall_s:.2f}" if step.packages or step.stall_s >= MIN_SHOWN_WAIT_S else "",
                f"{step.run_s:.2f}",
                " ".join(step.packages),
                step.why,
            )
            for step in report.steps
        ),
    )
    _show_waits(report)
    _show_failures(report)
    patched = [("made by patches", amount(report.bytes_patched))] if report.bytes_patched else []
    show_table(
        ("", ""),
        (
            ("outcome", report.outcome or "under way"),
            ("makespan", f"{report.makespan_s:.2f} s"),
            *_against_the_bound(report),
            ("fetched", amount(report.bytes_fetched)),
            ("found on disk", amount(report.bytes_reused)),
            *patched,
            ("fetched twice or not used", amount(report.bytes_wasted)),
            ("fetched but never needed", amount(report.bytes_never_needed)),
            ("hashed and written by", report.native_core),
        ),
    )
    _show_republished(report)
    for each in report.unpublished:
        say(f"{describe(each.event())}; content hash {each.content_hash}")
    show_table(
        ("endpoint", "fetched", "mean rate", "most connections", "faults"),
        (
            (
                name,
                amount(own.bytes_fetched),
                f"{amount(own.mean_bytes_per_s)}/s",
                str(own.max_connections),
                ", ".join(f"{fault} {count}" for fault, count in own.faults.items()),
            )
            for name, own in report.endpoints.items()
        ),
    )


def _against_the_bound(report: Report) -> Iterator[tuple[str, str]]:
    """How good the order of the downloads was; nothing if no download was needed."""
    if report.efficiency is None:
        yield "waited for content", f"{report.stall_s:.2f} s"
        return
    faster = ", because the link was faster than the settings say" if report.efficiency > 1 else ""
    yield "lower bound", f"{report.lower_bound_s:.2f} s at {_rate(report)}"
    yield "efficiency", f"{report.efficiency:.3f}{faster}"
    yield "waited for content", f"{report.stall_s:.2f} s"
    yield "download-first would take", f"{report.download_first_s:.2f} s"
    yield "stop-at-every-step would take", f"{report.stop_at_every_step_s:.2f} s"


def _show_waits(report: Report) -> None:
    """What each step waited for, if it is long enough to be noticed."""
    rows = [
        (str(step.index), step.name, package, f"{wait_s:.2f}")
        for step in report.steps
        for package, wait_s in step.waits_s.items()
        if wait_s >= MIN_SHOWN_WAIT_S
    ]
    if rows:
        show_table(("step", "name", "waited for", "wait s"), rows)


def _show_failures(report: Report) -> None:
    """Of each step that failed: why, what its exit code means, the end of its output."""
    for step in report.steps:
        if step.outcome is not StepOutcome.FAILED:
            continue
        say(f"step {step.index} {quoted(step.name)} failed: {step.why}")
        if step.explanation:
            say(f"  exit code {step.exit_code}: {step.explanation}")
        for line in step.output.splitlines():
            say(f"  | {line}")
    if report.restart:
        _show_restart(report.restart)


def _show_restart(notice: RestartNotice) -> None:
    """What the caller is to tell people before it restarts the machine."""
    delay = "" if notice.delay_s is None else f" {notice.delay_s} s after this notice"
    told = f": {notice.message}" if notice.message else ""
    say(f"the machine is to be restarted{delay}{told}")


def _show_republished(report: Report) -> None:
    if report.republished:
        rows = (
            (item.package, str(item.pinned_version), str(item.version or "withdrawn"))
            for item in report.republished
        )
        show_table(("published again", "the run began with", "current"), rows)


def _rate(report: Report) -> str:
    return f"{amount(report.link_bytes_per_s)}/s ({report.link_rate})"
