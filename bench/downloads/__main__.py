"""Prints who ends ten downloads right, and in what time. ``python -m bench.downloads``.

Each download is a server on loopback that is difficult in one way, always in the same one.
``--rounds N`` is how often each program fetches (3); the programs take turns. One that does not
end as it should is not asked again. ``--write PAGE`` puts the table into a page of the
documentation. Other words choose the downloads whose names contain one of them.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from bench.downloads.download import LOST_SHARE, Download, Outcome, median_s, tried
from bench.downloads.servers import SEED
from bench.downloads.ten import SIZES, TEN
from bench.rivals import page
from bench.rivals.choosing import chosen
from bench.rivals.supplies import SEED as CONTENT_SEED
from bench.rivals.supplies import Supplies
from bench.rivals.tools import Rival


def main() -> None:
    """Try the chosen downloads, or all."""
    asked = chosen("bench.downloads", __doc__, "downloads", rounds=3)
    print(f"seeds {CONTENT_SEED} (content), {SEED} (flaky link)", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="dlcore-downloads-") as folder:
        supplies = Supplies(Path(folder), SIZES, asked.dlcore)
        rows = [
            (download, _rounds(download, asked.rivals, supplies, asked.rounds))
            for download in TEN
            if asked.has(download.name)
        ]
    text = report(asked.rivals, rows)
    print(text)
    if asked.page:
        page.write(asked.page, "bench.downloads", text)


_Runs = dict[str, list[Outcome]]


def _rounds(download: Download, rivals: list[Rival], supplies: Supplies, rounds: int) -> _Runs:
    print(download.name, file=sys.stderr)
    runs: _Runs = {rival.name: [] for rival in rivals if rival.is_installed()}
    for _ in range(rounds):
        for name, outcomes in runs.items():
            if not outcomes or outcomes[-1].verdict is download.expected:
                outcome = tried(download, name, supplies, supplies.folder / "scene")
                outcomes.append(outcome)
                print(f"  {name}: {_told(outcome)}", file=sys.stderr)
    return runs


def _told(outcome: Outcome) -> str:
    lost = f", lost {outcome.lost_share:.0%}" if outcome.lost_share > LOST_SHARE else ""
    return f"{outcome.verdict}, {outcome.wall_s:.2f} s{lost} {outcome.said[:200]}"


def report(rivals: list[Rival], rows: list[tuple[Download, _Runs]]) -> str:
    """The table and the commands, as Markdown."""
    installed = [rival for rival in rivals if rival.is_installed()]
    names = [rival.name for rival in rivals]
    lines = [", ".join(rival.version() for rival in installed) + ".", ""]
    lines += ["| | Download | " + " | ".join(names) + " |", "|---" * (len(names) + 2) + "|"]
    for number, (download, runs) in enumerate(rows, 1):
        cells = [_cell(download, runs, name) for name in names]
        lines.append(f"| {number} | {download.name} | " + " | ".join(cells) + " |")
    lines += ["", "The commands:", "", "<!-- not run: what was run for the table -->", "```text"]
    for number, (download, _) in enumerate(rows, 1):
        shown = [download.lines.get(name, f"# {name}: no way") for name in names]
        lines += [f"# {number}. {download.name}", *shown, ""]
    return "\n".join((*lines, "```"))


def _cell(download: Download, runs: _Runs, name: str) -> str:
    if name not in runs:
        return "not installed"
    outcomes = runs[name]
    last = outcomes[-1]
    if last.verdict is not download.expected:
        return str(last.verdict)
    words = [str(last.verdict), f"{median_s(outcomes):.1f} s"]
    ours = runs.get("dlcore", [])
    if name != "dlcore" and ours and ours[-1].verdict is download.expected:
        words[1] = f"{median_s(outcomes) / median_s(ours):.2f}"
    if (lost := max(outcome.lost_share for outcome in outcomes)) > LOST_SHARE:
        words.append(f"lost {lost:.0%}")
    return ", ".join(words)


if __name__ == "__main__":
    main()
