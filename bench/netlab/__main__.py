"""``python -m bench.netlab``: measures, and prints the share of the link that each tool filled.

``BENCH_DIR`` is the folder to work in, ``BENCH_NET_PROFILES`` what to measure, ``BENCH_NET_TOOLS``
with which tools, ``BENCH_NET_ROUNDS`` how often; see docs/netlab.md.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from bench.netlab import comparison, trial
from bench.netlab.namespaces import LaboratoryError
from bench.netlab.profiles import PROFILES, USUAL
from bench.netlab.tools import TOOLS

RESULTS = Path("build/bench")


def main(*words: str) -> None:
    """Run what is asked for.

    Raises:
        SystemExit: This machine cannot have a laboratory, or a tool failed.
    """
    folder = Path(os.environ.get("BENCH_DIR", RESULTS / "work")).absolute() / "net"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if words and words[0] == "try":
            sys.exit(trial.run(folder, words[1:]))
        _measure(folder, _asked(words))
    except LaboratoryError as fault:
        raise SystemExit(f"netlab: {fault}") from None


def _asked(words: tuple[str, ...]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.netlab", description=__doc__)
    parser.add_argument("profiles", nargs="*", help=f"some of: {', '.join(PROFILES)}")
    parser.add_argument("--tools", default=os.environ.get("BENCH_NET_TOOLS", ""))
    rounds = int(os.environ.get("BENCH_NET_ROUNDS", "1"))
    parser.add_argument("--rounds", type=int, default=rounds)
    asked = parser.parse_args(words)
    named = os.environ.get("BENCH_NET_PROFILES", ",".join(USUAL))
    asked.profiles = asked.profiles or _split(named)
    asked.tools = _split(asked.tools)
    _known(asked.profiles, PROFILES)
    _known(asked.tools, TOOLS)
    return asked


def _split(names: str) -> list[str]:
    return [name for name in names.split(",") if name]


def _known(names: list[str], known: Mapping[str, object]) -> None:
    for name in names:
        if name not in known:
            raise SystemExit(f"netlab: there is no {name}; there are: {', '.join(known)}")


def _measure(folder: Path, asked: argparse.Namespace) -> None:
    for name in asked.profiles:
        profile = PROFILES[name]
        print(f"{name}: {profile.link}, {profile.congestion}", file=sys.stderr)
        comparison.compare(folder, profile, comparison.named(asked.tools), asked.rounds)


if __name__ == "__main__":
    main(*sys.argv[1:])
