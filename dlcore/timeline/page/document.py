"""The whole page: what a run came to, why it took so long, its picture, its figures.

Guarantees: the page loads nothing and runs no script, and its content security policy forbids both:
whatever the names in it are, it can only be read.
"""

from __future__ import annotations

import base64
import hashlib
import re
from importlib import resources

from dlcore.engine.numbers_for_people import amount, counted, duration
from dlcore.timeline.bandwidth import Sample, merged
from dlcore.timeline.page import lanes, tables
from dlcore.timeline.page.comparison import comparison
from dlcore.timeline.page.curve import curve
from dlcore.timeline.page.markup import Markup, element, joined
from dlcore.timeline.page.scale import Scale
from dlcore.timeline.page.words import words
from dlcore.timeline.reasons import Reason, headline, reasons
from dlcore.timeline.timeline import Timeline
from dlcore.timeline.verdict import verdict

MAX_SAMPLES = 1000  # as many as a wide screen has pixels for
GRAPH_HEIGHT = 96
MAX_TITLE_PACKAGES = 3
_UTC = re.compile(r"(\d+-\d+-\d+)T(\d+:\d+:\d+(?:\.\d)?).*", re.DOTALL)
_FIGURE = re.compile(
    r"(?<=\d) (?=(?:ms|s|min|h|bytes|[KMGT]iB)\b)|(?<=\d h) (?=\d+ min\b)|(?<=\d min) (?=\d+ s\b)"
)
_OUTCOMES = {
    "succeeded": ("Succeeded", "good"),
    "failed": ("Failed", "bad"),
    "restart": ("Waits for a restart", "open"),
    "": ("Not ended", "open"),
}
STEP_ENTRIES = 2  # of the legend, the first ones
_LEGEND = (
    ("run", "step runs"),
    ("wait", "step waits for its content"),
    ("ordered", "package is ordered, nothing of it came yet"),
    ("fetch", "package is fetched and verified"),
    ("ready", "package is ready"),
    ("rate", "rate of an endpoint"),
    ("failed", "failure, or bad content"),
    ("barred", "endpoint in quarantine: asked only for what no other has"),
)
_RESTART = ("restart", "the run went on after a restart")


def page_of(timeline: Timeline) -> str:
    """The page of a run, as one HTML document."""
    style = resources.files(__package__).joinpath("page.css").read_text("utf-8")
    packages = ", ".join(package.package for package in timeline.packages[:MAX_TITLE_PACKAGES])
    fetch = f"Fetch of {packages}" if packages else "Fetch"
    title = timeline.sequence or ("Run of a task sequence" if timeline.steps else fetch)
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_policy(style)),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{title}: {_outcome(timeline)[0]}"),
        element("style", Markup(style)),
    )
    body = element(
        "body",
        element("a", "Skip to the reasons", href="#why", class_="skip"),
        _header(timeline, title),
        element("main", _why(timeline), *_what_happened(timeline), words()),
        _footer(timeline),
    )
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def _what_happened(timeline: Timeline) -> tuple[Markup, ...]:
    """As a picture, then as figures; nothing where nothing happened."""
    if not (timeline.steps or timeline.packages or timeline.endpoints):
        return ()
    return _picture(timeline), _figures(timeline)


def _policy(style: str) -> str:
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _header(timeline: Timeline, title: str) -> Markup:
    outcome, style = _outcome(timeline)
    facts = [_when(timeline)]
    if timeline.simulated:
        facts.append("simulated: no step was executed, only its content is real")
    if timeline.resumptions_s:
        restarts = counted(len(timeline.resumptions_s), "restart")
        facts.append(f"went on after {restarts}, whose time does not count")
    tiles = [
        element("div", element("dt", name), element("dd", told)) for name, told in _tiles(timeline)
    ]
    return element(
        "header",
        element("h1", title, " ", element("span", outcome, class_=f"outcome {style}")),
        element("p", "; ".join(facts), class_="note"),
        element("dl", *tiles, class_="tiles"),
    )


def _outcome(timeline: Timeline) -> tuple[str, str]:
    """In words, and its style; a later dlcore may know more outcomes."""
    return _OUTCOMES.get(timeline.outcome, (timeline.outcome, "open"))


def _when(timeline: Timeline) -> str:
    if not timeline.began:
        return "nothing is recorded"
    began, ended = (_UTC.sub(r"\1 \2", told) for told in (timeline.began, timeline.ended))
    same_day = began[:10] == ended[:10]
    return f"{began} to {ended[11:] if same_day else ended} (UTC)"


def _tiles(timeline: Timeline) -> list[tuple[str, str]]:
    tiles = [("Took", duration(timeline.duration_s))]
    if timeline.steps:
        tiles.append(("Steps ran", duration(timeline.run_s)))
        tiles.append(("Waited for content", duration(timeline.stall_s)))
    if timeline.ending and timeline.received_bytes and timeline.outcome != "failed":
        tiles.append(("Best possible on this link", duration(timeline.bound_s)))
        tiles.append(("Rate of the link", f"{amount(timeline.ending.link_bytes_per_s)}/s"))
    tiles.append(("Fetched", amount(timeline.received_bytes)))
    ended = timeline.ending or timeline.fetched
    if ended and ended.bytes_wasted:
        tiles.append(("Of that, not used", amount(ended.bytes_wasted)))
    return tiles


def _why(timeline: Timeline) -> Markup:
    told = reasons(timeline)
    title = "Why it failed" if timeline.outcome == "failed" else "Why it took this long"
    return element(
        "section",
        element("h2", title),
        _verdict(timeline),
        element("p", _unbroken(headline(timeline)), class_="headline") if timeline.steps else "",
        element("ol", *map(_reason, told)) if told else "",
        _compared(timeline),
        id="why",
        aria_label=title,
    )


def _verdict(timeline: Timeline) -> Markup:
    """The sentence to read if no other is read."""
    told = verdict(timeline)
    advice = (element("li", _unbroken(sentence)) for sentence in told.advice)
    return element(
        "div",
        element("p", _unbroken(told.text)),
        joined(element("h3", "What to do"), element("ul", *advice)) if told.advice else "",
        class_="verdict",
    )


def _compared(timeline: Timeline) -> Markup:
    if timeline.ending is None or not (timeline.steps and timeline.received_bytes):
        return Markup()
    if timeline.outcome == "failed":
        return Markup()
    rate = f"{amount(timeline.ending.link_bytes_per_s)}/s ({timeline.ending.link_rate})"
    note = f"The other ways are computed for a link of {rate} and the same run times of the steps."
    return joined(
        element("h3", "The bound, and other ways of downloading"),
        comparison(timeline, timeline.ending),
        element("p", _unbroken(note), class_="note"),
    )


def _reason(reason: Reason) -> Markup:
    details = (element("p", _unbroken(detail), class_="note") for detail in reason.details)
    return element("li", element("p", _unbroken(reason.text)), *details, class_=reason.kind.value)


def _unbroken(sentence: str) -> str:
    """The sentence, with no line break between a number and its unit."""
    return _FIGURE.sub("\N{NO-BREAK SPACE}", sentence)


def _picture(timeline: Timeline) -> Markup:
    scale = Scale(timeline.length_s, timeline.resumptions_s)
    samples = merged(timeline.samples, MAX_SAMPLES)
    parts = [
        element("h2", "What happened when"),
        element("p", f"Times are {_unit(scale)} since the beginning.", class_="note"),
        _PATTERN,
        _legend(timeline),
    ]
    if timeline.steps:
        parts += [element("h3", "Steps"), lanes.axis(scale), lanes.steps(timeline, scale)]
    parts += [element("h3", "Packages"), lanes.axis(scale), lanes.packages(timeline, scale)]
    parts += [element("h3", "Endpoints"), lanes.axis(scale)]
    parts += [lanes.endpoints(timeline, samples, scale)]
    if len(samples) >= lanes.MIN_SAMPLES:
        parts += [element("h3", "Bandwidth"), lanes.axis(scale), _graph(timeline, samples, scale)]
    return element("section", *parts, aria_label="What happened when")


def _unit(scale: Scale) -> str:
    return "minutes and seconds" if ":" in scale.told(0.0) else "seconds"


def _graph(timeline: Timeline, samples: tuple[Sample, ...], scale: Scale) -> Markup:
    means = (own.bytes_per_s for own in timeline.endpoints)  # a short run has no sample as high
    highest = max((*means, *(sample.bytes_per_s for sample in samples)), default=0.0)
    rates = [(sample.begin_s, sample.end_s, sample.bytes_per_s) for sample in samples]
    told = f"at most {amount(highest)}/s"
    label = element(
        "div", element("span", "All endpoints"), " ", element("span", told, class_="note")
    )
    graph = element(
        "svg",
        lanes.grid(scale),
        curve(rates, highest, scale, GRAPH_HEIGHT),
        class_="lane",
        height=GRAPH_HEIGHT,
        width="100%",
        role="img",
        aria_label=f"Bytes per second of all endpoints together over time: {told}",
    )
    return element("div", element("div", label, class_="label"), graph, class_="row")


def _legend(timeline: Timeline) -> Markup:
    own = _LEGEND if timeline.steps else _LEGEND[STEP_ENTRIES:]
    shown = (*own, *((_RESTART,) if timeline.resumptions_s else ()))
    items = (
        element("li", element("svg", _sample(style), width=22, height=14, aria_hidden="true"), told)
        for style, told in shown
    )
    return element("ul", *items, class_="legend", aria_label="Legend")


def _sample(style: str) -> Markup:
    match style:
        case "ready":
            return element("circle", cx=11, cy=7, r=5, class_=style)
        case "ordered":
            return element("rect", x=0, y=6, width=22, height=2, class_=style)
        case "failed":
            return element("rect", x=9, y=0, width=3, height=14, class_=style)
        case "restart":
            return element("line", x1=11, x2=11, y1=0, y2=14, class_=style)
        case _:
            return element("rect", x=0, y=1, width=22, height=12, class_=style)


_PATTERN = element(  # stripes say the same as colors, for people who cannot tell these apart
    "svg",
    element(
        "defs",
        *(
            element(
                "pattern",
                element("rect", width=8, height=8, class_=f"{name}-ground"),
                element("path", d="M0 8L8 0M-2 2L2 -2M6 10L10 6", class_=f"{name}-stripe"),
                id=f"{name}-pattern",
                width=8,
                height=8,
                patternUnits="userSpaceOnUse",
            )
            for name in ("wait", "barred")
        ),
    ),
    width=0,
    height=0,
    class_="patterns",
    aria_hidden="true",
)


def _figures(timeline: Timeline) -> Markup:
    scale = Scale(timeline.length_s)
    return element(
        "section",
        element("h2", "The same in figures"),
        tables.steps(timeline) if timeline.steps else "",
        tables.packages(timeline),
        tables.endpoints(timeline),
        tables.boundary_groups(timeline) if timeline.boundary_marks else "",
        tables.bandwidth(timeline, scale) if len(timeline.samples) >= lanes.MIN_SAMPLES else "",
        aria_label="The same in figures",
    )


def _footer(timeline: Timeline) -> Markup:
    lost = (
        f" {timeline.unreadable} lines of the record could not be read."
        if timeline.unreadable
        else ""
    )
    return element("footer", joined("Made by dlcore from the record of the run.", lost))
