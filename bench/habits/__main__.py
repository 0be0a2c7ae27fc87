"""Prints which program serves which habit, and with which command. ``python -m bench.habits``.

It tries each command against servers on loopback, and looks at what is on disk afterwards.
``--write PAGE`` puts the table into a page of the documentation. Other words choose the habits
whose names contain one of them.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from bench.habits import checking, names, network, scripts
from bench.habits.habit import Finding, Habit, tried
from bench.rivals import page
from bench.rivals.choosing import Chosen, chosen
from bench.rivals.supplies import HABIT_SIZES, SEED, Supplies
from bench.rivals.tools import Rival

THIRTY = (*names.HABITS, *network.HABITS, *checking.HABITS, *scripts.HABITS)
OF_TWO = (*network.OF_TWO, *checking.OF_TWO, *scripts.OF_TWO)

_Row = tuple[Habit, list[Finding]]


def main() -> None:
    """Try the chosen habits, or all."""
    asked = chosen("bench.habits", __doc__, "habits")
    print(f"seed {SEED}", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="dlcore-habits-") as folder:
        supplies = Supplies(Path(folder), HABIT_SIZES, asked.dlcore)
        parts = [_try_all(habits, asked, supplies) for habits in (THIRTY, OF_TWO)]
    text = report(asked.rivals, *parts)
    print(text)
    if asked.page:
        page.write(asked.page, "bench.habits", text)


def _try_all(habits: tuple[Habit, ...], asked: Chosen, supplies: Supplies) -> list[_Row]:
    rows = []
    for habit in habits:
        if not asked.has(habit.name):
            continue
        print(habit.name, file=sys.stderr)
        folder = supplies.folder / "place"
        rows.append((habit, [_find(habit, rival, supplies, folder) for rival in asked.rivals]))
    return rows


def _find(habit: Habit, rival: Rival, supplies: Supplies, folder: Path) -> Finding:
    if not rival.is_installed():
        return Finding(habit.lines.get(rival.name, ""), "not installed")
    finding = tried(habit, rival.name, supplies, folder)
    if finding.wrong:
        print(f"  {rival.name}: {finding.wrong} {finding.said[:200]}", file=sys.stderr)
    return finding


def report(rivals: list[Rival], thirty: list[_Row], of_two: list[_Row]) -> str:
    """The tables and the commands, as Markdown."""
    installed = [rival for rival in rivals if rival.is_installed()]
    lines = [", ".join(rival.version() for rival in installed) + ".", ""]
    lines += ["What three or four of the others do:", "", *_table(rivals, thirty), ""]
    lines += ["What two of the others do:", "", *_table(rivals, of_two), ""]
    lines += ["The commands, and what was wrong where the answer is no:", ""]
    lines += ["<!-- not run: what was run for the table -->", "```text"]
    for row in (*thirty, *of_two):
        lines += _commands(rivals, row)
    return "\n".join((*lines, "```"))


def _table(rivals: list[Rival], rows: list[_Row]) -> list[str]:
    head = "| | Habit | " + " | ".join(rival.name for rival in rivals) + " |"
    lines = [head, "|---" * (len(rivals) + 2) + "|"]
    for habit, findings in rows:
        words = " | ".join(finding.word for finding in findings)
        lines.append(f"| {_number(habit)} | {habit.name} | {words} |")
    counts = [sum(f[at].word == "yes" for _, f in rows) for at in range(len(rivals))]
    return [*lines, f"| | yes, of {len(rows)} | " + " | ".join(map(str, counts)) + " |"]


def _number(habit: Habit) -> int:
    return (THIRTY + OF_TWO).index(habit) + 1


def _commands(rivals: list[Rival], row: _Row) -> list[str]:
    habit, findings = row
    lines = [f"# {_number(habit)}. {habit.name}"]
    for rival, finding in zip(rivals, findings, strict=True):
        if not finding.line:
            lines.append(f"# {rival.name}: no way")
        else:
            wrong = f"  # no: {finding.wrong}" if finding.wrong else ""
            lines.append(f"{finding.line}{wrong}")
    return [*lines, ""]


if __name__ == "__main__":
    main()
