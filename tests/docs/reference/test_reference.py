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


def test_internal_members_are_those_that_the_package_names() -> None:
    text = (dlcore.__doc__ or "").partition("`Client.hold`")[2]
    named = set(re.findall(r"`(?:Session\.)?(\w+)`", text.partition("internal too")[0])) | {"hold"}
    assert set().union(*library.INTERNAL.values()) == named
