"""The picture: a row for each step, package and endpoint, all over the same axis.

A row is a label and a lane. Lanes are SVG in percent of their width, so that they fit any screen
and nothing in them is distorted; what a lane shows is also told in words.
"""

from __future__ import annotations

from collections.abc import Iterator

from dlcore.engine.numbers_for_people import amount, counted, duration
from dlcore.timeline.bandwidth import Sample
from dlcore.timeline.endpoints import EndpointTimes
from dlcore.timeline.packages import PackageTimes
from dlcore.timeline.page.curve import curve
from dlcore.timeline.page.markup import Markup, element, joined
from dlcore.timeline.page.scale import Scale
from dlcore.timeline.steps import Doing, Period, StepTimes
from dlcore.timeline.timeline import Timeline, steps_that_need

LANE_HEIGHT = 22
MIN_SAMPLES = 3  # with fewer, a rate over time would only contradict the mean
MAX_MARKS = 200  # of an endpoint: more of them cannot be told apart


def steps(timeline: Timeline, scale: Scale) -> Markup:
    """The rows of the steps that had a turn."""
    shown = [step for step in timeline.steps if step.periods]
    return _rows(*(_step(step, scale) for step in shown))


def packages(timeline: Timeline, scale: Scale) -> Markup:
    """The rows of the packages that were fetched."""
    shown = [package for package in timeline.packages if package.ordered_s is not None]
    return _rows(*(_package(package, timeline, scale) for package in shown))


def endpoints(timeline: Timeline, samples: tuple[Sample, ...], scale: Scale) -> Markup:
    """The rows of the endpoints; all rates to one scale."""
    sampled = (s.bytes_per_s_of(e.name) for s in samples for e in timeline.endpoints)
    best = max((*sampled, *(e.bytes_per_s for e in timeline.endpoints)), default=0.0)
    return _rows(*(_endpoint(own, samples, best, scale) for own in timeline.endpoints))


def axis(scale: Scale) -> Markup:
    """The row with the moments that are named."""
    marks = [
        element(
            "text",
            scale.tick(at_s),
            x=scale.percent(at_s),
            y=14,
            text_anchor="start" if not at_s else "end" if scale.share(at_s) > 0.95 else "middle",
        )
        for at_s in scale.ticks()
    ]
    lane = element("svg", *marks, class_="axis", height=20, width="100%", aria_hidden="true")
    return element("div", element("div", class_="label"), lane, class_="row")


# One row


def _step(step: StepTimes, scale: Scale) -> Markup:
    waits = ", ".join(filter(None, step.waits_s))
    told = [f"ran {duration(step.run_s)}"] if step.has_run else ["was not started"]
    if step.stall_s >= 0.05:
        told.insert(0, f"waited {duration(step.stall_s)}{f' for {waits}' if waits else ''}")
    if step.outcome != "succeeded":
        told.append(step.outcome)
    bars = [_period(period, step, scale) for period in step.periods]
    shown = (
        f"{period.doing} {scale.told(period.begin_s)} to {scale.told(period.end_s)}"
        for period in step.periods
    )
    return _row(f"{step.index} {step.name}", ", ".join(told), ", ".join(shown), bars, scale)


def _period(period: Period, step: StepTimes, scale: Scale) -> Markup:
    is_last = period is step.periods[-1]
    if period.doing is Doing.WAITED:
        style, what = "wait", f"waited for {period.package or 'its content'}"
    elif step.outcome == "failed" and is_last:
        style, what = "failed", "ran and failed"
    else:
        style, what = "run", "ran"
    return _bar(scale, period.begin_s, period.end_s, style, what)


def _package(package: PackageTimes, timeline: Timeline, scale: Scale) -> Markup:
    needed_by = [str(step.index) for step in steps_that_need(timeline.steps, package.package)]
    told = [amount(package.content_bytes or 0)]
    if package.reused_bytes:
        told.append(f"{amount(package.reused_bytes)} of it on disk before")
    if needed_by:
        told.append(f"for step {', '.join(needed_by)}")
    told.append(
        f"ready at {scale.told(package.ended_s)}"
        if package.outcome == "ready" and package.ended_s is not None
        else package.outcome
    )
    moments = (("ordered", package.ordered_s), ("first byte", package.first_byte_s))
    shown = (f"{what} at {scale.told(at_s)}" for what, at_s in moments if at_s is not None)
    bars = list(_package_bars(package, scale))
    return _row(package.package, ", ".join(told), ", ".join(shown), bars, scale)


def _package_bars(package: PackageTimes, scale: Scale) -> Iterator[Markup]:
    ordered_s = package.ordered_s or 0.0
    end_s = scale.length_s if package.ended_s is None else package.ended_s
    first_s = end_s if package.first_byte_s is None else min(package.first_byte_s, end_s)
    y = LANE_HEIGHT / 2 - 1
    what = f"ordered, {scale.told(ordered_s)} to {scale.told(first_s)}"
    yield element(
        "rect",
        element("title", what),
        x=scale.percent(ordered_s),
        width=scale.width(ordered_s, first_s),
        y=y,
        height=2,
        class_="ordered",
    )
    if first_s < end_s:
        yield _bar(scale, first_s, end_s, "fetch", "was fetched")
    if package.ended_s is not None:
        yield _mark(scale, end_s, package.outcome)


def _endpoint(
    own: EndpointTimes, samples: tuple[Sample, ...], best_bytes_per_s: float, scale: Scale
) -> Markup:
    told = [f"{amount(own.received_bytes)} at {amount(own.bytes_per_s)}/s"]
    if own.failures:
        told.append(f"failed {counted(own.failures, 'time')}")
    rates = [(s.begin_s, s.end_s, s.bytes_per_s_of(own.name)) for s in samples]
    has_curve = len(samples) >= MIN_SAMPLES
    drawn = [curve(rates, best_bytes_per_s, scale, LANE_HEIGHT)] if has_curve else []
    if own.quarantined_s is not None:
        told.append(f"quarantined at {scale.told(own.quarantined_s)}")
        drawn.append(_bar(scale, own.quarantined_s, scale.length_s, "barred", "in quarantine"))
    drawn += [_failure(mark.at_s, mark.text, scale) for mark in own.marks[:MAX_MARKS]]
    highest = max((own.bytes_per_s, *(rate for _, _, rate in rates)))
    rate = f"its rate over time, at most {amount(highest)}/s"
    shown = rate if has_curve else "when it failed"
    return _row(own.name, ", ".join(told), shown, drawn, scale)


# What is drawn


def _rows(*rows: Markup) -> Markup:
    return element("ul", *rows, class_="rows") if rows else element("p", "None.")


def _row(name: str, told: str, shown: str, drawn: list[Markup], scale: Scale) -> Markup:
    """A row.

    Args:
        name: Of what it is about.
        told: What is to be known of it.
        shown: What the lane adds to that, in words.
        drawn: What is in the lane.
        scale: The axis.
    """
    label = element(
        "div",
        element("span", name, class_="name"),
        " ",
        element("span", told, class_="note"),
        class_="label",
    )
    lane = element(
        "svg",
        grid(scale),
        *drawn,
        class_="lane",
        height=LANE_HEIGHT,
        width="100%",
        role="img",
        aria_label=shown,
    )
    return element("li", label, lane, class_="row")


def grid(scale: Scale) -> Markup:
    """The lines of the named moments, and of restarts."""
    kinds = [
        *((at_s, "grid") for at_s in scale.ticks()),
        *((at_s, "restart") for at_s in scale.resumptions_s),
    ]
    return joined(*(_line(scale, at_s, kind) for at_s, kind in kinds))


def _line(scale: Scale, at_s: float, style: str) -> Markup:
    x = scale.percent(at_s)
    return element("line", x1=x, x2=x, y1="0", y2="100%", class_=style)


def _bar(scale: Scale, begin_s: float, end_s: float, style: str, what: str) -> Markup:
    return element(
        "rect",
        element("title", f"{what} for {duration(end_s - begin_s)}, from {scale.told(begin_s)} on"),
        x=scale.percent(begin_s),
        width=scale.width(begin_s, end_s),
        y=3,
        height=LANE_HEIGHT - 6,
        class_=style,
    )


def _mark(scale: Scale, at_s: float, outcome: str) -> Markup:
    return element(
        "circle",
        element("title", f"{outcome} at {scale.told(at_s)}"),
        cx=f"{min(99.6, 100 * scale.share(at_s)):.3f}%",
        cy=LANE_HEIGHT / 2,
        r=5,
        class_="ready" if outcome == "ready" else "failed",
    )


def _failure(at_s: float, what: str, scale: Scale) -> Markup:
    return element(
        "rect",
        element("title", f"{scale.told(at_s)}: {what}"),
        x=scale.percent(at_s),
        width=3,
        y=0,
        height=LANE_HEIGHT,
        class_="failed",
    )
