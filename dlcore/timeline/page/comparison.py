"""How long the run took, beside the bound and beside other ways of downloading, as bars."""

from __future__ import annotations

from collections.abc import Iterator

from dlcore.engine.events import RunEnded
from dlcore.engine.numbers_for_people import duration
from dlcore.timeline.page.markup import Markup, element
from dlcore.timeline.page.scale import Scale
from dlcore.timeline.timeline import Timeline

BAR_HEIGHT = 16


def comparison(timeline: Timeline, ending: RunEnded) -> Markup:
    """One row for each way; what was not told is left out."""
    ways = (
        ("This run", timeline.duration_s, "run"),
        ("The bound: no order of the downloads beats it", timeline.bound_s, "bound"),
        ("With each step's content at its turn", ending.stop_at_every_step_s, "other"),
        ("With all content first", ending.download_first_s, "other"),
    )
    scale = Scale(max(length_s for _, length_s, _ in ways))
    return element("ul", *_rows(ways, scale), class_="rows")


def _rows(ways: tuple[tuple[str, float, str], ...], scale: Scale) -> Iterator[Markup]:
    for name, length_s, style in ways:
        if not length_s:
            continue
        told = element("span", duration(length_s), class_="note")
        label = element("div", element("span", name, class_="name"), " ", told, class_="label")
        bar = element(
            "rect", x=0, y=0, width=scale.width(0.0, length_s), height=BAR_HEIGHT, class_=style
        )
        lane = element(
            "svg", bar, class_="lane", height=BAR_HEIGHT, width="100%", aria_hidden="true"
        )
        yield element("li", label, lane, class_="row")
