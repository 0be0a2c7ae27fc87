"""Writes ``docs/faults.md`` from the catalogue and the tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.faults.catalogue import CATALOGUE
from tests.faults.collection import Shown

HEAD = """# Faults

What can go wrong, what dlcore does about it, and the test that shows it. This page is generated
from the docstrings of the tests (`python -m tests.faults > docs/faults.md`). `make torture` does
many of these things at random moments.
"""
_COLUMNS = "| Fault | What dlcore does | Test |\n|---|---|---|"


def document(tests: Sequence[Shown]) -> str:
    """The page."""
    return "\n".join([HEAD, *_numbered(tests), *_others(tests)]) + "\n"


def _numbered(tests: Sequence[Shown]) -> Iterator[str]:
    for chapter, faults in CATALOGUE.items():
        yield f"## {chapter}"
        yield "| No. | Fault | Shown | What dlcore does | Test |\n|---|---|---|---|---|"
        for number, fault in faults.items():
            names = f"{number} | {fault}"  # said once
            for shown in [test for test in tests if number in test.numbers]:
                yield f"| {names} | {shown.what} | {shown.does} | `{shown.test}` |"
                names = " | "
        yield ""


def _others(tests: Sequence[Shown]) -> Iterator[str]:
    others = [test for test in tests if not test.numbers]
    for room in sorted({test.room for test in others}):
        yield f"## Also: {room}"
        yield _COLUMNS
        for shown in others:
            if shown.room == room:
                yield f"| {shown.what} | {shown.does} | `{shown.test}` |"
        yield ""
