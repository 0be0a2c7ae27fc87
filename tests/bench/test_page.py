"""What a program writes into a page of the documentation stays between its marks."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.rivals import page


def test_only_what_is_between_the_marks_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    begin, end = page.markers("bench.habits")
    path.write_text(f"before\n{begin}\nold\n{end}\nafter\n", encoding="utf-8")
    page.write(path, "bench.habits", "new\nlines")
    page.write(path, "bench.habits", "newer")
    assert path.read_text(encoding="utf-8") == f"before\n{begin}\nnewer\n{end}\nafter\n"


@pytest.mark.parametrize("text", ["", "{begin}\n", "{end}\n{begin}\n", "{begin}\n{begin}\n{end}\n"])
def test_a_page_without_both_marks_stays_as_it_is(text: str, tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    begin, end = page.markers("bench.habits")
    text = text.format(begin=begin, end=end)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="once each"):
        page.write(path, "bench.habits", "new")
    assert path.read_text(encoding="utf-8") == text


def test_the_page_of_rivals_has_the_marks_of_both_programs() -> None:
    text = (Path(__file__).parents[2] / "docs" / "rivals.md").read_text(encoding="utf-8")
    for name in ("bench.habits", "bench.downloads"):
        for mark in page.markers(name):
            assert text.count(f"{mark}\n") == 1
