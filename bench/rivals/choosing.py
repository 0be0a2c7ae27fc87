"""Which programs a comparison asks and what of it is tried, from its command line."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

from bench.rivals.tools import RIVALS, Rival


class Chosen(NamedTuple):
    """What a command line says.

    Attributes:
        parts: Of the names of what is to be tried; none: all of it.
        rivals: The programs; those that are not installed were named on standard error.
        dlcore: Another dlcore than that of this tree; empty for that one.
        page: The page to put the table into; None for none.
        rounds: How often each program is asked.
    """

    parts: list[str]
    rivals: list[Rival]
    dlcore: str
    page: Path | None
    rounds: int

    def has(self, name: str) -> bool:
        """Whether something of that name is to be tried."""
        return not self.parts or any(part in name for part in self.parts)


def chosen(program: str, about: str | None, what: str, *, rounds: int = 0) -> Chosen:
    """Read the command line.

    Args:
        program: The module, such as ``bench.habits``.
        about: What it does.
        what: What is tried, in words: ``habits``.
        rounds: How often each program is asked unless ``--rounds`` says so; 0 if it is asked once.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {program}", description=about)
    parser.add_argument("part", nargs="*", help=f"of the names of the {what} to try")
    parser.add_argument("--only", help="try one program alone")
    parser.add_argument("--dlcore", default="", help="another dlcore than that of this tree")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="page to put the table into")
    if rounds:
        words = "how often each program fetches"
        parser.add_argument("--rounds", type=int, default=rounds, help=words)
    told = parser.parse_args()
    rivals = [rival for rival in RIVALS if told.only in (None, rival.name)]
    for rival in rivals:
        if not rival.is_installed():
            print(f"not installed: {rival.name} ({rival.install})", file=sys.stderr)
    return Chosen(told.part, rivals, told.dlcore, told.write, told.rounds if rounds else 1)
