"""Which boundary groups a run used when, and what came from each."""

from __future__ import annotations

import json

from dlcore.engine.events import BoundaryChanged, Event, encode
from dlcore.timeline.boundary_groups import BoundaryMark, GroupFigures
from dlcore.timeline.page import page_of
from tests.timeline.scene import MIB, begins, made, progress

OFFICE = BoundaryChanged("began", {"office": ("dp",)}, "10.20.3.4 is in 10.20.0.0/16")
HOME = BoundaryChanged("network", {"cloud": ("cmg",)}, "no group describes it", {"cmg": 1})
BACK = BoundaryChanged("network", {"office": ("dp",)}, "10.20.3.4 is in 10.20.0.0/16")
FALLBACK = BoundaryChanged("fallback", {"office": ("dp",), "plant": ("dp2",)}, "a neighbor")


def day() -> list[tuple[float, Event]]:
    return [
        (0.0, begins("os")),
        (0.0, OFFICE),
        (5.0, progress(dp=10.0, cmg=0.0)),
        (6.0, HOME),
        (9.0, progress(dp=11.0, cmg=4.0)),
        (10.0, begins("os", restarts=1)),
        (10.0, BACK),
        (12.0, progress(dp=2.0, cmg=0.0)),
        (13.0, FALLBACK),
        (15.0, progress(dp=2.0, cmg=0.0, dp2=3.0)),
    ]


def test_what_came_from_each_group_is_added_up_over_restarts() -> None:
    timeline = made(day())
    assert timeline.boundary_groups == (
        GroupFigures("office", 13 * MIB, 0),
        GroupFigures("cloud", 4 * MIB, 4 * MIB),
        GroupFigures("plant", 3 * MIB, 0),
    )
    causes = [(mark.cause, mark.groups) for mark in timeline.boundary_marks]
    assert causes == [
        ("began", ("office",)),
        ("network", ("cloud",)),
        ("network", ("office",)),
        ("fallback", ("office", "plant")),
    ]
    assert timeline.boundary_marks[1] == BoundaryMark(
        6.0, "network", ("cloud",), "no group describes it"
    )


def test_the_page_has_them_as_tables() -> None:
    page = page_of(made(day()))
    assert "no group describes it" in page
    assert "What came from them" in page
    assert "Boundary groups" not in page_of(made([(0.0, begins("os"))]))


def test_an_event_of_boundary_groups_is_one_object() -> None:
    told = json.loads(encode(HOME))
    assert told["groups"] == {"cloud": ["cmg"]}
    assert told["costs"] == {"cmg": 1}
