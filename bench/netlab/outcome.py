"""What a run of the laboratory found: judged, as a table for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from bench.netlab.comparison import Entry
from bench.netlab.profiles import Profile

MIB = 1 << 20


class Verdict(msgspec.Struct, frozen=True):
    """One thing that dlcore should reach.

    Attributes:
        what: In words.
        value: What was measured.
        wanted: The bound.
        at_most: Whether the bound is an upper one.
    """

    what: str
    value: float
    wanted: float
    at_most: bool = False

    @property
    def reached(self) -> bool:
        return self.value <= self.wanted if self.at_most else self.value >= self.wanted


class Outcome(msgspec.Struct, frozen=True):
    """One profile or experiment.

    Attributes:
        name: Its name.
        about: The link or links, in words.
        entries: One a tool; none for an experiment.
        verdicts: What dlcore should reach.
        skipped: What was not measured, and why.
        notes: What else was seen.
    """

    name: str
    about: str
    entries: list[Entry] = []
    verdicts: list[Verdict] = []
    skipped: list[str] = []
    notes: list[str] = []


def judged(profile: Profile, entries: list[Entry], skipped: list[str]) -> Outcome:
    """A profile's entries and how dlcore stands among them."""
    about = f"{profile.link}, {profile.congestion}{', TLS' if profile.tls else ''}"
    verdicts: list[Verdict] = []
    ours = next((entry.share for entry in entries if entry.tool == "dlcore"), None)
    best = max((entry.share for entry in entries if entry.tool != "dlcore"), default=0.0)
    if ours is not None and profile.at_least:
        verdicts.append(Verdict("share of the link", ours, profile.at_least))
    if ours is not None and profile.lead and best:
        verdicts.append(Verdict("times the best rival's share", ours / best, profile.lead))
    return Outcome(profile.name, about, entries, verdicts, skipped)


def write(path: Path, outcomes: Sequence[Outcome], facts: dict[str, str]) -> None:
    """Write everything as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = {"facts": facts, "outcomes": msgspec.to_builtins(list(outcomes))}
    path.write_bytes(msgspec.json.format(msgspec.json.encode(whole)))


def show(outcomes: Sequence[Outcome], facts: dict[str, str]) -> None:
    """Print one table a profile, then what was wanted and what was reached."""
    console = Console(width=120)
    for outcome in outcomes:
        if outcome.entries:
            console.print(_table_of_entries(outcome))
    console.print(_table_of_verdicts(outcomes))
    for line in _lines(outcomes, facts):
        console.print(line, highlight=False)


def _table_of_entries(outcome: Outcome) -> Table:
    table = Table(title=f"{outcome.name}: {outcome.about}", title_justify="left")
    table.add_column("tool")
    for column in ("share", "lowest", "highest", "MiB", "wall s", "CPU s", "peak MiB", "conn."):
        table.add_column(column, justify="right")
    table.add_column("verified")
    for entry in sorted(outcome.entries, key=lambda entry: -entry.share):
        table.add_row(*_cells(entry))
    return table


def _cells(entry: Entry) -> Iterator[str]:
    shares = [result.share for result in entry.results]
    result = sorted(entry.results, key=lambda result: result.share)[len(shares) // 2]
    run = result.run
    yield entry.tool
    yield f"{entry.share:.3f}{'*' if entry.cut_short else ''}"
    yield from (f"{min(shares):.3f}", f"{max(shares):.3f}")
    yield from (f"{run.received_bytes / MIB:.0f}", f"{run.cost.wall_s:.2f}")
    yield "" if run.cut_short else f"{run.cost.cpu_s:.2f}"
    yield "" if run.cut_short else f"{run.cost.peak_bytes / MIB:.0f}"
    yield f"{result.traffic.connections}"
    yield entry.verified


def _table_of_verdicts(outcomes: Sequence[Outcome]) -> Table:
    table = Table(title="dlcore: wanted and reached", title_justify="left")
    for column in ("where", "what"):
        table.add_column(column)
    for column in ("measured", "wanted"):
        table.add_column(column, justify="right")
    table.add_column("reached")
    for outcome in outcomes:
        for verdict in outcome.verdicts:
            sign = "<=" if verdict.at_most else ">="
            wanted, reached = f"{sign} {verdict.wanted:.3g}", "yes" if verdict.reached else "no"
            table.add_row(outcome.name, verdict.what, f"{verdict.value:.3f}", wanted, reached)
    return table


def _lines(outcomes: Sequence[Outcome], facts: dict[str, str]) -> Iterator[str]:
    if any(entry.cut_short for outcome in outcomes for entry in outcome.entries):
        yield "* cut short: the share is that of the bytes so far"
    for outcome in outcomes:
        yield from (f"{outcome.name}: {note}" for note in outcome.notes)
        yield from (f"skipped: {reason}" for reason in outcome.skipped)
    yield from (f"{name}: {value}" for name, value in facts.items())
