"""The page about faults says what the tests say, and no fault is without a test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.catalogue import CATALOGUE
from tests.faults.collection import TESTS, collect, shown_by
from tests.faults.document import document

SHOWN = collect()
NUMBERS = {number for faults in CATALOGUE.values() for number in faults}


def test_the_page_is_up_to_date() -> None:
    page = (TESTS.parent / "docs" / "faults.md").read_text(encoding="utf-8")
    assert page == document(SHOWN), "python -m tests.faults > docs/faults.md"


def test_every_fault_of_the_catalogue_has_a_test() -> None:
    assert {number for test in SHOWN for number in test.numbers} == NUMBERS


def test_every_test_is_on_the_page_for_each_of_its_faults() -> None:
    page = document(SHOWN)
    for test in SHOWN:
        assert page.count(f"`{test.test}`") == max(1, len(test.numbers))


def test_a_docstring_is_taken_apart() -> None:
    shown = shown_by("Fault N1, H2: a v1.0 server lies. dlcore finds out.", "tests/a/b.py::test")
    assert shown.numbers == ("N1", "H2")
    assert (shown.what, shown.does) == ("a v1.0 server lies", "dlcore finds out.")
    assert shown.room == "a"
    assert shown_by("Fault: it breaks. dlcore mends it.", "tests/b.py::test").numbers == ()


@pytest.mark.parametrize("doc", ["Fault", "Fault: only what", "Fault X: a. b.", "Faults: a. b."])
def test_a_docstring_of_another_form_is_an_error(doc: str, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(f'def test_it():\n    """{doc}"""\n')
    with pytest.raises(ValueError, match="expected"):
        collect(tmp_path)
