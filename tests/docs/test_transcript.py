"""A console's text is compared with what was printed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.docs.transcript import exchanges_of, matches

LINES = st.lists(st.text(st.characters(categories=["L", "N", "P"]), max_size=8))


def test_a_console_is_cut_at_its_prompts() -> None:
    first, second = exchanges_of("$ cat <<E\n> text\n> E\ntext\n\n$ true\n")
    assert (first.command, first.expected) == ("cat <<E\ntext\nE", ("text", ""))
    assert (second.command, second.expected) == ("true", ())


def test_output_without_a_command_is_refused() -> None:
    with pytest.raises(ValueError, match="begins with"):
        exchanges_of("text\n$ true\n")


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        (("one", "two"), "one\ntwo\n", True),
        (("one",), "one\ntwo\n", False),
        (("one", "two"), "one\n", False),
        (("one", "..."), "one\n", True),
        (("...", "two"), "one\none\ntwo\n", True),
        (("...", "two"), "one\n", False),
        (("took ... s",), "took 0.5 s\n", True),
        (("took ... s",), "took 0.5 s or so\n", False),
        (("a...b",), "a\nb\n", False),  # inside a line, none is passed over
        (("a (b)*",), "a (b)*\n", True),
        ((), "", True),
        ((), "warning\n", False),
    ],
)
def test_an_elision_stands_for_what_it_may(
    expected: tuple[str, ...], printed: str, same: bool
) -> None:
    assert matches(expected, printed) is same


@given(LINES)
def test_what_was_printed_matches_itself(lines: list[str]) -> None:
    assert matches(tuple(lines), "".join(f"{line}\n" for line in lines))


@given(LINES, LINES, LINES)
def test_lines_that_are_left_out_may_be_any(
    before: list[str], out: list[str], after: list[str]
) -> None:
    printed = "".join(f"{line}\n" for line in [*before, *out, *after])
    assert matches((*before, "...", *after), printed)
