"""``python -m bench.netlab [NAME ...]``: what share of a link each tool fills, and experiments.

Variables: BENCH_DIR is the folder to work in, BENCH_NET_PROFILES what to measure (with commas),
BENCH_NET_TOOLS with which tools, BENCH_NET_ROUNDS how often. See docs/netlab.md.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench.netlab import (
    cap,
    chart,
    comparison,
    facts,
    inside,
    liar,
    login,
    neighbour,
    outcome,
    sequence,
    trial,
    two,
)
from bench.netlab.measure import ToolError
from bench.netlab.namespaces import LaboratoryError
from bench.netlab.outcome import Outcome
from bench.netlab.profiles import PROFILES, USUAL
from bench.netlab.tools import TOOLS, Tool

RESULTS = Path("build/bench")
EXPERIMENTS: dict[str, Callable[[Path], Outcome]] = {
    "two": two.run,
    "liar": liar.run,
    "sequence": sequence.run,
    "sequence-far": sequence.run_far,
    "cap": cap.run,
    "inside": inside.run,
    "login": login.run,
    "neighbour": neighbour.run,
}


def main(*words: str) -> None:
    """Run what is asked for.

    Raises:
        SystemExit: This machine cannot have a laboratory, or something unknown was asked for.
    """
    folder = Path(os.environ.get("BENCH_DIR", RESULTS / "work")).absolute() / "net"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if words and words[0] == "try":
            sys.exit(trial.run(folder, words[1:]))
        asked = _asked(words)
        outcomes = [_measure(folder, name, asked) for name in asked.names]
    except (LaboratoryError, ToolError) as fault:
        raise SystemExit(f"netlab: {fault}") from None
    known = facts.collect(folder)
    outcome.write(RESULTS / "net.json", outcomes, known)
    chart.write(RESULTS / "net.svg", outcomes)
    outcome.show(outcomes, known)


def _asked(words: Sequence[str]) -> argparse.Namespace:
    names = {**PROFILES, **EXPERIMENTS}
    parser = argparse.ArgumentParser(prog="python -m bench.netlab", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"some of: {', '.join(names)}")
    parser.add_argument("--tools", default=os.environ.get("BENCH_NET_TOOLS", ""))
    rounds = int(os.environ.get("BENCH_NET_ROUNDS", "1"))
    parser.add_argument("--rounds", type=int, default=rounds)
    asked = parser.parse_args(words)
    usual = ",".join((*USUAL, *EXPERIMENTS))
    asked.names = asked.names or _split(os.environ.get("BENCH_NET_PROFILES", usual))
    asked.tools = _split(asked.tools) or list(TOOLS)
    _known(asked.names, names)
    _known(asked.tools, TOOLS)
    return asked


def _split(names: str) -> list[str]:
    return [name for name in names.split(",") if name]


def _known(names: Sequence[str], known: Mapping[str, object]) -> None:
    for name in names:
        if name not in known:
            raise SystemExit(f"netlab: there is no {name}; there are: {', '.join(known)}")


def _measure(folder: Path, name: str, asked: argparse.Namespace) -> Outcome:
    if name in PROFILES:
        profile = PROFILES[name]
        print(f"{name}: {profile.link}, {profile.congestion}", file=sys.stderr)
        tools: list[Tool] = [TOOLS[tool] for tool in asked.tools]
        return outcome.judged(profile, *comparison.compare(folder, profile, tools, asked.rounds))
    print(name, file=sys.stderr)
    try:
        found = EXPERIMENTS[name](folder)
    except ToolError as fault:
        return Outcome(name, "", skipped=[f"{name}: {fault}"])
    for line in (*found.notes, *found.skipped):
        print(f"  {line}", file=sys.stderr)
    return found


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything is taken down
    main(*sys.argv[1:])
