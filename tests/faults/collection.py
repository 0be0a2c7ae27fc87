"""Finds the tests that show a fault, by their docstrings, without importing them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).parent.parent
_FORM = re.compile(r"Fault(?: (?P<numbers>[A-Z]\d+(?:, [A-Z]\d+)*))?: (?P<what>.+?)\. (?P<does>.+)")


class Shown(NamedTuple):
    """A test that shows a fault.

    Attributes:
        test: Its file and name, as pytest takes them.
        numbers: Of the faults in the catalogue; empty if it has none of them.
        what: The fault.
        does: What dlcore does about it.
    """

    test: str
    numbers: tuple[str, ...]
    what: str
    does: str

    @property
    def room(self) -> str:
        """The room that the test belongs to."""
        parts = self.test.split("/")
        return parts[1] if len(parts) > 2 else "dlcore"


def collect(root: Path = TESTS) -> list[Shown]:
    """All tests that show a fault, by file and name.

    Raises:
        ValueError: A docstring begins with ``Fault`` and does not have the right form.
    """
    return [
        shown
        for path in sorted(root.rglob("test_*.py"))
        for shown in _in_file(path, path.relative_to(root.parent).as_posix())
    ]


def _in_file(path: Path, name: str) -> Iterator[Shown]:
    tree = ast.parse(path.read_bytes())
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        doc = (ast.get_docstring(node) or "").partition("\n\n")[0].replace("\n", " ")
        if doc.startswith("Fault") and node.name.startswith("test_"):
            yield shown_by(doc, f"{name}::{node.name}")


def shown_by(doc: str, test: str) -> Shown:
    """What the first paragraph of a test's docstring says.

    Raises:
        ValueError: It does not have the right form.
    """
    found = _FORM.fullmatch(doc)
    if found is None:
        raise ValueError(f"{test}: 'Fault N1: what happens. What dlcore does.' expected: {doc!r}")
    numbers = tuple((found["numbers"] or "").split(", ")) if found["numbers"] else ()
    return Shown(test, numbers, found["what"], found["does"])
