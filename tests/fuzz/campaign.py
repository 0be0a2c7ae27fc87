"""Fuzzes every target by turns: ``python -m tests.fuzz.campaign --minutes M``.

Each turn is a process of its own (``python -m tests.fuzz TARGET``) and takes five minutes at most.
A target is done when it has had M minutes of CPU time in all. The figures are kept in
``build/fuzz/figures.json``, and the inputs that reached new code in ``build/fuzz/<target>``. So a
campaign that was ended goes on where it was. Remove the folder to begin anew. The CPU time of a
child process is known on POSIX only, so it runs there.

Prints a table of all targets, and ends with status 1 if any of them has a finding.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from tests.fuzz.target import CORPUS

FIGURES = Path("build/fuzz/figures.json")
TURN_S = 300.0
ALMOST_S = 5.0  # a process that has had all but this much of its time is done


@dataclass(frozen=True)
class Figures:
    """What a target has had so far.

    Attributes:
        cpu_s: CPU time of its processes in seconds, their start included.
        turns: Processes so far. Each has another seed.
        inputs: Inputs tried.
        edges: Places in dlcore's code that were reached; 0 without atheris.
        finding: How the process ended that had a finding; then the target gets no more turns.
    """

    cpu_s: float = 0.0
    turns: int = 0
    inputs: int = 0
    edges: int = 0
    finding: str = ""


def main(given: Sequence[str] | None = None) -> int:
    """Read the command line and fuzz; returns an exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.campaign", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="CPU time of each target")
    parser.add_argument("--jobs", type=int, default=1, help="targets that are fuzzed at once")
    arguments = parser.parse_args(given)
    campaign = Campaign(_load(), arguments.minutes * 60, _turn, _save)
    workers = [threading.Thread(target=campaign.work) for _ in range(arguments.jobs)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    sys.stdout.write(f"{table(campaign.figures)}\n")
    return 1 if any(had.finding for had in campaign.figures.values()) else 0


class Campaign:
    """Gives each target its time. Several threads may work on it, each on another target.

    Args:
        figures: What each target has had so far.
        wanted_s: CPU time that each is to have in seconds.
        turn: Fuzzes a target for a number of seconds, and returns its new figures.
        save: Keeps the figures after each turn.

    Attributes:
        figures: What each target has had, this campaign included.
    """

    def __init__(
        self,
        figures: Mapping[str, Figures],
        wanted_s: float,
        turn: Callable[[str, Figures, float], Figures],
        save: Callable[[Mapping[str, Figures]], None],
    ) -> None:
        self.figures = dict(figures)
        self._wanted_s = wanted_s
        self._turn = turn
        self._save = save
        self._running: set[str] = set()
        self._lock = threading.Lock()

    def work(self) -> None:
        """Fuzz one target after the other, until no target that nobody fuzzes wants more."""
        while target := self._begin():
            before = self.figures[target]
            duration_s = min(TURN_S, self._wanted_s - before.cpu_s)
            self._end(target, self._turn(target, before, duration_s))

    def _begin(self) -> str | None:
        with self._lock:
            free = {name: had for name, had in self.figures.items() if name not in self._running}
            target = next_target(free, self._wanted_s)
            if target:
                self._running.add(target)
            return target

    def _end(self, target: str, had: Figures) -> None:
        with self._lock:
            self.figures[target] = had
            self._running.remove(target)
            self._save(self.figures)
        sys.stderr.write(f"{target}: {had}\n")


def next_target(figures: Mapping[str, Figures], wanted_s: float) -> str | None:
    """The target that has had the least time, or None if each has had what is wanted."""
    left = {
        name: had
        for name, had in figures.items()
        if not had.finding and had.cpu_s < wanted_s - min(ALMOST_S, wanted_s / 2)
    }
    return min(left, key=lambda name: left[name].cpu_s, default=None)


def counted(before: Figures, said: str, cpu_s: float, status: int) -> Figures:
    """The figures after one more turn.

    Args:
        before: Those before it.
        said: What the process printed.
        cpu_s: Its CPU time in seconds.
        status: Its exit status.
    """
    inputs = re.findall(r"number_of_executed_units: (\d+)", said)
    edges = re.findall(r"\bcov: (\d+)", said)
    return replace(
        before,
        cpu_s=round(before.cpu_s + cpu_s, 1),
        turns=before.turns + 1,
        inputs=before.inputs + (int(inputs[-1]) if inputs else 0),
        edges=max(before.edges, *map(int, edges), 0),
        finding=f"status {status}, turn {before.turns + 1}" if status else "",
    )


def table(figures: Mapping[str, Figures]) -> str:
    """A table in Markdown."""
    rows = [
        f"| `{name}` | {had.cpu_s / 60:.1f} | {had.inputs:,} | {had.edges or ''} | {had.finding} |"
        for name, had in figures.items()
    ]
    head = "| Target | CPU minutes | Inputs | Places reached | Finding |\n|---|---|---|---|---|"
    return "\n".join([head, *rows])


def _turn(target: str, before: Figures, duration_s: float) -> Figures:
    """Fuzz one target in a process of its own; what it prints goes on to standard error."""
    command = [sys.executable, "-m", "tests.fuzz", target, "--minutes", str(duration_s / 60)]
    command += ["--seed", str(before.turns + 1)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    with process.stdout as output:
        said = output.read().decode("utf-8", "replace")
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.stderr.write(said)
    return counted(before, said, used.ru_utime + used.ru_stime, process.returncode)


def _load() -> dict[str, Figures]:
    """The figures of every target that has a corpus; none yet for one that is new."""
    had: dict[str, Figures] = {}
    if FIGURES.exists():
        had = msgspec.json.decode(FIGURES.read_bytes(), type=dict[str, Figures])
    names = sorted(folder.name for folder in CORPUS.iterdir())
    return {name: had.get(name, Figures()) for name in names}


def _save(figures: Mapping[str, Figures]) -> None:
    FIGURES.parent.mkdir(parents=True, exist_ok=True)
    FIGURES.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=1))


if __name__ == "__main__":
    sys.exit(main())
