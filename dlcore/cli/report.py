"""Shows a run's report as tables."""

from __future__ import annotations

from dlcore.cli.output import show_table
from dlcore.engine.report import Report
from dlcore.engine.units import amount


def show_report(report: Report) -> None:
    """Print the steps, then the figures."""
    show_table(
        ("step", "name", "outcome", "stall s", "run s", "packages needed", "why"),
        (
            (
                str(step.index),
                step.name,
                step.outcome,
                f"{step.stall_s:.2f}",
                f"{step.run_s:.2f}",
                " ".join(step.packages),
                step.why,
            )
            for step in report.steps
        ),
    )
    show_table(
        ("", ""),
        (
            ("outcome", report.outcome or "under way"),
            ("makespan", f"{report.makespan_s:.2f} s"),
            ("lower bound", f"{report.lower_bound_s:.2f} s at {_rate(report)}"),
            ("efficiency", f"{report.efficiency:.3f}"),
            ("waited for content", f"{report.stall_s:.2f} s"),
            ("download-first would take", f"{report.download_first_s:.2f} s"),
            ("stop-at-every-step would take", f"{report.stop_at_every_step_s:.2f} s"),
            ("fetched", amount(report.bytes_fetched)),
            ("found on disk", amount(report.bytes_reused)),
            ("fetched twice or not used", amount(report.bytes_wasted)),
            ("fetched but never needed", amount(report.bytes_never_needed)),
            ("hashed and written by", report.native_core),
        ),
    )
    _show_republished(report)
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


def _show_republished(report: Report) -> None:
    if report.republished:
        rows = (
            (item.package, str(item.pinned_version), str(item.version or "withdrawn"))
            for item in report.republished
        )
        show_table(("published again", "the run began with", "current"), rows)


def _rate(report: Report) -> str:
    return f"{amount(report.link_bytes_per_s)}/s ({report.link_rate})"
