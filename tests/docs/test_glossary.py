"""The glossary can be looked up by eye."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs/architecture.md"


def order_of(row: str) -> str:
    """What a row is sorted by: its term without marks, in lower case."""
    return re.sub(r"[*`]", "", row.split("|")[1].strip()).lower().replace("-", " ")


def test_the_glossary_is_in_alphabetical_order() -> None:
    glossary = PAGE.read_text("utf-8").partition("## Glossary")[2]
    terms = [order_of(line) for line in glossary.splitlines() if line.startswith("|")][2:]
    assert len(terms) > 100
    assert terms == sorted(terms)
