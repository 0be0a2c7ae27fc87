"""The page in a real browser: no complaint, nothing wider than the screen, a sensible order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from dlcore.timeline.page import page_of
from tests.timeline.browser import PROGRAM, Tab, browser
from tests.timeline.scene import bad_case, made
from tests.timeline.test_page import HOSTILE, hostile_run

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="Chromium is not installed")
NAME_OF_FOCUS = "(e => e.getAttribute('aria-label') || e.innerText)(document.activeElement)"
LONG = "AVeryLongNameWithoutAnySpace" * 10


@pytest_asyncio.fixture
async def tab(tmp_path: Path) -> AsyncIterator[Tab]:
    async with browser(tmp_path / "profile") as tab:
        yield tab


@pytest.mark.parametrize("width", [400, 1600])
async def test_the_page_fits_the_screen_and_the_browser_does_not_complain(
    tab: Tab, tmp_path: Path, width: int
) -> None:
    page = tmp_path / "report.html"
    for name, happened in (("bad case", bad_case()), ("long names", hostile_run(LONG))):
        page.write_text(page_of(made(happened)), encoding="utf-8")
        for scheme in ("light", "dark"):
            await tab.open(page, width, scheme=scheme)
            wide = await tab.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, name
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


async def test_the_keyboard_goes_through_the_page_in_order(tab: Tab, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text(page_of(made(bad_case())), encoding="utf-8")
    await tab.open(page, 400)
    seen = []
    for _ in range(5):
        for kind in ("keyDown", "keyUp"):
            await tab.ask("Input.dispatchKeyEvent", type=kind, key="Tab", windowsVirtualKeyCode=9)
        active = "document.activeElement"
        seen.append(
            await tab.evaluate(f"{active}.getAttribute('aria-label') || {active}.innerText")
        )
    tables = [f"Table: {name}" for name in ("Steps", "Packages", "Endpoints", "Bandwidth")]
    assert seen == ["Skip to the reasons", *tables]
