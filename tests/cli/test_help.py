"""`dlcore help` shows commands, pages, and what a code means."""

from __future__ import annotations

import inspect

import pytest

from dlcore import errors
from dlcore.cli.pages import PAGES, folder, rows_about, rows_of, text_of
from tests.cli.helpers import Here, refused
from tests.faults.catalogue import CATALOGUE

CODES = sorted(
    {
        each.code
        for _, each in inspect.getmembers(errors, inspect.isclass)
        if issubclass(each, errors.DlcoreError)
    }
)


@pytest.mark.parametrize("code", CODES)
def test_every_code_of_an_error_is_explained(code: str, here: Here) -> None:
    ended = here("help", code)
    assert ended.status == 0, ended.err
    assert code in ended.out
    assert "More: dlcore help exit-codes" in ended.out


@pytest.mark.parametrize("number", ["N3", "n3"])
def test_a_fault_is_explained_without_its_tests(number: str, here: Here) -> None:
    told = here("help", number).out
    assert next(each["N3"] for each in CATALOGUE.values() if "N3" in each) in told
    assert "::" not in told


def test_an_exit_status_is_explained(here: Here) -> None:
    told = here("help", "9").out
    assert "code: ownership" in told
    assert "code: storage" in told


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_shown_as_it_is(page: str, here: Here) -> None:
    for name in (f"{page}.md", f"docs/{page}.md"):
        assert here("help", name).out == text_of(page) + "\n"
    assert "<!--" not in text_of(page)
    assert page in here("help").out


def test_a_command_is_explained_as_by_its_own_help(here: Here) -> None:
    for words in (("fetch",), ("trust", "init")):
        assert here("help", *words).out == here(*words, "--help").out


def test_the_list_has_each_page_by_the_name_that_shows_it(here: Here) -> None:
    lines = [line.split() for line in here("help").out.splitlines() if line.startswith("  ")]
    names = [words[0] for words in lines if words[0].removesuffix(".md") in PAGES]
    assert [name.removesuffix(".md") for name in names] == list(PAGES)
    for name in names:
        assert here("help", name).out.startswith("# "), name


def test_a_name_of_several_things_shows_them(here: Here) -> None:
    told = here("help", "trust").out
    assert told.startswith(here("trust", "--help").out)
    assert "code: trust" in told
    assert told.index("The page about it: dlcore help trust.md") < told.index("code: trust")
    assert here("help", "fetching").out.startswith("# Fetching")


def test_programs_get_a_document(here: Here) -> None:
    assert here("help", "--json").document["pages"].keys() == set(PAGES)
    assert "not-found" in here("help", "not-found", "--json").document["text"]


def test_what_is_no_topic_is_refused_with_the_nearest(here: Here) -> None:
    told = refused(here("help", "exit-cods", "--json"), 2, "config")["message"]
    assert "did you mean exit-codes?" in str(told)
    told = refused(here("help", "trust", "inti", "--json"), 2, "config")["message"]
    assert "trust inti" in str(told)


def test_rows_without_a_first_cell_belong_to_the_one_before() -> None:
    text = "| No. | Fault |\n|---|---|\n| N1 | a |\n|  | b |\n| N2 | c |\n"
    text += "\n| `x` | y |\n|-|-|\n| 1 | z |"
    assert [row.cells["Fault"] for row in rows_about("N1", rows_of("page", text))] == ["a", "b"]
    assert [row.cells["y"] for row in rows_about("1", rows_of("page", text))] == ["z"]
    assert rows_about("x", rows_of("page", text)) == []  # a heading


def test_a_checkout_has_its_pages_in_docs() -> None:
    assert folder().name == "docs"
