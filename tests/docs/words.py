"""Ways of saying things that are certainly not plain English, or not the project's words.

Only what is wrong wherever it stands: a pattern that could also find a good sentence is not here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]

GENERATED = ("docs/reference/", "docs/man/", "docs/faults.md", "docs/events.md")
"""Pages that are made from the code: what is wrong there is corrected in the code."""

_COMPARED = "longer|more|less|fewer|better|worse|faster|slower|later|earlier|larger|smaller"

_IS_NO = rf"\b(?:is|are|was|were) no(?:ne\b| (?!(?:{_COMPARED})\b)\w+)"

_PATTERNS = {
    "write 'is not a', or say what it is": _IS_NO,
    "write 'as many as', or the number": r"\bso (?:many|much|long|often|few) as\b",
    "write it without 'let alone'": r"let alone\b",
    "write 'be reached', 'be read' or 'be fetched'": r"\bbe had\b",
    "name a bound MAX_": r"MOST_[A-Z]+",
    "name a bound MIN_": r"LEAST_[A-Z]+",
    "write _bytes_per_s": r"bps\b",
}
_REGEXES = {
    instead: re.compile(pattern.replace(" ", r"[\s#]+"))  # also over the end of a line
    for instead, pattern in _PATTERNS.items()
}

_THERE = re.compile(r"\b(?:there|where)(?:[\s#]+(?:still|also|then))?[\s#]+$", re.IGNORECASE)


class Found(NamedTuple):
    """A wrong way of saying something.

    Attributes:
        line: Where it begins, counted from 1.
        text: What stands there.
        instead: What to write instead.
    """

    line: int
    text: str
    instead: str


def wrong_words(text: str) -> Iterator[Found]:
    """Everything in a text that one of the patterns finds."""
    for instead, regex in _REGEXES.items():
        for match in regex.finditer(text):
            if not _THERE.search(text[max(0, match.start() - 40) : match.start()]):
                line = text.count("\n", 0, match.start()) + 1
                yield Found(line, " ".join(match[0].split()), instead)


def written_files() -> Iterator[Path]:
    """The package's modules, and the pages that people write."""
    yield from sorted((ROOT / "dlcore").rglob("*.py"))
    for page in sorted((ROOT / "docs").rglob("*.md")):
        if not page.relative_to(ROOT).as_posix().startswith(GENERATED):
            yield page
