"""The page of a run: complete, readable without seeing it, and safe whatever the names are."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from importlib import resources
from itertools import pairwise

import pytest

from dlcore.engine import events
from dlcore.engine.events import EndpointProgress, Event, PackageProgress, Progress
from dlcore.timeline.page import page_of
from dlcore.timeline.page.scale import MAX_TICKS, Scale
from tests.timeline.scene import DRIVERS, MIB, bad_case, begins, failed_case, made

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onload='alert(1)",
    "</style><h1>Hello</h1>",
    "&lt;b&gt;",
    "\u202ereversed",
    "line\nbreak\x00\x1b[31m",
    "]]><!-- -->",
)
STYLE = resources.files("dlcore.timeline.page").joinpath("page.css").read_text("utf-8")


class Page(HTMLParser):
    """What is in a page; fails if its elements are not nested as they should be."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(document)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag != "meta":  # the only element here that has no end
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style":
            self.texts.append(data)

    def tags(self) -> set[str]:
        return {tag for tag, _ in self.elements}

    def attributes(self) -> set[str]:
        return {name for _, own in self.elements for name in own}


def _progress(name: str) -> Progress:
    endpoints = {name: EndpointProgress(1, 1.0, MIB, 1)}
    return Progress(0, 0, 1.0, endpoints=endpoints, packages={name: PackageProgress(1, MIB)})


def hostile_run(name: str) -> list[tuple[float, Event]]:
    """A run in which everything that comes from outside is that name."""
    step = events.RunStep(0, name, (name,))
    return [
        (0.0, events.RunBegan(name, 0, 0, (step,))),
        (0.0, events.PackageStarted(name, MIB, 0)),
        (1.0, _progress(name)),
        (1.0, events.BlockRejected(name, name, 1, name)),
        (1.0, events.RangeFailed(name, name, name, name)),
        (1.0, events.EndpointNote(name, "quarantined", name)),
        (2.0, events.PackageFailed(name, name)),
        (2.0, events.StepStarted(0, name, 2.0, {name: 2.0}, (name,))),
        (3.0, events.StepEnded(0, name, "failed", 1, 1.0, name, name)),
    ]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_only_text(name: str) -> None:
    """Fault: a step is named as a script. The page shows the name, and runs nothing."""
    usual = Page(page_of(made(hostile_run("harmless"))))
    page = Page(page_of(made(hostile_run(name))))
    assert page.tags() == usual.tags()
    assert page.attributes() == usual.attributes()
    shown = name.encode("unicode_escape").decode() if not name.isprintable() else name
    assert sum(shown in text for text in page.texts) >= 10
    assert not re.search(r"[\x00-\x08\x1b\u202e]", page_of(made(hostile_run(name))))


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    document = page_of(made(bad_case()))
    page = Page(document)
    policy = next(own["content"] for _, own in page.elements if "http-equiv" in own)
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert not {"script", "img", "link", "iframe", "object", "form"} & page.tags()
    assert not {"style", "src"} & page.attributes()
    assert {own["href"] for _, own in page.elements if "href" in own} == {"#why"}
    assert "url(http" not in STYLE
    assert "@import" not in STYLE


def test_the_page_is_made_for_those_who_do_not_see_it() -> None:
    page = Page(page_of(made(bad_case())))
    headings = [tag for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    levels = [int(tag[1]) for tag in headings]
    assert (levels[0], levels.count(1)) == (1, 1)
    assert all(b <= a + 1 for a, b in pairwise(levels)), "none is left out"
    for tag, own in page.elements:
        if tag == "svg" and "viewbox" not in own:
            assert (own.get("role") == "img" and own["aria-label"]) or own.get("aria-hidden")
        if tag == "th":
            assert own["scope"] in ("row", "col")
        if own.get("tabindex"):
            assert own["aria-label"]
    assert next(own for tag, own in page.elements if tag == "html") == {"lang": "en"}


def test_the_tables_have_the_figures_of_the_picture() -> None:
    texts = Page(page_of(made(bad_case()))).texts
    for told in (
        "30 s",
        "2.0 s",
        "60.0 MiB",
        "wrong content 3",
        "0:04.5",
        "Quarantined at",
        DRIVERS,
    ):
        assert told in texts
    bandwidth = texts[texts.index("Bandwidth", texts.index("Quarantined at")) :]
    assert bandwidth[1:8] == [
        "Time",
        "good",
        "slow",
        "liar",
        "0:00.0 to 0:10.0",
        "2.0 MiB/s",
        "20.5 KiB/s",
    ]


def test_the_run_is_compared_with_the_bound_and_with_other_ways() -> None:
    texts = Page(page_of(made(bad_case()))).texts
    begin = texts.index("The bound, and other ways of downloading")
    told = [text for text in texts[begin:] if text.strip()]
    assert told[1:7] == [
        *("This run", "43 s"),
        *("The bound: no order of the downloads beats it", "42 s"),
        *("With each step's content at its turn", "1 min 26 s"),
    ]
    assert "With all content first" not in texts, "it was not told"
    assert "This run" not in Page(page_of(made(bad_case()[:-1]))).texts


def test_the_page_of_a_failed_run_names_no_bound_and_no_run_that_never_was() -> None:
    page = Page(page_of(made(failed_case())))
    shown = " ".join(page.texts)
    assert "Why it failed" in shown
    assert "Best possible" not in shown
    assert "This run" not in page.texts
    assert "ran 0 ms" not in shown
    assert "waited 16 s, was not started, failed" in page.texts
    cells = {own["data-column"] for tag, own in page.elements if tag == "td"}
    assert {"Cost", "Ended at", "Waited"} <= cells, "a narrow screen shows them before the values"


def test_moments_have_tenths_of_a_second_and_the_axis_has_none() -> None:
    page = page_of(made(bad_case()))
    assert "2026-11-29 09:01:40.0 to 09:02:23.0 (UTC)" in page
    assert "ready at 0:33.0" in page
    assert ">0:10</text>" in page


def test_what_cannot_be_read_is_said() -> None:
    assert "3 lines of the record could not be read" in page_of(made(bad_case(), unreadable=3))


@pytest.mark.parametrize("outcome", ["succeeded", "failed", "restart"])
def test_the_outcome_is_told_in_words(outcome: str) -> None:
    ended = events.RunEnded(outcome, 1.0, 1.0, 1.0, "given", 0.0, 0, 0, 0)
    told = {"succeeded": "Succeeded", "failed": "Failed", "restart": "Waits for a restart"}
    assert told[outcome] in Page(page_of(made([(0.0, begins()), (1.0, ended)]))).texts
    assert "Not ended" in Page(page_of(made([(0.0, begins())]))).texts


@pytest.mark.parametrize("length_s", [0.0, 0.5, 7, 59, 61, 600, 3599, 3601, 86_000, 1e6, 1e9])
def test_the_axis_has_a_few_named_moments(length_s: float) -> None:
    ticks = Scale(length_s).ticks()
    assert 1 <= len(ticks) <= MAX_TICKS + 1
    assert ticks[0] == 0.0
    assert length_s < 2 or len(ticks) > 2


# Contrast


def luminance(colour: str) -> float:
    """Source: WCAG 2.2, "relative luminance"."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted(map(luminance, (one, other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_and_bars_stand_out_in_light_and_dark(scheme: int) -> None:
    """Source: WCAG 2.2, 1.4.3 (text: 4.5 to 1) and 1.4.11 (graphics: 3 to 1)."""
    block = re.findall(r":root \{(.*?)\n *\}", STYLE, re.DOTALL)[scheme]
    colours = dict(re.findall(r"--([\w-]+): (#\w{6})", block))
    for text in ("text", "note", "good", "bad", "open"):
        for ground in ("page", "raised"):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    for bar in ("run", "wait", "fetch", "ready", "rate", "bad", "barred"):
        assert contrast(colours[bar], colours["page"]) >= 3, bar


def test_a_short_fetch_has_no_second_rate_beside_the_mean() -> None:
    """Fault: a fetch is shorter than the time between two samples, and two rates contradict each
    other. The page has the mean alone.
    """
    own = EndpointProgress(0, 0.0, 4 * MIB, 0, 0.1, 8)
    shown = " ".join(
        Page(
            page_of(
                made(
                    [
                        (0.0, events.PackageStarted("f.bin", 4 * MIB, 0)),
                        (0.4, events.PackageReady("f.bin", "/there")),
                        (0.5, Progress(0, 0, 0.0, endpoints={"dp": own})),
                        (0.5, events.FetchEnded("succeeded", 0.5, 0, 4 * MIB, 0, 0)),
                    ]
                )
            )
        ).texts
    )
    assert "4.0 MiB at 40.0 MiB/s" in shown
    assert "Bandwidth" not in shown
    assert "8.0 MiB/s" not in shown


def test_a_fetch_that_found_nothing_has_only_the_reason() -> None:
    why = events.FetchEnded("failed", 0.1, 1, 0, 0, 0, "dp: GET http://dp/x was answered 404")
    shown = " ".join(Page(page_of(made([(0.0, why)]))).texts)
    assert "Why it failed" in shown
    assert "was answered 404" in shown
    assert "What happened when" not in shown


def test_the_page_tells_what_packages_were_checked_against() -> None:
    told = events.PackageTruth(DRIVERS, "content-hash", "at-the-end", "AB" * 32)
    cells = Page(page_of(made([(99.0, told), *bad_case()]))).texts
    assert f"content hash, known when all had arrived {'AB' * 32}" in cells
    assert "manifest" in cells
