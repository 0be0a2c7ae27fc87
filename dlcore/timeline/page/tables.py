"""The figures of the picture as tables: for people who cannot see it, or want to copy them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from dlcore.engine.numbers_for_people import amount, duration, moment
from dlcore.timeline.bandwidth import came_between
from dlcore.timeline.cost import costs
from dlcore.timeline.faults import faults_in_words
from dlcore.timeline.packages import PackageTimes
from dlcore.timeline.page.markup import Markup, element
from dlcore.timeline.page.scale import Scale
from dlcore.timeline.timeline import Timeline, steps_that_need

_WORDS: Final = (
    "Name",
    "Why",
    "For",
    "Steps",
    "Failures",
    "Cost",
    "Groups",
    "Checked against",
)  # may be long, and are broken


def steps(timeline: Timeline) -> Markup:
    """All steps, also those that were skipped."""
    rows = (
        (
            str(step.index),
            step.name,
            step.outcome,
            duration(step.stall_s) if step.has_waited else "",
            ", ".join(filter(None, step.waits_s)),
            duration(step.run_s) if step.has_run else "",
            step.why,
        )
        for step in timeline.steps
    )
    return _table("Steps", ("Step", "Name", "Outcome", "Waited", "For", "Ran", "Why"), rows)


def packages(timeline: Timeline) -> Markup:
    """All packages."""
    columns = (
        "Package",
        "Outcome",
        "Length",
        "Checked against",
        "Ordered at",
        "First byte at",
        "Ended at",
        "Steps",
    )
    rows = (
        (
            package.package,
            package.outcome,
            "on disk" if package.content_bytes is None else amount(package.content_bytes),
            _truth(package),
            _at(timeline, package.ordered_s),
            _at(timeline, package.first_byte_s),
            _at(timeline, package.ended_s),
            ", ".join(str(s.index) for s in steps_that_need(timeline.steps, package.package)),
        )
        for package in timeline.packages
    )
    return _table("Packages", columns, rows)


def endpoints(timeline: Timeline) -> Markup:
    """All endpoints."""
    columns = (
        "Endpoint",
        "Brought",
        "Mean rate",
        "Connections",
        "Failures",
        "Cost",
        "Quarantined at",
    )
    rows = (
        (
            own.name,
            amount(own.received_bytes),
            f"{amount(own.bytes_per_s)}/s",
            str(own.max_connections),
            faults_in_words(own.faults) or str(own.failures),
            "; ".join(costs(own)) or "none",
            _at(timeline, own.quarantined_s),
        )
        for own in timeline.endpoints
    )
    return _table("Endpoints", columns, rows)


def boundary_groups(timeline: Timeline) -> Markup:
    """When other boundary groups were used, and why; then what came from each."""
    changes = (
        (_at(timeline, mark.at_s), mark.cause, ", ".join(mark.groups), mark.reason)
        for mark in timeline.boundary_marks
    )
    figures = (
        (each.name, amount(each.received_bytes), amount(each.costly_bytes))
        for each in timeline.boundary_groups
    )
    return Markup(
        _table("Boundary groups", ("At", "Cause", "Groups", "Why"), changes)
        + _table("What came from them", ("Group", "Brought", "At a cost"), figures)
    )


def bandwidth(timeline: Timeline, scale: Scale) -> Markup:
    """What came between two named moments of the axis."""
    names = [own.name for own in timeline.endpoints]
    rows = list[tuple[str, ...]]()
    for begin_s, end_s in scale.times():
        came = came_between(timeline.samples, begin_s, end_s)
        rates = (f"{amount(came.get(name, 0.0) / (end_s - begin_s))}/s" for name in names)
        rows.append((f"{scale.told(begin_s)} to {scale.told(end_s)}", *rates))
    return _table("Bandwidth", ("Time", *names), rows)


def _table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Markup:
    """A table; where it is wider than the screen, it scrolls by itself, also by the keyboard.

    On a telephone each row is a list of its own, with the names of the columns before the values.
    Roles keep it a table for those who do not see it.
    """
    names = (element("th", column, scope="col", role="columnheader") for column in columns)
    head = element("tr", *names, role="row")
    body = (
        element(
            "tr",
            element("th", row[0], scope="row", role="rowheader"),
            *(
                element("td", cell, class_=_style(c, cell), role="cell", data_column=c)
                for c, cell in zip(columns[1:], row[1:], strict=True)
            ),
            role="row",
        )
        for row in rows
    )
    table = element(
        "table",
        element("caption", caption),
        element("thead", head, role="rowgroup"),
        element("tbody", *body, role="rowgroup"),
        role="table",
    )
    return element(
        "div", table, class_="scrolls", tabindex="0", role="region", aria_label=f"Table: {caption}"
    )


def _style(column: str, cell: str) -> str | None:
    styles = ("words" if column in _WORDS else "", "" if cell else "nothing")
    return " ".join(filter(None, styles)) or None


def _truth(package: PackageTimes) -> str:
    """What a package is checked against; when, if that is not as each block arrives."""
    told = package.truth.replace("-", " ")
    if package.truth_known == "at-the-end":
        told += ", known when all had arrived"
    return f"{told} {package.content_hash}".rstrip()


def _at(timeline: Timeline, at_s: float | None) -> str:
    return "" if at_s is None else moment(at_s, timeline.length_s)
