"""The generated pages say what the code says."""

from __future__ import annotations

import re

import pytest

import dlcore
from dlcore.cli.app import COMMANDS
from tests.docs.reference import library
from tests.docs.reference.pages import FOLDER, PAGES


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_up_to_date(name: str) -> None:
    written = (FOLDER / f"{name}.md").read_text("utf-8")
    assert written == PAGES[name](), "python -m tests.docs.reference"


def test_every_page_there_is_generated() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(PAGES)


def test_every_command_has_a_section() -> None:
    told = re.findall(r"^## dlcore (\w+)", PAGES["commands"](), re.MULTILINE)
    assert list(dict.fromkeys(told)) == list(COMMANDS)


def test_every_public_name_is_on_one_of_the_pages() -> None:
    pages = [*(PAGES[name]() for name in ("library", "errors"))]
    pages.append((FOLDER.parent / "events.md").read_text("utf-8"))
    told = set(re.findall(r"^##+ (\w+)$", "\n".join(pages), re.MULTILINE))
    assert set(dlcore.__all__) - {"Event", "sync"} <= told


def test_what_the_package_calls_internal_is_not_on_the_page() -> None:
    assert {"hold", "package_index", "bus"} <= library.internal()["Client"]
    assert library.internal()["Session"] == {"upcoming"}
    text = PAGES["library"]()
    for owner, members in library.internal().items():
        for member in members:
            assert f"#### {owner}.{member}\n" not in text
