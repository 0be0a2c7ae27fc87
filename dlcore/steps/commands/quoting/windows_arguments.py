"""The arguments that a program of Microsoft's C runtime makes of its command line.

Guarantees: the inverse of `subprocess.list2cmdline`. Pure, and for any system: a stand-in for a
Windows program gets what the program itself would get.

Source: Microsoft Learn, "Parsing C command-line arguments".
"""

from __future__ import annotations

import re
from typing import Final

_BLANKS: Final = re.compile(r"[ \t]+")
_RUN: Final = re.compile(r'(\\*)"|[^"\\ \t]+|\\+')


def arguments_of(line: str) -> list[str]:
    """Parse a command line.

    Args:
        line: All of it, the program first. The program ends at its closing quotation mark, or
            else at the first space; backslashes escape nothing there.
    """
    text = line.strip(" \t")
    if text.startswith('"'):
        program, _, rest = text[1:].partition('"')
    else:
        program, *others = _BLANKS.split(text, maxsplit=1)
        rest = "".join(others)
    return [program, *_arguments(rest)]


def _arguments(text: str) -> list[str]:
    found: list[str] = []
    at = 0
    while True:
        at = _behind_blanks(text, at)
        if at == len(text):
            return found
        argument, at = _argument(text, at)
        found.append(argument)


def _behind_blanks(text: str, at: int) -> int:
    blanks = _BLANKS.match(text, at)
    return blanks.end() if blanks else at


def _argument(text: str, at: int) -> tuple[str, int]:
    """One argument and where it ends."""
    made: list[str] = []
    is_quoted = False
    while at < len(text):
        run = _RUN.match(text, at)
        if run is None:  # a blank
            if not is_quoted:
                break
            made.append(text[at])
            at += 1
            continue
        at = run.end()
        if not run[0].endswith('"'):
            made.append(run[0])
            continue
        made.append("\\" * (len(run[1]) // 2))
        if len(run[1]) % 2:
            made.append('"')
        elif is_quoted and text[at : at + 1] == '"':  # two marks inside quotes are one
            made.append('"')
            at += 1
        else:
            is_quoted = not is_quoted
    return "".join(made), at
