"""A console's text: its commands and what each prints; and whether that is what was printed.

A line ``...`` stands for any number of lines, ``...`` inside a line for any text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

PROMPT, CONTINUED = "$ ", "> "
ELISION = "..."


@dataclass(frozen=True)
class Exchange:
    """A command, and the lines that it prints."""

    command: str
    expected: tuple[str, ...]


def exchanges_of(text: str) -> list[Exchange]:
    """Cut a console's text at its prompts.

    Raises:
        ValueError: It begins with something else than a prompt.
    """
    commands: list[str] = []
    printed: list[list[str]] = []
    for line in text.splitlines():
        if line.startswith(PROMPT):
            commands.append(line.removeprefix(PROMPT))
            printed.append([])
        elif not commands:
            raise ValueError(f"a console begins with {PROMPT!r}, not with {line!r}")
        elif line.startswith(CONTINUED) and not printed[-1]:
            commands[-1] += "\n" + line.removeprefix(CONTINUED)
        else:
            printed[-1].append(line.rstrip())
    return [Exchange(c, tuple(p)) for c, p in zip(commands, printed, strict=True)]


def matches(expected: tuple[str, ...], printed: str) -> bool:
    """Whether a command printed what the document says.

    Args:
        expected: Lines of the document, with elisions.
        printed: All that the command printed.
    """
    lines = [line.rstrip() for line in printed.splitlines()]
    return _pattern(expected).fullmatch("".join(f"{line}\n" for line in lines)) is not None


def _pattern(expected: tuple[str, ...]) -> re.Pattern[str]:
    parts = [
        r"(?:.*\n)*?"
        if line.strip() == ELISION
        else ".*?".join(re.escape(part) for part in line.split(ELISION)) + r"\n"
        for line in expected
    ]
    return re.compile("".join(parts))
