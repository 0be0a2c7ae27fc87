"""Texts of the code as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable

GENERATED = "This page is generated from the code (`python -m tests.docs.reference`)."


def prose(text: str) -> str:
    """A docstring's text: one backquote around code, each paragraph on a line of its own."""
    paragraphs = re.split(r"\n\s*\n", text.strip())
    return "\n\n".join(" ".join(_code(paragraph).split()) for paragraph in paragraphs)


def cell(text: str) -> str:
    """The same on one line, for a table."""
    return " ".join(_code(text).split()).replace("|", "\\|")


def code(text: str) -> str:
    """Text that stands in a table as code; empty if there is none."""
    return f"`{text}`".replace("|", "\\|") if text else ""


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table; empty if it has no rows."""
    names = list(head)
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    if not lines:
        return ""
    return "\n".join(["| " + " | ".join(names) + " |", "|" + "---|" * len(names), *lines])


def page(*parts: str) -> str:
    """Parts with an empty line between them; those that are empty are left out."""
    return "\n\n".join(part for part in parts if part) + "\n"


def _code(text: str) -> str:
    return re.sub(r"`+", "`", text)
