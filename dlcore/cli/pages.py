"""The pages that the installation carries, and what their tables say of a code.

A wheel has them in the folder ``pages`` beside this file, where the build copies them; a checkout
has them in ``docs``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from dlcore.disk.faults import storage_error

PAGES: Final = {
    **{name: name for name in ("tutorial", "command-line", "configuration", "fetching")},
    **{name: name for name in ("precache", "cache", "trust")},
    **{name: name for name in ("pruning", "events", "reports", "doctor", "task-sequences")},
    **{name: name for name in ("agent", "agent-install", "hook", "executors", "library")},
    "boundary-groups": "boundary-groups",
    "exit-codes": "exit-codes",
    "errors": "reference/errors",
    "metrics": "reference/metrics",
    **{name: name for name in ("faults", "durability", "protocols", "windows")},
}
"""Where the pages are, by their names, in the order in which people need them."""

WITH_CODES: Final = ("exit-codes", "faults")
_HERE = Path(__file__).parent
_COMMENT = re.compile(r"<!--.*?-->\n*", re.DOTALL)


class Row(NamedTuple):
    """What a table says of one thing.

    Attributes:
        page: Where the table is.
        cells: Its cells by their headings.
    """

    page: str
    cells: Mapping[str, str]


def folder() -> Path:
    """Where the pages are."""
    carried = _HERE / "pages"
    return carried if carried.is_dir() else _HERE.parent.parent / "docs"


def text_of(page: str) -> str:
    """A page, as Markdown, without comments.

    Raises:
        StorageError: The installation lacks it.
    """
    path = folder() / f"{PAGES[page]}.md"
    try:
        return _COMMENT.sub("", path.read_text(encoding="utf-8"))
    except OSError as error:
        remedy = "Install dlcore again."
        raise storage_error(error, "read the page", path, remedy=remedy) from error


def title_of(text: str) -> str:
    """The heading of a page."""
    return text.partition("\n")[0].lstrip("# ")


def rows_of(page: str, text: str) -> Iterator[Row]:
    """The rows of all tables of a page."""
    headings: list[str] = []
    for line in text.splitlines():
        if not line.startswith("|"):
            headings = []
        elif not headings:
            headings = _cells(line)
        elif not re.fullmatch(r"[|\s:-]+", line):
            yield Row(page, dict(zip(headings, _cells(line), strict=False)))


def rows_about(code: str, rows: Iterator[Row]) -> list[Row]:
    """The rows whose first or second cell names a code, and those that belong to them.

    A row without a first cell belongs to the one before it.

    Args:
        code: An error's code, an exit status, or the number of a fault; in any case of letters.
        rows: In the order of the page.
    """
    found: list[Row] = []
    is_about = False
    for row in rows:
        first, second, *_ = (*row.cells.values(), "", "")
        names = {name.lower() for cell in (first, second) for name in _names(cell)}
        is_about = code.lower() in names or (is_about and not first)
        if is_about:
            found.append(row)
    return found


def codes_of(rows: Iterator[Row]) -> list[str]:
    """The codes that the tables of a page explain."""
    cells = [tuple(row.cells.values())[:2] for row in rows]
    names = (name for pair in cells for cell in pair for name in _names(cell))
    return list(dict.fromkeys(names))


def _names(cell: str) -> list[str]:
    """The codes that a cell names: it is a number, or each stands between backquotes."""
    if re.fullmatch(r"[A-Z]*\d+", cell):
        return [cell]
    return cell.replace("`", "").split(", ") if re.fullmatch(r"`[\w-]+`(, `[\w-]+`)*", cell) else []


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
