"""A part of a page of the documentation that a program writes, between two lines that mark it."""

from __future__ import annotations

from pathlib import Path


def markers(name: str) -> tuple[str, str]:
    """The lines before and after the part that ``python -m NAME`` writes."""
    return (
        f"<!-- begin: python -m {name} --write docs/rivals.md -->",
        f"<!-- end: python -m {name} -->",
    )


def write(path: Path, name: str, text: str) -> None:
    """Put a text between the marks of a program.

    Raises:
        ValueError: The page does not have both marks, once each, in this order; it is unchanged.
    """
    begin, end = markers(name)
    page = path.read_text(encoding="utf-8")
    before, found, rest = page.partition(f"{begin}\n")
    _, closed, after = rest.partition(f"{end}\n")
    if not found or not closed or begin in rest or end in after:
        raise ValueError(f"{path} does not have the lines {begin!r} and {end!r}, once each")
    path.write_text(f"{before}{begin}\n{text}\n{end}\n{after}", encoding="utf-8")
