"""Figures and how they are shown: tables for people, JSON for programs."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from bench.cost import Costs
from dlcore.native import backend

MIB, GIB = 1 << 20, 1 << 30


class Figure(msgspec.Struct, frozen=True):
    """One result over all rounds.

    Attributes:
        name: What was compared.
        values: One a round.
        unit: ``x`` for a ratio.
        at_least: What it should reach.
        at_most: What it should not exceed.
    """

    name: str
    values: list[float]
    unit: str = "x"
    at_least: float | None = None
    at_most: float | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def wanted(self) -> str:
        if self.at_least is not None:
            return f">= {self.at_least:g}"
        return "" if self.at_most is None else f"<= {self.at_most:g}"

    @property
    def verdict(self) -> str:
        if not self.wanted:
            return ""
        low = self.at_least is not None and self.median < self.at_least
        high = self.at_most is not None and self.median > self.at_most
        return "no" if low or high else "yes"


class Outcome(msgspec.Struct, frozen=True):
    """What one benchmark found.

    Attributes:
        name: Of the benchmark, and of its JSON file.
        content_bytes: Handled by each run; 0 if that means nothing.
        costs: By way.
        figures: Computed from them.
        skipped: What was not measured, and why.
    """

    name: str
    content_bytes: int
    costs: dict[str, Costs]
    figures: list[Figure]
    skipped: list[str]


def ratio(
    name: str,
    above: Costs | None,
    below: Costs | None,
    what: str,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
) -> list[Figure]:
    """``above / below``, round by round; nothing if one of them was not measured."""
    if above is None or below is None:
        return []
    pairs = zip(above.all(what), below.all(what), strict=True)
    values = [one / other for one, other in pairs]
    return [Figure(name, values, "x", at_least, at_most)]


def peak(name: str, costs: Costs, *, at_most: float) -> Figure:
    """Peak resident memory."""
    values = [value / MIB for value in costs.all("peak_bytes")]
    return Figure(name, values, "MiB", at_most=at_most)


def machine() -> dict[str, str]:
    """Where this ran."""
    cpu = next(_lines("/proc/cpuinfo", "model name"), platform.processor())
    return {
        "cpu": f"{os.cpu_count()} x {cpu}",
        "kernel": platform.release(),
        "python": platform.python_version(),
        "sha256": backend(),
        "load": " ".join(f"{load:.1f}" for load in os.getloadavg()),
    }


def _lines(path: str, start: str) -> Iterator[str]:
    if Path(path).exists():
        for line in Path(path).read_text(encoding="utf-8").splitlines():
            if line.startswith(start):
                yield line.partition(":")[2].strip()


def write(folder: Path, outcome: Outcome, versions: Mapping[str, str]) -> None:
    """Write one benchmark's JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = {"machine": machine(), "versions": versions, **msgspec.to_builtins(outcome)}
    path = folder / f"{outcome.name}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(whole)))


def show(outcomes: Sequence[Outcome], versions: Mapping[str, str]) -> None:
    """Print the costs of each benchmark, then one table of all figures."""
    console = Console(width=110)
    for outcome in outcomes:
        if outcome.costs:
            console.print(_table_of_costs(outcome))
    console.print(_table_of_figures(outcomes))
    for reason in (reason for outcome in outcomes for reason in outcome.skipped):
        console.print(f"skipped: {reason}", highlight=False)
    for name, value in {**machine(), **versions}.items():
        console.print(f"{name}: {value}", highlight=False)


def _table_of_costs(outcome: Outcome) -> Table:
    table = Table(title=f"{outcome.name} (medians)", title_justify="left")
    table.add_column("way")
    for column in ("wall s", "CPU s", "GB/s", "CPU s/GiB", "peak MiB"):
        table.add_column(column, justify="right")
    size = outcome.content_bytes
    for name, costs in outcome.costs.items():
        wall_s, cpu_s = costs.median("wall_s"), costs.median("cpu_s")
        speed = [f"{size / wall_s / 1e9:.2f}", f"{cpu_s / size * GIB:.3f}"] if size else ["", ""]
        peak_mib = f"{costs.median('peak_bytes') / MIB:.0f}"
        table.add_row(name, f"{wall_s:.3f}", f"{cpu_s:.3f}", *speed, peak_mib)
    return table


def _table_of_figures(outcomes: Sequence[Outcome]) -> Table:
    table = Table(title="figures", title_justify="left")
    table.add_column("figure")
    for column in ("median", "lowest", "highest"):
        table.add_column(column, justify="right")
    for column in ("unit", "wanted", "reached"):
        table.add_column(column)
    for figure in (figure for outcome in outcomes for figure in outcome.figures):
        spread = (figure.median, min(figure.values), max(figure.values))
        values = [f"{value:.2f}" for value in spread]
        table.add_row(figure.name, *values, figure.unit, figure.wanted, figure.verdict)
    return table
