"""A rate over time, as an area."""

from __future__ import annotations

from collections.abc import Sequence

from dlcore.timeline.page.markup import Markup, element
from dlcore.timeline.page.scale import Scale

WIDTH = 1000  # of the area's own coordinates, which are stretched to the width of the page


def curve(
    rates: Sequence[tuple[float, float, float]], highest: float, scale: Scale, height: float
) -> Markup:
    """The area under a rate.

    Args:
        rates: Begin, end and rate of each time, in order.
        highest: The rate that is as high as the area.
        scale: The axis.
        height: Of the area, in pixels.
    """
    points = list[str]()
    last_x: float | None = None
    for begin_s, end_s, rate in rates:
        begin, end = WIDTH * scale.share(begin_s), WIDTH * scale.share(end_s)
        y = height * (1 - min(1.0, rate / highest)) if highest else height
        if begin != last_x:
            points.append(f"{'V' + str(height) if points else ''}M{begin:.1f} {height:g}")
        points.append(f"V{y:.1f}H{end:.1f}")
        last_x = end
    points.append(f"V{height:g}" if points else "")
    area = element("path", d="".join(points), class_="rate")
    return element(
        "svg",
        area,
        viewBox=f"0 0 {WIDTH} {height:g}",
        preserveAspectRatio="none",
        width="100%",
        height=height,
    )
