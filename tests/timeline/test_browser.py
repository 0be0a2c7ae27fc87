"""The page in a real browser: no complaint, nothing wider than the screen, a sensible order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest
import pytest_asyncio

from dlcore.engine import events
from dlcore.timeline.page import page_of
from tests.servers import missing
from tests.timeline.browser import PROGRAM, Tab, browser
from tests.timeline.scene import MIB, bad_case, failed_case, made, progress
from tests.timeline.test_page import HOSTILE, hostile_run

NAME_OF_FOCUS = "(e => e.getAttribute('aria-label') || e.innerText)(document.activeElement)"
WIDTH_OF_FOCUS = "parseFloat(getComputedStyle(document.activeElement).outlineWidth)"
STYLE_OF_FOCUS = "getComputedStyle(document.activeElement).outlineStyle"
SIDEWAYS = (
    "[...document.querySelectorAll('.scrolls')].filter(e => e.scrollWidth > e.clientWidth).length"
)
LONG = "AVeryLongNameWithoutAnySpace" * 10


@pytest_asyncio.fixture
async def tab(tmp_path: Path) -> AsyncIterator[Tab]:
    if PROGRAM is None:
        missing("Chromium is not installed")
    async with browser(tmp_path / "profile") as tab:
        yield tab


@pytest.mark.parametrize("width", [400, 1600])
async def test_the_page_fits_the_screen_and_the_browser_does_not_complain(
    tab: Tab, tmp_path: Path, width: int
) -> None:
    page = tmp_path / "report.html"
    runs = (bad_case(), "bad case"), (failed_case(), "failed"), (hostile_run(LONG), "long names")
    for happened, name in runs:
        page.write_text(page_of(made(happened)), encoding="utf-8")
        for scheme in ("light", "dark"):
            await tab.open(page, width, scheme=scheme)
            wide = await tab.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, name
            assert await tab.evaluate(SIDEWAYS) == 0, name
            assert tab.complaints == []
            assert await tab.evaluate("getComputedStyle(document.body).fontFamily.length") > 30
    await tab.screenshot(tmp_path / f"{width}.png")
    assert (tmp_path / f"{width}.png").stat().st_size > 20_000


async def test_no_hostile_name_runs_anything(tab: Tab, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    for name in HOSTILE:
        page.write_text(page_of(made(hostile_run(name))), encoding="utf-8")
        await tab.open(page, 1600)
        assert tab.complaints == []
        assert await tab.evaluate("document.images.length + document.scripts.length") == 0


async def test_every_bar_is_drawn_where_it_belongs(tab: Tab, tmp_path: Path) -> None:
    """The wait for the image is 30 of 43 seconds."""
    page = tmp_path / "report.html"
    page.write_text(page_of(made(bad_case())), encoding="utf-8")
    await tab.open(page, 1600)
    lane = "[...document.querySelectorAll('.lane:has(.wait)')][1]"
    box = f"{lane}.querySelector('.wait').getBBox()"
    share = await tab.evaluate(f"{box}.width / {lane}.clientWidth")
    begin = await tab.evaluate(f"{box}.x / {lane}.clientWidth")
    assert (round(begin, 2), round(share, 2)) == (0.07, 0.7)
    fill = await tab.evaluate(f"getComputedStyle({lane}.querySelector('.wait')).fill")
    assert fill == 'url("#wait-pattern")'


async def test_the_first_thing_to_read_says_why_and_what_to_do(tab: Tab, tmp_path: Path) -> None:
    """On a telephone, too, it is there without scrolling far."""
    page = tmp_path / "report.html"
    page.write_text(page_of(made(bad_case())), encoding="utf-8")
    for width in (400, 1600):
        await tab.open(page, width)
        told = await tab.evaluate("document.querySelector('.verdict').innerText")
        assert 'step 1 "Upgrade" (30\u00a0s for ABC00001)' in told
        assert "endpoint liar served content" in told
        assert "What to do" in told
        top = await tab.evaluate("document.querySelector('.verdict').getBoundingClientRect().top")
        assert top < 900


async def test_the_keyboard_goes_through_the_page_in_order_and_is_seen(
    tab: Tab, tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    page.write_text(page_of(made(bad_case())), encoding="utf-8")
    await tab.open(page, 400)
    seen = []
    for _ in range(5):
        for kind in ("keyDown", "keyUp"):
            await tab.ask("Input.dispatchKeyEvent", type=kind, key="Tab", windowsVirtualKeyCode=9)
        seen.append(await tab.evaluate(NAME_OF_FOCUS))
        assert await tab.evaluate(WIDTH_OF_FOCUS) >= 2, seen[-1]
        assert await tab.evaluate(STYLE_OF_FOCUS) == "solid"
    tables = [f"Table: {name}" for name in ("Steps", "Packages", "Endpoints", "Bandwidth")]
    assert seen == ["Skip to the reasons", *tables]


async def test_a_screen_reader_finds_its_way(tab: Tab, tmp_path: Path) -> None:
    """Landmarks and headings in their order; every picture has words; tables have headers."""
    page = tmp_path / "report.html"
    page.write_text(page_of(made(bad_case())), encoding="utf-8")
    await tab.open(page, 1600)
    await tab.ask("Accessibility.enable")
    nodes = (await tab.ask("Accessibility.getFullAXTree"))["nodes"]
    told = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in nodes
        if not node["ignored"]
    ]
    roles = [role for role, _ in told]
    assert {"banner", "main", "contentinfo", "region", "table", "columnheader"} <= set(roles)
    assert (roles.count("main"), roles.count("banner")) == (1, 1)
    pictures = [name for role, name in told if role in ("image", "img", "graphics-document")]
    assert len(pictures) > 5
    assert all(pictures)
    levels = await tab.evaluate(
        "[...document.querySelectorAll('h1,h2,h3,h4')].map(e => Number(e.tagName[1]))"
    )
    assert levels.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
    assert await tab.evaluate("document.documentElement.lang") == "en"


async def test_a_table_stays_one_for_a_screen_reader_on_a_telephone(
    tab: Tab, tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    page.write_text(page_of(made(bad_case())), encoding="utf-8")
    counts = []
    for width in (400, 1600):
        await tab.open(page, width)
        await tab.ask("Accessibility.enable")
        nodes = (await tab.ask("Accessibility.getFullAXTree"))["nodes"]
        roles = [node["role"]["value"] for node in nodes if not node["ignored"]]
        counts.append([roles.count(role) for role in ("table", "columnheader", "row", "rowheader")])
    assert counts[0] == counts[1]
    assert counts[0][0] == 4


async def test_nothing_moves(tab: Tab, tmp_path: Path) -> None:
    """Whether less motion is asked for or not."""
    page = tmp_path / "report.html"
    page.write_text(page_of(made(bad_case())), encoding="utf-8")
    for motion in ("no-preference", "reduce"):
        await tab.open(page, 1600)
        feature = {"name": "prefers-reduced-motion", "value": motion}
        await tab.ask("Emulation.setEmulatedMedia", features=[feature])
        moving = (
            "[...document.querySelectorAll('*')].filter(e => (s => s.animationName != 'none' || "
            "parseFloat(s.transitionDuration) > 0)(getComputedStyle(e))).length"
        )
        assert await tab.evaluate(moving) == 0
        assert await tab.evaluate("document.getAnimations().length") == 0


async def test_the_page_of_a_fetch_is_complete_too(tab: Tab, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    happened = [
        (0.0, events.PackageStarted("f.bin", MIB, 0)),
        (0.3, events.PackageReady("f.bin", "/there")),
        (0.4, progress(dp=1.0)),
        (0.4, events.FetchEnded("succeeded", 0.4, 0, MIB, 0, 0)),
    ]
    page.write_text(page_of(made(happened)), encoding="utf-8")
    await tab.open(page, 400)
    assert tab.complaints == []
    shown = await tab.evaluate("document.body.innerText")
    assert "It took 0.4\u00a0s: nothing held it up." in shown
    assert "step runs" not in shown
    assert "0.3 s" in shown
