"""A habit, and what became of one program's command for it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from bench.habits.place import Place, opened
from bench.rivals.supplies import Supplies


class Wrong(Exception):  # noqa: N818  # a finding, not an error
    """What is not as the habit wants it.

    Attributes:
        said: What the program said last, for people who look into it; it may have paths and dates.
    """

    def __init__(self, what: str, said: str = "") -> None:
        super().__init__(what)
        self.said = said


Proof = Callable[[Place, str], None]
"""Runs a command line in a place and looks at the result; raises ``Wrong``."""


class Habit(NamedTuple):
    """What people do.

    Attributes:
        name: What they want.
        proof: Whether they get it.
        lines: The command line of each program that has a way; the shell's variables in it are
            those of the place.
        with_bucket: Whether it needs a bucket.
        is_slow: Whether it takes seconds, because something has to take its time.
    """

    name: str
    proof: Proof
    lines: Mapping[str, str]
    with_bucket: bool = False
    is_slow: bool = False


class Finding(NamedTuple):
    """What became of a command.

    Attributes:
        line: The command line; empty if the program has no way.
        wrong: What was not as wanted; empty if all was.
        said: What the program said last, if it ended with an error.
    """

    line: str = ""
    wrong: str = ""
    said: str = ""

    @property
    def word(self) -> str:
        """For the table."""
        return "yes" if self.line and not self.wrong else "no"


def tried(habit: Habit, program: str, supplies: Supplies, folder: Path) -> Finding:
    """Try a habit with a program, in a folder that is made, and removed afterwards."""
    line = habit.lines.get(program, "")
    if not line:
        return Finding()
    try:
        with opened(folder, supplies, with_bucket=habit.with_bucket) as place:
            habit.proof(place, line)
    except Wrong as wrong:
        return Finding(line, str(wrong), wrong.said)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Finding(line)
