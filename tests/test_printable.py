"""Foreign text on a terminal: nothing in it is obeyed, reordered or invisible."""

from __future__ import annotations

import ast
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dlcore
from dlcore.printable import printable, quoted

DANGEROUS = [
    *map(chr, (*range(0x20), *range(0x7F, 0xA0))),
    *"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c",
    *"\u200b\u200c\u200d\u2060\ufeff\u00ad\u2028\u2029\ud800\udfff\U000e0041",
]


@pytest.mark.parametrize("character", DANGEROUS, ids=ascii)
def test_a_character_that_a_terminal_obeys_or_hides_is_escaped(character: str) -> None:
    """Fault: a name contains an escape sequence. dlcore shows it as text, on every output."""
    shown = printable(f"a{character}b")
    assert shown == f"a{ascii(character)[1:-1]}b"
    assert shown.isascii()


@given(st.text(st.characters(exclude_categories=[])))
def test_any_text_becomes_visible_and_can_be_encoded(text: str) -> None:
    shown = printable(text)
    assert all(c.isprintable() or unicodedata.category(c) == "Zs" for c in shown)
    assert len(shown.encode()) >= len(text)


@given(st.text(st.characters(exclude_categories=["C", "Z"])))
def test_visible_text_stays_as_it_is(text: str) -> None:
    assert printable(text) == text


def test_what_is_ours_may_be_kept() -> None:
    assert printable("a\n\x1b\u3000", keep="\n") == "a\n\\x1b\u3000"


def test_long_text_is_cut() -> None:
    assert printable("x" * 11, max_characters=10) == "x" * 10 + "..."
    assert printable("x" * 10, max_characters=10) == "x" * 10


def test_quoted_text_keeps_its_backslashes() -> None:
    assert quoted("\\\\server\\share\n") == "'\\\\server\\share\\n'"


ROOT = Path(dlcore.__file__).parent
FOR_PROGRAMMERS = {"__init__.py", "native/portable.py"}
"""Files whose messages quote the names of Python."""


def test_messages_quote_text_for_people() -> None:
    """Fault: a message shows a path of Windows with doubled backslashes, so that it cannot be
    copied. dlcore shows it as it is.
    """
    found = [
        f"{path}:{node.lineno}"
        for path in ROOT.rglob("*.py")
        if path.relative_to(ROOT).as_posix() not in FOR_PROGRAMMERS
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FormattedValue) and node.conversion == ord("r")
    ]
    assert not found, "write quoted(...) in place of !r"
