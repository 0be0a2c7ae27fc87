"""Shows a run's timeline as text: why it took so long, then the figures as tables."""

from __future__ import annotations

from collections.abc import Sequence

from dlcore.cli.output import say, show_table
from dlcore.engine.events import PackageTruth
from dlcore.engine.listeners.words import describe
from dlcore.engine.numbers_for_people import amount, duration
from dlcore.timeline import Timeline, headline, reasons, verdict
from dlcore.timeline.endpoints import EndpointTimes
from dlcore.timeline.packages import PackageTimes
from dlcore.timeline.steps import StepTimes
from dlcore.timeline.timeline import steps_that_need


def show_timeline(timeline: Timeline) -> None:
    """Print it."""
    name = f"{timeline.sequence}: " if timeline.sequence else ""
    say(f"{name}{timeline.outcome or 'not ended'}, begun {timeline.began}")
    if timeline.steps:  # else the verdict says it, too
        say(headline(timeline))
    told = verdict(timeline)
    say(told.text)
    for advice in told.advice:
        say(f"> {advice}")
    for reason in reasons(timeline):
        say(f"- {reason.text}")
        for detail in reason.details:
            say(f"  {detail}")
    if timeline.steps:
        say("")
        show_table(
            ("step", "name", "outcome", "waited", "for", "ran", "why"),
            (_step(step) for step in timeline.steps),
        )
    if timeline.packages:
        say("")
        show_table(
            (
                "package",
                "outcome",
                "length",
                "ordered at",
                "first byte at",
                "ready at",
                "needed by",
            ),
            (_package(timeline, package) for package in timeline.packages),
        )
        _show_truths(timeline.packages)
    if timeline.endpoints:
        say("")
        show_table(
            ("endpoint", "brought", "mean rate", "most connections", "failures"),
            (
                (
                    own.name,
                    amount(own.received_bytes),
                    f"{amount(own.bytes_per_s)}/s",
                    str(own.max_connections),
                    _failures(own),
                )
                for own in timeline.endpoints
            ),
        )
    if timeline.boundary_marks:
        _show_boundary_groups(timeline)
    if timeline.unreadable:
        say(f"\n{timeline.unreadable} lines of the record could not be read")


def _show_truths(packages: Sequence[PackageTimes]) -> None:
    """What vouches for the packages that no catalog names."""
    for each in packages:
        if each.truth != "manifest":
            told = PackageTruth(each.package, each.truth, each.truth_known, each.content_hash)
            has = f"; content hash {each.content_hash}" if each.content_hash else ""
            say(f"{describe(told)}{has}")


def _show_boundary_groups(timeline: Timeline) -> None:
    say("")
    show_table(
        ("at", "cause", "boundary groups", "why"),
        (
            (_at(mark.at_s), mark.cause, ", ".join(mark.groups), mark.reason)
            for mark in timeline.boundary_marks
        ),
    )
    say("")
    show_table(
        ("group", "brought", "at a cost"),
        (
            (each.name, amount(each.received_bytes), amount(each.costly_bytes))
            for each in timeline.boundary_groups
        ),
    )


def _step(step: StepTimes) -> tuple[str, ...]:
    waits = " ".join(filter(None, step.waits_s))
    waited = duration(step.stall_s) if step.has_waited else ""
    ran = duration(step.run_s) if step.periods else ""
    return (str(step.index), step.name, step.outcome, waited, waits, ran, step.why)


def _package(timeline: Timeline, package: PackageTimes) -> tuple[str, ...]:
    steps = steps_that_need(timeline.steps, package.package)
    length = "on disk" if package.content_bytes is None else amount(package.content_bytes)
    return (
        package.package,
        package.outcome,
        length,
        _at(package.ordered_s),
        _at(package.first_byte_s),
        _at(package.ended_s),
        " ".join(str(step.index) for step in steps),
    )


def _failures(own: EndpointTimes) -> str:
    ways = ", ".join(f"{fault} {count}" for fault, count in own.faults.items())
    lost = ", ".join(dict.fromkeys(mark.kind for mark in own.marks if mark.kind != "failed"))
    return ", ".join(filter(None, (ways or str(own.failures), lost)))


def _at(moment_s: float | None) -> str:
    return "" if moment_s is None else duration(moment_s)
